"""A database that watches many jobs: what each practice's policy, snapshot and due instant are, written at once."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from collector.model.heartbeat import Role, RunStatus
from collector.model.policy import Every, JobPolicy, Policy
from collector.model.snapshot import EndpointState, JobState, PastRun, PatchState, ProtectionState, Run, Snapshot
from collector.store.connect import Line, connect
from collector.store.migrate import apply_migrations, prepare
from deploy.local import Services

_NAMES = UUID("7c0b3a5e-58a5-4d0e-9a55-3f5f6d0e1b11")
_DAY = timedelta(days=1)
_GIB = 2**30


@dataclass(frozen=True)
class Watched:
    """So many practices alike; a job's backups come each day, the last one `ran` ago."""

    practices: int
    endpoints: int
    jobs: int
    ran: timedelta
    interval_s: int = 86_400


_PRACTICES = """
    INSERT INTO practice (practice_id, name, zone, created_at)
    SELECT *, 'Europe/Paris', $3 FROM unnest($1::uuid[], $2::text[])
"""
_VERSION = "INSERT INTO configuration (applied_at, applied_by, summary) VALUES ($1, 'bench', 'bench') RETURNING version"
_POLICIES = "INSERT INTO policy SELECT one, $3, body FROM unnest($1::uuid[], $2::jsonb[]) AS p (one, body)"
_SNAPSHOTS = "INSERT INTO snapshot SELECT one, 1, body FROM unnest($1::uuid[], $2::jsonb[]) AS s (one, body)"
_LISTENING = "INSERT INTO listening VALUES ('bench', $1, $2)"
_DUE = "INSERT INTO due SELECT one, $2 FROM unnest($1::uuid[]) AS one"
_HEARTBEATS = """
    INSERT INTO heartbeat (practice_id, endpoint_id, received_at, id, seq, sent_at, sent_offset_s, interval_s, queued,
                           skew_s)
    SELECT practice, endpoint, $3, endpoint, 1, $3, 0, $4, 0, 0
    FROM unnest($1::uuid[], $2::uuid[]) AS h (practice, endpoint)
"""
_SPANS = """
    INSERT INTO liveness_span SELECT practice, endpoint, $3, NULL, $4
    FROM unnest($1::uuid[], $2::uuid[]) AS s (practice, endpoint)
"""


def practice_id(number: int) -> UUID:
    return uuid5(_NAMES, f"practice {number}")


def _endpoint_id(practice: UUID, number: int) -> UUID:
    return uuid5(practice, f"endpoint {number}")


def policy_of(practice: UUID, watched: Watched, now: datetime) -> Policy:
    jobs = [
        JobPolicy(
            endpoint_id=_endpoint_id(practice, n % watched.endpoints), job=f"job {n}", schedule=Every(period=_DAY),
            rpo=2 * _DAY, since=now - 40 * _DAY,
        )
        for n in range(watched.jobs)
    ]  # fmt: skip
    return Policy(practice_id=practice, practice=f"Bench {practice}", jobs={one.subject: one for one in jobs})


def snapshot_of(practice: UUID, watched: Watched, now: datetime) -> Snapshot:
    endpoints = [_endpoint(_endpoint_id(practice, n), n, now) for n in range(watched.endpoints)]
    jobs = [
        _job(_endpoint_id(practice, n % watched.endpoints), f"job {n}", now - watched.ran) for n in range(watched.jobs)
    ]
    return Snapshot(
        practice_id=practice,
        fold_no=1,
        endpoints={one.endpoint_id: one for one in endpoints},
        jobs={one.subject: one for one in jobs},
    )


def _endpoint(endpoint: UUID, number: int, now: datetime) -> EndpointState:
    return EndpointState(
        endpoint_id=endpoint, name=f"SRV-{number:02}", role=Role.SERVER, os="Windows Server 2022", agent="vigie/1",
        as_of=now, first_seen_at=now - 40 * _DAY, last_report_at=now,
        patches=PatchState(as_of=now, scanned_at=now), protection=ProtectionState.model_validate(
            {"as_of": now, "products": [{"product": "Defender", "mode": "active", "real_time": True}]}, strict=False
        ),
    )  # fmt: skip


