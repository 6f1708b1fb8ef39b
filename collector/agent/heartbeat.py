"""One heartbeat: who, when, and what was looked at."""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from .ground.clock import rfc3339
from .ground.contract import LARGEST, Heartbeat, Sections
from .ground.fields import encode
from .ground.log import say
from .looking.endpoint import describe
from .settings import Settings


def compose(settings: Settings, who: UUID, seq: int, at: datetime, sections: Sections) -> Heartbeat:
    heartbeat: Heartbeat = {
        "id": str(uuid7(int(at.timestamp() * 1000))),
        "seq": seq,
        "queued": 0,
        "sent_at": rfc3339(at),
        "interval_s": settings.interval_s,
        "endpoint": describe(who, settings.role),
        **sections,
    }
    return _fitted(heartbeat)


def uuid7(unix_ms: int) -> UUID:
    """UUID version 7 (RFC 9562, section 5.7), which Python has only since 3.14: 48 bits of milliseconds,
    version, 12 random bits, variant, 62 random bits."""
    random = int.from_bytes(os.urandom(10), "big")
    rand_a, rand_b = random >> 68, random & (2**62 - 1)
    return UUID(int=(unix_ms & (2**48 - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def _fitted(heartbeat: Heartbeat) -> Heartbeat:
    """Within the contract's size. Thousands of missing patches lose their titles first, then the least
    pressing their place: security comes first in the list."""
    if len(encode(heartbeat)) <= LARGEST or "patches" not in heartbeat:
        return heartbeat
    missing = heartbeat["patches"]["missing"]
    for patch in missing:
        patch["title"] = None
    while missing and len(encode(heartbeat)) > LARGEST:
        del missing[len(missing) - len(missing) // 10 - 1 :]
    say("patches shortened", kept=len(missing))
    return heartbeat
