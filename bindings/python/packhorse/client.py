"""A session with the broker."""

from __future__ import annotations

import ctypes
import enum
from dataclasses import dataclass
from types import TracebackType
from typing import Iterator, Optional, Type

from packhorse import _abi
from packhorse import message as _message
from packhorse.error import PackhorseError, Status, Timeout, call
from packhorse.message import Message


class Outcome(enum.IntEnum):
    """How a delivery ended; exactly one per delivery."""
    DELIVERED = 1
    DUPLICATE = 2
    RETRY = 3
    REJECTED = 4
    UNKNOWN = 5


class EventKind(enum.IntEnum):
    """What the broker says."""
    CONNECTED = 1
    DISCONNECTED = 2
    RESULT = 3
    DELIVERY = 4
    SETTLED = 5


class Result(enum.IntEnum):
    """What became of a published message."""
    ACCEPTED = 0
    DUPLICATE = 1
    REFUSED = 2
    CONFLICT = 3


@dataclass(frozen=True)
class Event:
    """One thing the broker said; which members count depends on the kind."""
    kind: EventKind
    text: str = ""
    ticket: int = 0
    result: Optional[Result] = None
    acceptance: int = 0
    delivery: int = 0
    message: Optional[Message] = None
    queue: str = ""
    attempt: int = 0
    redelivered: bool = False


class Client:
    """One session. `address` is the path of the broker's control socket, or tcp://host:port.
    Options are those of ph_client_set, with _ for -: name, window, batch, connect_timeout,
    curve_server, curve_public, curve_secret."""

    def __init__(self, address: str, **options: object) -> None:
        self._handle = ctypes.c_void_p()
        call(_abi.library.ph_client_new, address.encode(), ctypes.byref(self._handle))
        try:
            for name, value in options.items():
                call(_abi.library.ph_client_set, self._handle, name.replace("_", "-").encode(),
                     str(value).encode())
        except PackhorseError:
            self.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """End the session; what is unacknowledged is not waited for."""
        if getattr(self, "_handle", None):
            _abi.library.ph_client_destroy(ctypes.byref(self._handle))

    @property
    def _open(self) -> ctypes.c_void_p:
        if not self._handle:
            raise PackhorseError(Status.CLOSED, "", "the client is closed")
        return self._handle

    def connect(self, timeout: float = 5.0) -> None:
        """Connect and wait for the session, so many seconds."""
        call(_abi.library.ph_client_connect, self._open, _milliseconds(timeout))

    def publish(self, message: Message) -> int:
        """Hand a message over; returns the ticket that its RESULT event will name."""
        ticket = ctypes.c_uint64()
        handle = _message.new(message)
        try:
            call(_abi.library.ph_client_publish, self._open, handle, ctypes.byref(ticket))
        finally:
            _message.free(handle)
        return ticket.value

    def flush(self) -> None:
        """Send what is packed, now."""
        call(_abi.library.ph_client_flush, self._open)

    def subscribe(self, queue: str, credit: int = 1) -> None:
        """Take messages of a queue, at most `credit` unsettled at a time."""
        call(_abi.library.ph_client_subscribe, self._open, queue.encode(), credit)

    def settle(self, delivery: int, outcome: Outcome, reference: Optional[str] = None,
               reason: Optional[str] = None, text: Optional[str] = None,
               delay: float = 0.0) -> None:
        """End a delivery. `delay` in seconds is for RETRY; 0 leaves it to the broker."""
        call(_abi.library.ph_client_settle, self._open, delivery, outcome, _bytes(reference),
             _bytes(reason), _bytes(text), _milliseconds(delay))

    def next(self, timeout: Optional[float] = None) -> Event:
        """The next event; Timeout if none came in so many seconds (None: wait for ever)."""
        handle = ctypes.c_void_p()
        call(_abi.library.ph_client_next, self._open,
             -1 if timeout is None else _milliseconds(timeout), ctypes.byref(handle))
        return _event(handle)

    def events(self, timeout: Optional[float] = None) -> Iterator[Event]:
        """Events, until none has come for so many seconds."""
        while True:
            try:
                event = self.next(timeout)
            except Timeout:
                return
            yield event

    @property
    def pending(self) -> int:
        """Published messages without a result yet."""
        return int(_abi.library.ph_client_pending(self._open))

    @property
    def unsettled(self) -> int:
        """Settlements not yet confirmed."""
        return int(_abi.library.ph_client_unsettled(self._open))


def version() -> str:
    """The C library's version."""
    return _abi.text(_abi.library.ph_version())


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _bytes(value: Optional[str]) -> Optional[bytes]:
    return None if value is None else value.encode("utf-8")


def _event(handle: ctypes.c_void_p) -> Event:
    """A copy of the library's event."""
    library = _abi.library
    kind = EventKind(library.ph_event_kind_of(handle))
    text = _abi.text(library.ph_event_text(handle))
    if kind is EventKind.RESULT:
        return Event(kind, text, ticket=library.ph_event_ticket(handle),
                     result=Result(library.ph_event_result(handle)),
                     acceptance=library.ph_event_acceptance(handle))
    if kind is EventKind.DELIVERY:
        return Event(kind, delivery=library.ph_event_delivery(handle),
                     message=_message.read(library.ph_event_message(handle)),
                     queue=_abi.text(library.ph_event_queue(handle)),
                     attempt=library.ph_event_attempt(handle),
                     redelivered=bool(library.ph_event_redelivered(handle)))
    if kind is EventKind.SETTLED:
        return Event(kind, delivery=library.ph_event_delivery(handle))
    return Event(kind, text)
