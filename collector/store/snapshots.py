"""What is known of a practice: now, at its last checkpoint, and at any past instant."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from collector.model.report import Report
from collector.model.snapshot import Snapshot
from collector.store.connect import Connection
from collector.store.reports import load_reports

CHECKPOINT_EVERY = timedelta(days=1)
REBUILT_FOR = timedelta(days=400)

_LOAD = "SELECT body FROM snapshot WHERE practice_id = $1"
_SAVE = """
    INSERT INTO snapshot (practice_id, fold_no, body) VALUES ($1, $2, $3::jsonb)
    ON CONFLICT (practice_id) DO UPDATE SET fold_no = EXCLUDED.fold_no, body = EXCLUDED.body
"""
_FOLDED = """
    INSERT INTO folded (practice_id, fold_no, folded_at, received_at, heartbeat_id)
    SELECT $1, $2 + ordinal - 1, greatest($3, (SELECT max(folded_at) FROM folded WHERE practice_id = $1)),
        received_at, heartbeat_id
    FROM unnest($4::timestamptz[], $5::uuid[]) WITH ORDINALITY AS f (received_at, heartbeat_id, ordinal)
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
_FOLDED_BETWEEN = """
    SELECT received_at, heartbeat_id FROM folded
    WHERE practice_id = $1 AND fold_no > $2 AND folded_at <= $3 ORDER BY fold_no
"""


async def load_snapshot(conn: Connection, practice_id: UUID) -> Snapshot:
    body = await conn.fetchval(_LOAD, practice_id)
    return Snapshot.model_validate_json(body) if body else Snapshot(practice_id=practice_id)


async def save_snapshot(conn: Connection, snapshot: Snapshot, reports: Sequence[Report], folded_at: datetime) -> None:
    """Keep the snapshot and the order in which the reports that made it were folded."""
    body = snapshot.model_dump_json(exclude={"gaps": True, "endpoints": {"__all__": {"sighting"}}})
    await conn.execute(_SAVE, snapshot.practice_id, snapshot.fold_no, body)
    first = snapshot.fold_no - len(reports) + 1
    await conn.execute(
        _FOLDED,
        snapshot.practice_id,
        first,
        folded_at,
        [report.received_at for report in reports],
        [report.heartbeat_id for report in reports],
    )


async def take_checkpoints(conn: Connection, now: datetime) -> None:
    """Let each practice have a checkpoint not older than a day, and drop those that no instant is rebuilt from."""
    await conn.execute(_CHECKPOINT, now, now - CHECKPOINT_EVERY)
    await conn.execute(_DROP_CHECKPOINTS, now - REBUILT_FOR)


async def history_until(conn: Connection, practice_id: UUID, at: datetime) -> tuple[Snapshot, tuple[Report, ...]]:
    """The last checkpoint before an instant and the reports folded since: folding them gives that instant."""
    row = await conn.fetchrow(_CHECKPOINT_BEFORE, practice_id, at)
    start = Snapshot.model_validate_json(row["body"]) if row else Snapshot(practice_id=practice_id)
    folded = await conn.fetch(_FOLDED_BETWEEN, practice_id, start.fold_no, at)
    return start, await load_reports(conn, practice_id, [(r["received_at"], r["heartbeat_id"]) for r in folded])
