"""What a heartbeat says that this collector has not stored already."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import Struct
from uuid import UUID

from pydantic import TypeAdapter

from collector.model.heartbeat import Alert, Backup, Endpoint, Heartbeat, Patches, Protection, RestoreTest
from collector.store.intake import Arrival, Beat, SectionRow

_SECTIONS: Mapping[str, TypeAdapter[object]] = {
    "endpoint": TypeAdapter(Endpoint),
    "backups": TypeAdapter(tuple[Backup, ...]),
    "restore_tests": TypeAdapter(tuple[RestoreTest, ...]),
    "patches": TypeAdapter(Patches),
    "protection": TypeAdapter(tuple[Protection, ...]),
    "alerts": TypeAdapter(tuple[Alert, ...]),
}
_TO_JSON = tuple((kind, adapter.serializer.to_json) for kind, adapter in _SECTIONS.items())
# The heartbeat rule's least grace is longer (collector/rules/liveness.py), so that every heartbeat
# that ends a silence is late by this measure, and wakes the worker.
LATE = 1.25
# A section that is looked at and stays the same is written again this often: what was not written for
# days is known not to have been looked at (collector/rules/standing.py).
REFRESH = timedelta(days=1)
# Endpoints, at 450 bytes each: packed, since as objects they would be more than all else in a collector.
MOST_REMEMBERED = 100_000

_HEAD = Struct("<qdI?")
_WRITTEN = Struct("<16sd")


@dataclass(slots=True)
class _Last:
    """The last heartbeat of an endpoint that was committed through this collector."""

    seq: int
    received_at: datetime
    interval_s: int
    queued: bool
    sections: dict[str, "_Written"]


@dataclass(frozen=True, slots=True)
class _Written:
    """A section as it was stored last."""

    digest: bytes
    at: datetime

    def holds(self, digest: bytes, now: datetime) -> bool:
        return self.digest == digest and now - self.at < REFRESH


def _packed(last: _Last) -> bytes:
    parts = [_HEAD.pack(last.seq, last.received_at.timestamp(), last.interval_s, last.queued)]
    for kind in _SECTIONS:
        written = last.sections.get(kind)
        parts.append(_WRITTEN.pack(written.digest, written.at.timestamp()) if written else bytes(_WRITTEN.size))
    return b"".join(parts)


def _unpacked(packed: bytes) -> _Last:
    seq, received_at, interval_s, queued = _HEAD.unpack_from(packed)
    found = zip(_SECTIONS, _WRITTEN.iter_unpack(packed[_HEAD.size :]), strict=True)
    sections = {kind: _Written(digest, _instant(at)) for kind, (digest, at) in found if at}
    return _Last(seq, _instant(received_at), interval_s, queued, sections)


def _instant(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


class Changes:
    """Remembers each endpoint's last committed heartbeat, so that of the next one only what is new is written.

    The memory counts only while `seq` goes on without a gap: what another collector saw in between is
    unknown here, and then every section is written again, which is harmless.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[bytes, bytes] = OrderedDict()

    def compared(self, practice_id: UUID) -> "Comparison":
        """For one request of this practice."""
        return Comparison(self, practice_id)

    def last(self, practice_id: UUID, endpoint_id: UUID) -> _Last | None:
        packed = self._last.get(practice_id.bytes + endpoint_id.bytes)
        return _unpacked(packed) if packed else None

    def learn(self, practice_id: UUID, endpoint_id: UUID, last: _Last) -> None:
        self.forget(practice_id, endpoint_id)
        self._last[practice_id.bytes + endpoint_id.bytes] = _packed(last)
        if len(self._last) > MOST_REMEMBERED:
            self._last.popitem(last=False)

    def forget(self, practice_id: UUID, endpoint_id: UUID) -> None:
        self._last.pop(practice_id.bytes + endpoint_id.bytes, None)


class Comparison:
    """One request against the memory, which learns of it once it is committed and not before.

    What comes meanwhile must not leave out a section that only this request brings: its commit may fail.
    """

    def __init__(self, changes: Changes, practice_id: UUID) -> None:
        self._changes = changes
        self._practice_id = practice_id
        self._last: dict[UUID, _Last] = {}

    def arrival(self, beat: Heartbeat, received_at: datetime, skew: timedelta = timedelta(0)) -> Arrival:
        endpoint_id = beat.endpoint.id
        last = self._last.get(endpoint_id) or self._changes.last(self._practice_id, endpoint_id)
        if last is not None and beat.seq != last.seq + 1:
            last = None
        bodies = _bodies(beat)
        known = last.sections if last else {}
        digests = {kind: blake2b(body, digest_size=16).digest() for kind, body in bodies.items()}
        new = [kind for kind in bodies if kind not in known or not known[kind].holds(digests[kind], received_at)]
        written = {kind: _Written(digests[kind], received_at) for kind in new}
        self._last[endpoint_id] = _Last(beat.seq, received_at, beat.interval_s, beat.queued > 0, known | written)
        changed = tuple(SectionRow(kind, bodies[kind].decode()) for kind in new)
        return _arrival(
            self._practice_id,
            beat,
            received_at,
            skew,
            sections=changed,
            material=bool(changed) or _back(last, beat, received_at),
        )

    def committed(self, resent: Iterable[Arrival] = ()) -> None:
        """Learn what was said, but of an endpoint that sent again: what it said first may have come elsewhere."""
        for endpoint_id, last in self._last.items():
            self._changes.learn(self._practice_id, endpoint_id, last)
        for arrival in resent:
            if arrival.endpoint_id is not None:
                self._changes.forget(self._practice_id, arrival.endpoint_id)


def _bodies(beat: Heartbeat) -> dict[str, bytes]:
    bodies = {}
    for kind, to_json in _TO_JSON:
        section = getattr(beat, kind)
        if section is not None:
            bodies[kind] = to_json(section)
    return bodies


def _back(last: _Last | None, beat: Heartbeat, received_at: datetime) -> bool:
    """Whether the endpoint may have been found silent, is due at another time, or has caught up with its spool."""
    if last is None:
        return True
    late = (received_at - last.received_at).total_seconds() > LATE * last.interval_s
    return late or beat.interval_s != last.interval_s or (beat.queued > 0) != last.queued


def _arrival(
    practice_id: UUID,
    beat: Heartbeat,
    received_at: datetime,
    skew: timedelta,
    *,
    sections: tuple[SectionRow, ...],
    material: bool,
) -> Arrival:
    offset = beat.sent_at.utcoffset()
    return Arrival(
        practice_id=practice_id,
        endpoint_id=beat.endpoint.id,
        id=beat.id,
        received_at=received_at,
        sent_at=beat.sent_at,
        skew_s=round(skew.total_seconds()),
        sections=sections,
        material=material,
        beat=Beat(beat.seq, int(offset.total_seconds()) if offset else 0, beat.interval_s, beat.queued),
    )
