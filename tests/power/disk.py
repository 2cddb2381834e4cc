"""A disk whose power can fail: an NBD server for one guest, with a write cache that forgets.

What the guest writes stands in memory until the guest asks for a flush; only then is it in the image
file. cut() is the failure of the power: each block of 4096 bytes not flushed is written or lost, as the
dice say. That is what a drive may do; it never tears a block, and never loses what it said it flushed.

The protocol is NBD's fixed newstyle, with simple replies and one export.
"""

import os
import socket
import struct
import threading

BLOCK = 4096
HELLO = 0x49484156454F5054  # "IHAVEOPT"
OPTION_REPLY = 0x3E889045565A9
FIXED, NO_ZEROES = 1, 2
OPT_EXPORT_NAME, OPT_ABORT, OPT_GO = 1, 2, 7
ACK, INFO, UNSUPPORTED = 1, 3, 0x80000001
HAS_FLAGS, SEND_FLUSH = 1, 4
REQUEST, REPLY = 0x25609513, 0x67446698
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
EINVAL = 22


class Gone(Exception):
    """The guest is no more there."""


class Disk:
    def __init__(self, image, address):
        self.image = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.image).st_size
        self.cache = {}  # number of the block -> its bytes, not flushed
        self.flushes = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(1)
        self.thread = None

    # --- the medium ---

    def block(self, number):
        held = self.cache.get(number)
        return held if held is not None else os.pread(self.image, BLOCK, number * BLOCK)

    def read(self, offset, length):
        first, last = offset // BLOCK, (offset + length + BLOCK - 1) // BLOCK
        data = b"".join(self.block(number) for number in range(first, last))
        return data[offset - first * BLOCK:][:length]

    def write(self, offset, data):
        at = 0
        while at < len(data):
            number, inside = divmod(offset + at, BLOCK)
            part = data[at:at + BLOCK - inside]
            if len(part) < BLOCK:
                old = self.block(number)
                part = old[:inside] + part + old[inside + len(part):]
            self.cache[number] = part
            at += BLOCK - inside

    def flush(self):
        for number, data in self.cache.items():
            os.pwrite(self.image, data, number * BLOCK)
        self.cache.clear()
        self.flushes += 1

    def cut(self, dice):
        """The power fails; how many blocks that were not flushed survived, and how many did not."""
        self.thread.join()
        share = dice.choice((0.0, dice.random(), 1.0))
        lost = [number for number in sorted(self.cache) if dice.random() >= share]
        unsafe = len(self.cache)
        for number in lost:
            del self.cache[number]
        self.flush()
        return unsafe - len(lost), len(lost)

    # --- the protocol ---

    def serve(self):
        """Take the next guest, in a thread of its own, until it is gone."""
        self.thread = threading.Thread(target=self.serve_guest, daemon=True)
        self.thread.start()

    def serve_guest(self):
        guest, _ = self.listener.accept()
        with guest:
            try:
                self.greet(guest)
                while self.answer(guest):
                    pass
            except (Gone, OSError):
                pass

    def greet(self, guest):
        guest.sendall(b"NBDMAGIC" + struct.pack(">QH", HELLO, FIXED | NO_ZEROES))
        take(guest, 4)
        about = struct.pack(">QH", self.size, HAS_FLAGS | SEND_FLUSH)
        while True:
            _, option, length = struct.unpack(">QII", take(guest, 16))
            take(guest, length)
            if option == OPT_EXPORT_NAME:
                guest.sendall(about)
                return
            if option == OPT_GO:
                tell(guest, option, INFO, struct.pack(">H", 0) + about)
                tell(guest, option, ACK)
                return
            tell(guest, option, ACK if option == OPT_ABORT else UNSUPPORTED)

    def answer(self, guest):
        magic, _, kind, cookie, offset, length = struct.unpack(">IHHQQI", take(guest, 28))
        if magic != REQUEST or kind == DISCONNECT:
            return False
        error, data = 0, b""
        if kind == READ:
            data = self.read(offset, length)
        elif kind == WRITE:
            self.write(offset, take(guest, length))
        elif kind == FLUSH:
            self.flush()
        else:
            error = EINVAL
        guest.sendall(struct.pack(">IIQ", REPLY, error, cookie) + data)
        return True


def take(guest, length):
    data = bytearray()
    while len(data) < length:
        part = guest.recv(length - len(data))
        if not part:
            raise Gone
        data += part
    return bytes(data)


def tell(guest, option, reply, data=b""):
    guest.sendall(struct.pack(">QIII", OPTION_REPLY, option, reply, len(data)) + data)
