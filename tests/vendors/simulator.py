"""What the simulated vendor systems have in common: an HTTP server that can be told to
misbehave, and a file of accepted calls that survives the process.

A simulator answers its vendor's calls on --port, and is told how to behave on paths under
/_sim/, there and on a second port that stays open when the first is closed:

    GET  /_sim/state                 what it holds and how it behaves, as JSON
    POST /_sim/reset                 forget everything, the file too, and behave as it should
    POST /_sim/mode   {"mode": MODE, "seconds": S, "count": N, "on": OPERATION, ...}

    up         as it should
    down       takes nothing: "how": "refuse" closes the port (the default), "503" answers so,
               "reset" reads the call and resets the connection
    slow       answers after "delay" seconds (default 2), or as soon as it is told another mode;
               with "done": true the call is done before, and only its answer is late
    fault      takes nothing and answers with an error; "kind": "server" (default) or "client"
    hang       takes the call, keeps it, and never answers
    malformed  takes the call, keeps it, and answers with bytes that are no document

A mode ends after S seconds or N calls, whichever is given; without either it stays. "on" limits
it to one operation (see each simulator); `down` means all, the others mean "send" unless told.

The file of accepted calls has one JSON object per line. A line is synced before its call is
answered, and a restarted simulator reads its file and goes on where it stopped.
"""

import argparse
import collections
import datetime
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

MODES = ("up", "down", "slow", "fault", "hang", "malformed")
BODY_MAX = 8 << 20

Answer = collections.namedtuple("Answer", "status headers body")


def now():
    """The time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def stamp(moment=None):
    """A moment as RFC 3339 with microseconds."""
    return (moment or now()).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Journal:
    """The file of accepted calls. A torn last line (the process was killed) is cut off."""

    def __init__(self, path):
        self.rows = []
        self._lock = threading.Lock()
        if os.path.exists(path):
            self._read(path)
        self._file = open(path, "ab")

    def _read(self, path):
        good = 0
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.rows.append(json.loads(line))
                good += len(line)
        os.truncate(path, good)

    def append(self, row):
        """Keep a row: it is on disk when this returns."""
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fdatasync(self._file.fileno())
            self.rows.append(row)
        return row

    def clear(self):
        """Forget all rows."""
        with self._lock:
            self._file.truncate(0)
            os.fdatasync(self._file.fileno())
            self.rows.clear()


class Mode:
    """How to behave now, and until when."""

    def __init__(self):
        self._changed = threading.Condition()
        self.orders = 0
        self._set({"mode": "up"})

    def _set(self, order):
        self.name = order["mode"]
        self.order = order
        self.count = order.get("count")
        seconds = order.get("seconds")
        self.until = time.monotonic() + seconds if seconds is not None else None

    def _expire(self):
        if self.until is not None and time.monotonic() >= self.until:
            self._set({"mode": "up"})
            self._changed.notify_all()

    def change(self, order):
        """Take an order; returns what is wrong with it, or None."""
        if not isinstance(order, dict) or order.get("mode") not in MODES:
            return "mode must be one of " + ", ".join(MODES)
        for name in ("seconds", "count", "delay"):
            if not isinstance(order.get(name, 0), (int, float)):
                return name + " must be a number"
        with self._changed:
            self.orders += 1
            self._set(dict(order, number=self.orders))
            self._changed.notify_all()
        return None

    def take(self, operation):
        """The order that holds for one call of this operation (an `up` order if none)."""
        with self._changed:
            self._expire()
            wanted = self.order.get("on", "any" if self.name == "down" else "send")
            if self.name == "up" or wanted not in ("any", operation):
                return {"mode": "up"}
            order = self.order
            if self.count is not None:
                self.count -= 1
                if self.count <= 0:
                    self._set({"mode": "up"})
                    self._changed.notify_all()
            return order

    def rest(self, order):
        """What a slow call waits for: its time, or another order than its own."""
        with self._changed:
            self._changed.wait_for(lambda: self.orders != order["number"], order.get("delay", 2))

    def closed(self):
        """Is the port to be closed now?"""
        with self._changed:
            self._expire()
            return self.name == "down" and self.order.get("how", "refuse") == "refuse"

    def wait(self, seconds):
        """Wait for a change of mode, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def state(self):
        """For /_sim/state."""
        with self._changed:
            self._expire()
            left = None if self.until is None else round(self.until - time.monotonic(), 3)
            return {"mode": self.name, "count": self.count, "seconds_left": left}


