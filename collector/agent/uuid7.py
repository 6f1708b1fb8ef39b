"""UUID version 7 (RFC 9562, section 5.7); Python has it only since 3.14."""

import os
from uuid import UUID


def uuid7(unix_ms: int) -> UUID:
    """48 bits of milliseconds, version, 12 random bits, variant, 62 random bits."""
    random = int.from_bytes(os.urandom(10), "big")
    rand_a, rand_b = random >> 68, random & (2**62 - 1)
    return UUID(int=(unix_ms & (2**48 - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)
