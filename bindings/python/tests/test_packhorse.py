"""The binding alone (the library must be found), and with a broker where PACKHORSE_SOCKET names
one that has the extra queue named by PACKHORSE_QUEUE."""

import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from packhorse import (Client, EventKind, Message, Outcome, PackhorseError, Result,  # noqa: E402
                       Status, Timeout, version)

SOCKET = os.environ.get("PACKHORSE_SOCKET")
QUEUE = os.environ.get("PACKHORSE_QUEUE", "test")
TYPE = os.environ.get("PACKHORSE_TYPE", "council.test.v1")


def message(**more):
    values = {"id": uuid.uuid4().hex, "source": "urn:council:test:python", "type": TYPE,
              "attributes": {"subject": "T-1", "datacontenttype": "application/json"},
              "data": "{\"text\": \"Größe \U0001f407\"}".encode()}
    return Message(**{**values, **more})


class Messages(unittest.TestCase):
    def test_there_and_back(self):
        for one in (message(), message(data=b""), message(data=b"\0\xff" * 1000),
                    message(attributes={"subject": "é", "serviceé"[:7]: "Roads/Highways"})):
            self.assertEqual(Message.decode(one.encode()), one)
        self.assertEqual(message().subject, "T-1")
        self.assertIsNone(message().time)

    def test_layout(self):
        encoded = message(data=b"xyz").encode()
        self.assertEqual(int.from_bytes(encoded[:4], "little"), len(encoded))
        self.assertEqual((encoded[4], encoded[-3:]), (1, b"xyz"))

    def test_refused(self):
        for wrong in (message(id=""), message(attributes={"Upper": "x"}),
                      message(attributes={"a" * 21: "x"}), message(data=b"x" * (1 << 20))):
            with self.assertRaises(PackhorseError) as caught:
                wrong.encode()
            self.assertIn(caught.exception.status, (Status.INVALID, Status.TOO_LARGE))
            self.assertTrue(caught.exception.text)
        with self.assertRaises(PackhorseError):
            Message.decode(message().encode()[:-1])

    def test_version(self):
        self.assertRegex(version(), r"^\d+\.\d+\.\d+$")


class Clients(unittest.TestCase):
    def test_nobody_there(self):
        with Client("/nowhere/control") as client:
            with self.assertRaises(PackhorseError) as caught:
                client.connect(timeout=0.5)
            self.assertIn(caught.exception.status, (Status.IO, Status.TIMEOUT))

    def test_bad_options(self):
        with self.assertRaises(PackhorseError) as caught:
            Client("/nowhere/control", colour="brown")
        self.assertEqual(caught.exception.status, Status.USAGE)

    def test_closed(self):
        client = Client("/nowhere/control", name="test", window=8, connect_timeout=100)
        client.close()
        client.close()
        with self.assertRaises(PackhorseError) as caught:
            client.flush()
        self.assertEqual(caught.exception.status, Status.CLOSED)


@unittest.skipUnless(SOCKET, "no broker (PACKHORSE_SOCKET)")
class Live(unittest.TestCase):
    def setUp(self):
        self.client = Client(SOCKET, name="python-test")
        self.client.connect()
        self.addCleanup(self.client.close)

    def results(self, count):
        """Results by ticket."""
        found = {}
        for event in self.client.events(timeout=60):
            if event.kind is EventKind.RESULT:
                found[event.ticket] = event
            if len(found) == count:
                return found
        raise AssertionError("%d results of %d" % (len(found), count))

    def publish(self, *messages):
        """Publish; returns the results in order."""
        tickets = [self.client.publish(one) for one in messages]
        self.client.flush()
        found = self.results(len(messages))
        return [found[ticket] for ticket in tickets]

    def test_results(self):
        one = message()
        first, = self.publish(one)
        self.assertEqual(first.result, Result.ACCEPTED, first.text)
        self.assertGreater(first.acceptance, 0)
        again, = self.publish(one)
        self.assertEqual((again.result, again.acceptance), (Result.DUPLICATE, first.acceptance))
        other, = self.publish(message(id=one.id, data=b"{\"other\": 1}"))
        self.assertEqual(other.result, Result.CONFLICT)
        self.assertTrue(other.text)
        self.assertEqual(self.client.pending, 0)

    def test_many_in_order(self):
        found = self.publish(*(message() for _ in range(500)))
        numbers = [event.acceptance for event in found]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual({event.result for event in found}, {Result.ACCEPTED})

    def delivery(self, ident):
        """The next delivery of this message; others are settled on the way."""
        for event in self.client.events(timeout=60):
            if event.kind is EventKind.DELIVERY:
                if event.message.id == ident:
                    return event
                self.client.settle(event.delivery, Outcome.DELIVERED)
                self.client.flush()
        raise AssertionError("no delivery of " + ident)

    def settle(self, delivery, *arguments, **more):
        """Settle and wait until it is durable."""
        self.client.settle(delivery, *arguments, **more)
        self.client.flush()
        for event in self.client.events(timeout=60):
            if event.kind is EventKind.SETTLED and event.delivery == delivery:
                return
        raise AssertionError("not settled")

    def test_subscribe_and_settle(self):
        one = message()
        self.publish(one)
        self.client.subscribe(QUEUE, credit=50)
        event = self.delivery(one.id)
        self.assertEqual(event.message.data, one.data)
        self.assertEqual(event.message.source, one.source)
        self.assertEqual((event.queue, event.attempt, event.redelivered), (QUEUE, 1, False))
        self.settle(event.delivery, Outcome.RETRY, text="not now", delay=0.1)
        event = self.delivery(one.id)
        self.assertEqual(event.attempt, 2)
        self.settle(event.delivery, Outcome.DELIVERED, reference="T-7")
        self.assertEqual(self.client.unsettled, 0)

    def test_reject(self):
        one = message()
        self.publish(one)
        self.client.subscribe(QUEUE, credit=50)
        self.settle(self.delivery(one.id).delivery, Outcome.REJECTED, reason="invalid",
                    text="it cannot be")

    def test_time_is_up(self):
        with self.assertRaises(Timeout):
            while True:
                self.client.next(timeout=0.05)


if __name__ == "__main__":
    unittest.main()
