"""Reads the ring of duplicates as section 9 of doc/checkpoint.md says, knowing nothing else."""

import struct

from journal import crc32c

HEAD = 4096
PLACE = 48


class Damaged(Exception):
    pass


def read(path, saved):
    """Acceptance numbers in the window that a checkpoint saved, the oldest first."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
        magic, version, size, ring = struct.unpack_from("<8sII16s", head)
        if magic != b"PHDUPL\r\n" or crc32c(head[:4092]) != struct.unpack_from("<I", head, 4092)[0]:
            raise Damaged("the block")
        if version != 1 or size != PLACE or ring.hex() != saved["id"]:
            raise Damaged("another version, or another ring")
        salt, found = crc32c(ring), []
        for nth in range(saved["count"]):
            place = (saved["oldest"] + nth) % saved["cycle"]
            file.seek(HEAD + place * PLACE)
            entry = file.read(PLACE)
            number, crc, zeros = struct.unpack_from("<QII", entry, 32)
            if crc32c(entry[:40], salt) != crc or zeros != 0:
                raise Damaged(f"place {place}")
            if number <= saved["newest"] and (not found or number > found[-1]):
                found.append(number)
    return found
