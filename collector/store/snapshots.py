"""What is known of a practice: now, at its last checkpoint, and at any past instant."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from collector.model.report import Report
from collector.model.snapshot import Snapshot
from collector.store.connect import Connection
from collector.store.reports import load_reports

CHECKPOINT_EVERY = timedelta(days=1)
REBUILT_FOR = timedelta(days=400)

# Only the series know it: laid over a snapshot, never stored.
_OBSERVED: dict[str, Any] = {"gaps": True, "endpoints": {"__all__": {"sighting"}}}

_LOAD = "SELECT practice_id, body FROM snapshot WHERE practice_id = ANY ($1::uuid[])"
_SAVE = """
    INSERT INTO snapshot (practice_id, fold_no, body) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::jsonb[])
    ON CONFLICT (practice_id) DO UPDATE SET fold_no = EXCLUDED.fold_no, body = EXCLUDED.body
"""
_FOLDED = """
    INSERT INTO folded (practice_id, fold_no, folded_at, received_at, heartbeat_id)
    SELECT practice_id, fold_no,
        greatest($3, (SELECT max(folded_at) FROM folded WHERE folded.practice_id = f.practice_id)),
        received_at, heartbeat_id
    FROM unnest($1::uuid[], $2::bigint[], $4::timestamptz[], $5::uuid[])
        AS f (practice_id, fold_no, received_at, heartbeat_id)
"""
# Only practices that learned something since their last checkpoint get another.
_CHECKPOINT = """
    INSERT INTO checkpoint (practice_id, fold_no, taken_at, body)
    SELECT practice_id, fold_no, $1, body FROM snapshot AS s
    WHERE NOT EXISTS (
        SELECT FROM checkpoint AS c
        WHERE c.practice_id = s.practice_id AND (c.fold_no = s.fold_no OR c.taken_at > $2)
    )
    ON CONFLICT DO NOTHING
"""
# The last one before the horizon stays: the horizon itself is rebuilt from it.
_DROP_CHECKPOINTS = """
    DELETE FROM checkpoint AS old WHERE taken_at < $1 AND EXISTS (
        SELECT FROM checkpoint AS later
        WHERE later.practice_id = old.practice_id AND later.fold_no > old.fold_no AND later.taken_at <= $1)
"""
_CHECKPOINT_BEFORE = """
    SELECT fold_no, body FROM checkpoint WHERE practice_id = $1 AND taken_at <= $2 ORDER BY fold_no DESC LIMIT 1
"""
_FOLDED_AFTER = """
    SELECT received_at, heartbeat_id FROM folded
    WHERE practice_id = $1 AND fold_no > $2 AND folded_at <= $3 ORDER BY fold_no
"""


async def load_snapshots(conn: Connection, practice_ids: Collection[UUID]) -> Mapping[UUID, Snapshot]:
    """An empty one for a practice that nothing was reported of."""
    rows = await conn.fetch(_LOAD, list(practice_ids))
    known = {row["practice_id"]: Snapshot.model_validate_json(row["body"]) for row in rows}
    return {one: known.get(one) or Snapshot(practice_id=one) for one in practice_ids}


async def save_snapshots(
    conn: Connection, learned: Sequence[tuple[Snapshot, Sequence[Report]]], folded_at: datetime
) -> None:
    """Keep each snapshot and the order in which the reports that made it were folded."""
    snapshots = [snapshot for snapshot, _ in learned]
    bodies = [one.model_dump_json(exclude=_OBSERVED) for one in snapshots]
    await conn.execute(_SAVE, [one.practice_id for one in snapshots], [one.fold_no for one in snapshots], bodies)
    folded = [
        (snapshot.practice_id, snapshot.fold_no - back, report.received_at, report.heartbeat_id)
        for snapshot, reports in learned
        for back, report in enumerate(reversed(reports))
    ]
    practices, numbers, received, ids = zip(*folded, strict=True)
    await conn.execute(_FOLDED, practices, numbers, folded_at, received, ids)


async def take_checkpoints(conn: Connection, now: datetime) -> None:
    """Let each practice have a checkpoint not older than a day, and drop those that no instant is rebuilt from."""
    await conn.execute(_CHECKPOINT, now, now - CHECKPOINT_EVERY)
    await conn.execute(_DROP_CHECKPOINTS, now - REBUILT_FOR)


async def folded_after(
    conn: Connection, practice_id: UUID, fold_no: int, until: datetime
) -> list[tuple[datetime, UUID]]:
    """Which reports were folded behind a snapshot, in the order in which they were."""
    rows = await conn.fetch(_FOLDED_AFTER, practice_id, fold_no, until)
    return [(row["received_at"], row["heartbeat_id"]) for row in rows]


async def history_until(conn: Connection, practice_id: UUID, at: datetime) -> tuple[Snapshot, tuple[Report, ...]]:
    """The last checkpoint before an instant and the reports folded since: folding them gives that instant."""
    row = await conn.fetchrow(_CHECKPOINT_BEFORE, practice_id, at)
    start = Snapshot.model_validate_json(row["body"]) if row else Snapshot(practice_id=practice_id)
    folded = await folded_after(conn, practice_id, start.fold_no, at)
    wanted = [(practice_id, received_at, heartbeat_id) for received_at, heartbeat_id in folded]
    return start, (await load_reports(conn, wanted)).get(practice_id, ())
