"""A heartbeat that says everything there is to say, and the values that programs stumble on."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from collector.model.identity import uuid7

Path = tuple[str | int, ...]
_MISSING = object()


def rich(random: Random) -> dict[str, Any]:
    """Valid, every field present; nobody has seen its id, its endpoint's place in the series or its runs."""
    now = datetime.now(UTC)
    at, before = now.isoformat(), (now - timedelta(hours=2)).isoformat()
    return {
        "id": str(uuid7(now, random)),
        "seq": 2 * random.randrange(2**40),
        "queued": 0,
        "sent_at": at,
        "interval_s": 60,
        "endpoint": {
            "id": str(UUID(int=random.randrange(1, 40))),
            "name": "SRV-01", "role": "server", "os": "Debian 12", "agent": "vigie/1",
        },
        "backups": [
            {
                "job": f"daily-{random.randrange(5)}", "tool": "restic 0.16.4", "run_id": f"{random.randrange(10**9)}",
                "status": "success", "started_at": before, "finished_at": at, "bytes_total": 10**12,
                "bytes_added": 10**7, "files_total": 10**5, "files_changed": 12, "message": "all went well",
                "copies": [
                    {
                        "medium": "nas", "location": "//nas/backup", "offline": False, "immutable_until": at,
                        "media_id": "disk 3", "verified_at": before, "deleted_at": before,
                    }
                ],
                "restore_points": {"count": 30, "oldest_at": before, "newest_at": at},
            }
        ],
        "restore_tests": [
            {"job": "daily-0", "level": "file", "status": "success", "tested_at": before, "evidence": "read back"}
        ],
        "patches": {
            "scanned_at": at,
            "missing": [{"id": "KB1", "severity": "critical", "released_at": before, "title": "a hole"}],
            "last_installed_at": before,
            "reboot_required_since": before,
        },
        "protection": [
            {"product": "ClamAV", "mode": "active", "real_time": True, "signatures_at": at, "tamper_protected": True}
        ],
        "alerts": [
            {
                "id": f"{random.randrange(20)}", "at": at, "severity": "critical", "category": "ransomware",
                "name": "Ransom.X", "status": "open",
            }
        ],
    }  # fmt: skip


def values(now: datetime) -> list[object]:
    """What may stand where something else is expected; some of it is right at some places."""
    return [*_OTHERS, *_NUMBERS, *_TEXTS, *_INSTANTS, *_near(now)]


_OTHERS: list[object] = [
    _MISSING, None, True, False, [], {}, [[]], [None], [{}], {"": None}, {"a": {"a": {}}}, [1, 2], {"id": 1},
]  # fmt: skip
_NUMBERS: list[object] = [
    0, -1, -0.0, 1, 1.0, 1.5, 59, 86_400, 86_401, 1_000_000, 1_000_001, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63),
    10**40, 1e308, float("nan"), float("inf"), -float("inf"),
]  # fmt: skip
_TEXTS: list[object] = [
    "", " ", "\t", "\n", "a\nb", "\x00", "a\x00b", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u200b\u202e", "\ufeff",
    "\uffff", "\ud800", "\udc00\ud800", "a\udfff", "\U0001f9b7", "é" * 200, "\U0001f9b7" * 200, "x" * 200, "x" * 201,
    "x" * 2_000, "x" * 2_001, "x" * 100_000, "'; DROP TABLE accepted; --", "%s%n", "{0.__class__}", "${jndi:x}",
    "{{1}}", "<script>alert(1)</script>", "../../etc/passwd", "\\u0000", '"', "\\", "null", "true", "1", "server",
    "failed", "running", "success", "active", "off", "local", "imaging", "tampering",
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "not-a-uuid",
    "00000000-0000-7000-8000-000000000000", "urn:uuid:0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001",
    "{0b6e8a52-7f43-4a37-9d3c-0d7d64a1c001}", "0B6E8A527F434A379D3C0D7D64A1C001",
]  # fmt: skip
_INSTANTS: list[object] = [
    "2016-12-31T23:59:60Z", "2026-11-21T23:59:60Z", "2026-11-21T24:00:00Z", "2026-02-29T10:00:00Z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00-23:59",
    "1600-12-31T23:59:59Z", "1601-01-01T00:00:00Z", "1601-01-01T00:00:00+23:59", "1601-01-01T00:00:00-23:59",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z", "8999-12-31T23:59:59.999999-23:59",
    "9000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999-23:59",
    "9999-12-31T23:59:59.999999+23:59", "10000-01-01T00:00:00Z", "-2026-01-01T00:00:00Z", "2026-11-21T10:00:00+99:99",
    "2026-11-21T10:00:00+24:00", "2026-11-21T10:00:00+23:59", "2026-11-21T10:00:00-23:59", "2026-11-21T10:00:00-00:00",
    "2026-11-21T10:00:00+00:00:01", "2026-11-21T10:00:00", "2026-11-21", "2026-11-21 10:00:00Z", "2026-11-21t10:00:00z",
    "2026-11-21T10:00:00.1234567890123Z", "2026-11-21T10:00:00,5Z", "2026-W47-6T10:00:00Z", "2026-325T10:00:00Z",
    "２０２６-11-21T10:00:00Z", "1763720000", "-1", "1e10", 1763720000, 1e300, 253_402_300_800,
]  # fmt: skip


def _near(now: datetime) -> list[object]:
    days = timedelta(days=1)
    minute = timedelta(minutes=1)
    instants = (now - 35 * days + minute, now - 35 * days - minute, now - 400 * days, now + days, now + 4_000 * days)
    return [one.isoformat() for one in instants]


def paths(value: object, prefix: Path = ()) -> Iterator[Path]:
    """Every place in a value, the whole of it first."""
    yield prefix
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in held:
        yield from paths(one, (*prefix, step))


def put(value: dict[str, Any], path: Path, new: object) -> Any:
    """The value with something else at one place; without that place, where nothing is put there."""
    if not path:
        return None if new is _MISSING else new
    changed = copy.deepcopy(value)
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    if new is _MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(new)
    return changed
