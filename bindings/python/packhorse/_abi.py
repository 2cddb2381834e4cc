"""The C library's interface, declaration by declaration: include/packhorse/*.h."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

ERROR_WHERE = 256
ERROR_TEXT = 512


class Error(ctypes.Structure):
    """ph_error"""
    _fields_ = [("status", c_int), ("sys_errno", c_int), ("where", c_char * ERROR_WHERE),
                ("text", c_char * ERROR_TEXT)]


class Attribute(ctypes.Structure):
    """ph_attribute"""
    _fields_ = [("name", c_char_p), ("value", c_char_p), ("length", c_size_t)]


def _load() -> ctypes.CDLL:
    name = os.environ.get("PACKHORSE_LIBRARY")
    name = name or ctypes.util.find_library("packhorse") or "libpackhorse.so.0"
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise ImportError(
            f"the library cannot be loaded: {error}; install it (and run ldconfig), or name the "
            "file with PACKHORSE_LIBRARY") from error


library = _load()

_ERROR = POINTER(Error)
_SIZE = POINTER(c_size_t)

for _name, _result, _arguments in (
    ("ph_version", c_char_p, ()),
    ("ph_status_name", c_char_p, (c_int,)),
    ("ph_message_new", c_int, (POINTER(Attribute), c_size_t, c_char_p, c_size_t,
                               POINTER(c_void_p), _ERROR)),
    ("ph_message_decode", c_int, (c_char_p, c_size_t, POINTER(c_void_p), _ERROR)),
    ("ph_message_unref", None, (POINTER(c_void_p),)),
    ("ph_message_bytes", c_void_p, (c_void_p, _SIZE)),
    ("ph_message_data", c_void_p, (c_void_p, _SIZE)),
    ("ph_message_at", c_void_p, (c_void_p, c_size_t, POINTER(c_char_p))),
    ("ph_message_count", c_size_t, (c_void_p,)),
    ("ph_client_new", c_int, (c_char_p, POINTER(c_void_p), _ERROR)),
    ("ph_client_set", c_int, (c_void_p, c_char_p, c_char_p, _ERROR)),
    ("ph_client_connect", c_int, (c_void_p, c_int, _ERROR)),
    ("ph_client_publish", c_int, (c_void_p, c_void_p, POINTER(c_uint64), _ERROR)),
    ("ph_client_flush", c_int, (c_void_p, _ERROR)),
    ("ph_client_subscribe", c_int, (c_void_p, c_char_p, c_uint32, _ERROR)),
    ("ph_client_settle", c_int, (c_void_p, c_uint64, c_int, c_char_p, c_char_p, c_char_p,
                                 c_uint64, _ERROR)),
    ("ph_client_next", c_int, (c_void_p, c_int, POINTER(c_void_p), _ERROR)),
    ("ph_client_pending", c_size_t, (c_void_p,)),
    ("ph_client_unsettled", c_size_t, (c_void_p,)),
    ("ph_client_destroy", None, (POINTER(c_void_p),)),
    ("ph_event_kind_of", c_int, (c_void_p,)),
    ("ph_event_ticket", c_uint64, (c_void_p,)),
    ("ph_event_result", c_int, (c_void_p,)),
    ("ph_event_acceptance", c_uint64, (c_void_p,)),
    ("ph_event_text", c_char_p, (c_void_p,)),
    ("ph_event_delivery", c_uint64, (c_void_p,)),
    ("ph_event_message", c_void_p, (c_void_p,)),
    ("ph_event_queue", c_char_p, (c_void_p,)),
    ("ph_event_attempt", c_uint, (c_void_p,)),
    ("ph_event_redelivered", c_int, (c_void_p,)),
):
    _function = getattr(library, _name)
    _function.restype = _result
    _function.argtypes = _arguments


def text(value: bytes | None) -> str:
    """A C string as text; none is ""."""
    return (value or b"").decode("utf-8", "replace")
