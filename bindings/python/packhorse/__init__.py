"""The client of the Packhorse message bus: publish, subscribe, settle."""

from packhorse.client import Client, Event, EventKind, Outcome, Result, version
from packhorse.error import PackhorseError, Status, Timeout
from packhorse.message import Message

__all__ = ["Client", "Event", "EventKind", "Message", "Outcome", "PackhorseError", "Result",
           "Status", "Timeout", "version"]
