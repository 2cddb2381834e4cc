"""A message: a CloudEvents 1.0.2 event."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Dict, Mapping, Optional

from packhorse import _abi
from packhorse.error import call


@dataclass(frozen=True)
class Message:
    """An event to publish, or one that was delivered. `attributes` are all but the first three;
    their values are text."""
    id: str
    source: str
    type: str
    data: bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> Optional[str]:
        """What the event is about."""
        return self.attributes.get("subject")

    @property
    def time(self) -> Optional[str]:
        """When it happened, RFC 3339."""
        return self.attributes.get("time")

    def encode(self) -> bytes:
        """The encoded form, as doc/protocol.md lays it out."""
        handle = new(self)
        try:
            length = ctypes.c_size_t()
            start = _abi.library.ph_message_bytes(handle, ctypes.byref(length))
            return ctypes.string_at(start, length.value)
        finally:
            free(handle)

    @staticmethod
    def decode(encoded: bytes) -> "Message":
        """Read an encoded message; PackhorseError if it is none."""
        handle = ctypes.c_void_p()
        call(_abi.library.ph_message_decode, encoded, len(encoded), ctypes.byref(handle))
        try:
            return read(handle)
        finally:
            free(handle)


def new(message: Message) -> ctypes.c_void_p:
    """The message as the library's; to be freed."""
    pairs = {"id": message.id, "source": message.source, "type": message.type,
             **message.attributes}
    array = (_abi.Attribute * len(pairs))()
    for place, (name, value) in enumerate(pairs.items()):
        encoded = value.encode("utf-8")
        array[place] = _abi.Attribute(name.encode("utf-8"), encoded, len(encoded))
    handle = ctypes.c_void_p()
    call(_abi.library.ph_message_new, array, len(pairs), message.data, len(message.data),
         ctypes.byref(handle))
    return handle


def free(handle: ctypes.c_void_p) -> None:
    """One holder less."""
    _abi.library.ph_message_unref(ctypes.byref(handle))


def read(handle: ctypes.c_void_p) -> Message:
    """A copy of the library's message."""
    attributes: Dict[str, str] = {}
    for place in range(_abi.library.ph_message_count(handle)):
        name = ctypes.c_char_p()
        value = _abi.library.ph_message_at(handle, place, ctypes.byref(name))
        attributes[_abi.text(name.value)] = _abi.text(ctypes.string_at(value))
    length = ctypes.c_size_t()
    start = _abi.library.ph_message_data(handle, ctypes.byref(length))
    data = ctypes.string_at(start, length.value) if length.value else b""
    return Message(attributes.pop("id"), attributes.pop("source"), attributes.pop("type"), data,
                   attributes)