class Request:
    """One call: method, path, headers (a mapping without case), body."""

    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    simulator = None

    def log_message(self, format, *args):  # the file of calls is the log
        pass

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                parts.append(self.rfile.read(size))
                self.rfile.readline()
                if size == 0:
                    return b"".join(parts)
                if sum(map(len, parts)) > BODY_MAX:
                    return None
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length <= BODY_MAX else None

    def _answer(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _reset(self):
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)

    def _hold(self):
        """Never answer: stay until the caller has gone away."""
        self.close_connection = True
        while True:
            ready, _, _ = select.select([self.connection], [], [], 1)
            if ready and not self.connection.recv(4096):
                return

    def _handle(self):
        body = self._body()
        if body is None:
            self.close_connection = True
            self._answer(Answer(413, [], b"too large\n"))
            return
        request = Request(self.command, self.path, self.headers, body)
        simulator = self.simulator
        if self.path.startswith("/_sim/"):
            self._answer(simulator.told(request))
            return
        order = simulator.mode.take(simulator.operation(request))
        simulator.count_call(order["mode"])
        self._behave(order, request)

    def _behave(self, order, request):
        name = order["mode"]
        simulator = self.simulator
        if name == "down":
            if order.get("how") == "reset":
                self._reset()
                return
            self.close_connection = True
            self._answer(Answer(503, [("Content-Type", "text/plain"), ("Connection", "close")],
                                b"down for maintenance\n"))
        elif name == "fault":
            self._answer(simulator.fault(request, order.get("kind", "server")))
        elif name == "hang":
            simulator.handle(request)
            self._hold()
        elif name == "malformed":
            answer = simulator.handle(request)
            self._answer(Answer(answer.status, answer.headers,
                                answer.body[:len(answer.body) * 2 // 3] + b"<&\x80"))
        else:
            answer = None
            if name == "slow":
                life = simulator.life
                if order.get("done"):
                    answer = simulator.handle(request)
                simulator.mode.rest(order)
                if life != simulator.life:  # it was reset meanwhile
                    self._reset()
                    return
            self._answer(answer or simulator.handle(request))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass


class Simulator:
    """A vendor system. A subclass gives operation(), handle(), fault() and its own orders."""

    def __init__(self, options):
        self.options = options
        self.journal = Journal(options.file)
        self.mode = Mode()
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.shut = threading.Event()  # the port is closed
        self.calls = collections.Counter()
        self.life = 1

    # -- what a subclass gives ---------------------------------------------------------

    def operation(self, request):
        """A word for this call: "send", "poll", "update" or "read"."""
        return "send"

    def handle(self, request):
        """Do the call; returns an Answer."""
        raise NotImplementedError

    def fault(self, request, kind):
        """An error of this vendor's shape, kind "server" or "client"."""
        raise NotImplementedError

    def begin(self):
        """Set out from the rows of the journal, or from none."""

    def order(self, name, body):
        """An order of the subclass under /_sim/NAME; returns an object, or None if unknown."""
        return None

    def describe(self):
        """More for /_sim/state."""
        return {}

    def tick(self):
        """Called some times a second: let time do its work."""

    # -- being told --------------------------------------------------------------------

    def count_call(self, mode):
        """Count a call of the vendor's interface, for /_sim/state."""
        with self.lock:
            self.calls[mode] += 1

    def told(self, request):
        """A call under /_sim/."""
        name = request.path.split("?")[0][len("/_sim/"):]
        if request.method == "GET" and name == "state":
            return json_answer(200, self._state())
        if request.method != "POST":
            return json_answer(404, {"error": "no such order"})
        try:
            body = json.loads(request.body or b"{}")
        except ValueError as error:
            return json_answer(400, {"error": str(error)})
        if name == "reset":
            return json_answer(200, self._forget())
        if name == "mode":
            wrong = self.mode.change(body)
            # A call that comes with the closing might be reset, which leaves it in doubt: so whoever
            # told us goes on when it is done.
            while self.mode.closed() and not self.shut.wait(0.05):
                pass
            return json_answer(400, {"error": wrong}) if wrong else json_answer(200, self._state())
        try:
            done = self.order(name, body)
        except (KeyError, ValueError) as error:
            return json_answer(400, {"error": repr(error)})
        if done is None:
            return json_answer(404, {"error": "no such order"})
        return json_answer(200, done)

    def _forget(self):
        with self.lock:
            self.life += 1
            self.calls.clear()
            self.journal.clear()
            self.begin()
        self.mode.change({"mode": "up"})
        return self._state()

    def _state(self):
        state = self.mode.state()
        state["calls"] = dict(self.calls)
        state["rows"] = len(self.journal.rows)
        state.update(self.describe())
        return state

    # -- serving -----------------------------------------------------------------------

    def serve(self):
        """Serve until told to stop by a signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        host = self.options.host
        main = listen(host, self.options.port)
        port = main.getsockname()[1]
        control = listen(host, self.options.control_port)
        threading.Thread(target=self._accept, args=(control,), daemon=True).start()
        threading.Thread(target=self._accept_unless_down, args=(main, port), daemon=True).start()
        threading.Thread(target=self._ticks, daemon=True).start()
        print("ready", port, flush=True)
        print("control", control.getsockname()[1], flush=True)
        self.stopping.wait()

    def _ticks(self):
        while not self.stopping.wait(0.05):
            self.tick()

    def _spawn(self, connection, peer):
        handler = type("Handler", (_Handler,), {"simulator": self})

        def run():
            try:
                handler(connection, peer, None)
            except OSError:
                pass
            finally:
                connection.close()

        threading.Thread(target=run, daemon=True).start()

    def _accept(self, listener):
        while True:
            self._spawn(*listener.accept())

    def _accept_unless_down(self, listener, port):
        while True:
            if self.mode.closed():
                # Those already in are answered 503: a reset would leave them in doubt.
                self._drain(listener)
                listener.close()
                self.shut.set()
                while self.mode.closed():
                    self.mode.wait(0.05)
                self.shut.clear()
                listener = listen(self.options.host, port)
            ready, _, _ = select.select([listener], [], [], 0.05)
            if ready:
                self._spawn(*listener.accept())

    def _drain(self, listener):
        listener.setblocking(False)
        try:
            while True:
                connection, peer = listener.accept()
                connection.setblocking(True)
                self._spawn(connection, peer)
        except BlockingIOError:
            pass


def listen(host, port):
    """A listening socket; port 0 picks a free one."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    return listener


def json_answer(status, value):
    """An Answer with a JSON body."""
    body = json.dumps(value, ensure_ascii=False).encode() + b"\n"
    return Answer(status, [("Content-Type", "application/json; charset=utf-8")], body)


def arguments(purpose):
    """The options all simulators take."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--control-port", type=int, default=0,
                        help="for /_sim/ while the port is closed; 0 picks a free one")
    parser.add_argument("--file", required=True, help="the file of accepted calls (JSON lines)")
    parser.add_argument("--status-after", type=float, default=3.0, metavar="SECONDS",
                        help="how long each step of the work takes; 0: only when told")
    return parser


def run(kind, parser):
    """The main program of a simulator."""
    try:
        kind(parser.parse_args()).serve()
    except OSError as error:
        sys.exit(f"{parser.prog}: {error}")
