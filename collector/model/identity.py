"""Ids that sort by their time."""

from datetime import datetime
from random import Random
from uuid import UUID


def uuid7(at: datetime, random: Random) -> UUID:
    """RFC 9562: milliseconds, then version, variant and 74 random bits."""
    milliseconds = int(at.timestamp() * 1000)
    value = (milliseconds << 80) | (0x7 << 76) | (random.getrandbits(12) << 64) | (0b10 << 62) | random.getrandbits(62)
    return UUID(int=value)