def _job(endpoint: UUID, name: str, ended: datetime) -> JobState:
    last = Run(
        run_id=f"{name}-40", status=RunStatus.SUCCESS, started_at=ended - timedelta(minutes=20), finished_at=ended,
        reported_end=ended, bytes_total=80 * _GIB, bytes_added=_GIB, files_total=120_000, files_changed=900,
    )  # fmt: skip
    history = tuple(_past(ended - n * _DAY, n) for n in reversed(range(40)))
    return JobState(
        endpoint_id=endpoint, job=name, tool="restic 0.16.4", as_of=ended, first_seen_at=ended - 40 * _DAY,
        last_run=last, last_good=last, history=history,
    )  # fmt: skip


def _past(ended: datetime, back: int) -> PastRun:
    return PastRun(
        finished_at=ended, status=RunStatus.SUCCESS, duration_s=1_200 + 7 * (back % 5),
        bytes_total=80 * _GIB - back * _GIB // 20, bytes_added=_GIB + (back % 7) * _GIB // 30,
        files_total=120_000 - 9 * back, files_changed=900 + 13 * (back % 7), restore_points=30, tool="restic 0.16.4",
    )  # fmt: skip


async def fill(conn: Line, watched: Watched, now: datetime, due_at: datetime) -> list[UUID]:
    """Write the fleet as it is after many judgements; all of it falls due at one instant."""
    version = await conn.fetchval(_VERSION, now)
    practices = [practice_id(n) for n in range(watched.practices)]
    for start in range(0, len(practices), 250):
        some = practices[start : start + 250]
        await conn.execute(_PRACTICES, some, [f"Bench {one}" for one in some], now)
        bodies = [policy_of(one, watched, now).model_copy(update={"version": version}) for one in some]
        await conn.execute(_POLICIES, some, [one.model_dump_json() for one in bodies], version)
        known = [snapshot_of(one, watched, now).model_dump_json() for one in some]
        await conn.execute(_SNAPSHOTS, some, known)
        await conn.execute(_DUE, some, due_at)
        await _alive(conn, some, watched, now)
    await conn.execute(_LISTENING, now - _DAY, now + _DAY)
    await conn.execute("VACUUM ANALYZE", timeout=300)
    await conn.execute("CHECKPOINT", timeout=300)
    return practices


async def _alive(conn: Line, some: Sequence[UUID], watched: Watched, now: datetime) -> None:
    of = [one for one in some for _ in range(watched.endpoints)]
    endpoints = [_endpoint_id(one, n) for one in some for n in range(watched.endpoints)]
    await conn.execute(_HEARTBEATS, of, endpoints, now - timedelta(seconds=30), watched.interval_s)
    await conn.execute(_SPANS, of, endpoints, now - _DAY, watched.interval_s)


@contextmanager
def database_of(services: Services, name: str, watched: Watched, due_in: timedelta) -> Iterator[str]:
    """A database of its own with the fleet in it; due `due_in` after now."""
    url = services.database_url.rpartition("/")[0] + f"/{name}"
    asyncio.run(_create(services.database_url, name))
    try:
        apply_migrations(url)
        asyncio.run(_filled(url, watched, due_in))
        yield url
    finally:
        asyncio.run(_drop(services.database_url, name))


async def _create(url: str, name: str) -> None:
    conn = await connect(url)
    try:
        await conn.execute(f"DROP DATABASE IF EXISTS {name}")
        await conn.execute(f"CREATE DATABASE {name}")
    finally:
        await conn.close()


async def _drop(url: str, name: str) -> None:
    conn = await connect(url)
    try:
        await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await conn.close()


async def _filled(url: str, watched: Watched, due_in: timedelta) -> None:
    await prepare(url)
    conn = await connect(url)
    try:
        now = datetime.now(UTC)
        await fill(conn, watched, now, now + due_in)
    finally:
        await conn.close()


def server_cpu_s(server_pid: int) -> float:
    """Of PostgreSQL's first process and all that it started, those that have ended included."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, parent = int(stat.parent.name), int(fields[1])
        if pid == server_pid:
            total += sum(int(one) for one in fields[11:15])  # with children that ended
        elif parent == server_pid:
            total += int(fields[11]) + int(fields[12])
    return total / tick
