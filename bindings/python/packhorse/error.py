"""What went wrong: the C library's statuses and error texts as exceptions."""

from __future__ import annotations

import ctypes
import enum

from packhorse import _abi


class Status(enum.IntEnum):
    """What a caller can do about it: see packhorse/error.h."""
    OK = 0
    USAGE = 1
    INVALID = 2
    NOT_FOUND = 3
    CONFLICT = 4
    DENIED = 5
    TOO_LARGE = 6
    FULL = 7
    AGAIN = 8
    TIMEOUT = 9
    CLOSED = 10
    VERSION = 11
    IO = 12
    DAMAGED = 13
    NOMEM = 14


class PackhorseError(Exception):
    """A call of the C library failed."""

    def __init__(self, status: Status, where: str, text: str, errno: int = 0) -> None:
        super().__init__(": ".join(filter(None, (where, text))) or status.name)
        self.status = status
        self.where = where
        self.text = text
        self.errno = errno


class Timeout(PackhorseError):
    """The time given was up."""


def call(function: "ctypes._CFuncPtr", *arguments: object) -> None:
    """Call a function that returns a ph_status and takes a ph_error last."""
    error = _abi.Error()
    status = Status(function(*arguments, ctypes.byref(error)))
    if status is not Status.OK:
        kind = Timeout if status is Status.TIMEOUT else PackhorseError
        raise kind(status, _abi.text(error.where), _abi.text(error.text), error.sys_errno)
