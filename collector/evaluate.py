"""The judge joined to the store: one practice at a time, under its lock, in one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from collector.escalation.tickets import REOPEN_WINDOW
from collector.judge import Record, Verdict, judge, learn
from collector.model.arrivals import Arrivals
from collector.model.policy import Policy
from collector.model.report import Report
from collector.model.snapshot import Gap, Snapshot
from collector.rules.liveness import missing_at
from collector.rules.shortfall import WIDEST, is_short, looks_short, window
from collector.rules.standing import standing
from collector.store.arrivals import (
    arrived_since,
    end_shortfall,
    heard_of_fleet,
    lasting_shortfall,
    owed_by_fleet,
    put_shortfall,
)
from collector.store.configuration import load_policy
from collector.store.connect import Connection, Pool, try_lock_practice
from collector.store.incidents import (
    Event,
    add_events,
    lasting_incidents,
    put_incidents,
    put_tickets,
    recent_tickets,
)
from collector.store.listening import gaps_since, last_listened
from collector.store.liveness import keep_spans
from collector.store.losses import count_losses, renew_losses
from collector.store.outbox import TICKETS, post
from collector.store.projections import project
from collector.store.reports import last_sightings, load_reports
from collector.store.snapshots import history_until, load_snapshot, save_snapshot
from collector.store.wakes import Wake, settle, take_wakes

ACTOR = "vigie"
# No deadline that is still to fall began longer ago than a late report may be.
GAPS_REMEMBERED = timedelta(days=35)


async def our_gaps(pool: Pool, now: datetime) -> tuple[Gap, ...]:
    async with pool.acquire() as conn:
        return await gaps_since(conn, now - GAPS_REMEMBERED, now)


async def weigh_arrivals(conn: Connection, until: datetime) -> Arrivals:
    """What arrived of late against what is owed by the endpoints that were up all the while."""
    owed = await owed_by_fleet(conn, until - WIDEST)
    width = window(owed)
    return Arrivals(until=until, owed=owed, window=width, arrived=await arrived_since(conn, until - width))


async def watch_arrivals(pool: Pool) -> None:
    """Open or close a shortfall, before anybody is judged silent by it; any number of workers may do so at once.

    By the clock of the collectors, which dates what arrives: ours may differ. While none of them listens, nothing
    can be told, and nothing changes. One that lasts is not ended by a flood of what a few held back.
    """
    async with pool.acquire() as conn:
        until = await last_listened(conn)
        if until is None:
            return
        arrivals = await weigh_arrivals(conn, until)
        lasting = await lasting_shortfall(conn)
        if not lasting and not looks_short(arrivals):
            return
        if is_short(await heard_of_fleet(conn, arrivals, until - WIDEST)):
            await put_shortfall(conn, arrivals)
        else:
            await end_shortfall(conn, until)


async def judge_practice(pool: Pool, practice_id: UUID, gaps: tuple[Gap, ...], now: datetime) -> Verdict | None:
    """Judge one practice and keep the verdict; None if another worker is at it.

    1. Take the wakes and fold the reports that they name.
    2. Judge what is known now.
    3. Write snapshot, incidents, tickets, outbox, projections and the next instant, all or nothing.
    """
    async with pool.acquire() as conn, conn.transaction():
        if not await try_lock_practice(conn, practice_id):
            return None
        policy = await load_policy(conn, practice_id)
        if policy is None:
            raise LookupError(f"practice {practice_id} has no policy")
        wakes = await take_wakes(conn, practice_id)
        # A collector's clock may be ahead of ours: what woke us has happened.
        now = max([now, *(wake.received_at for wake in wakes)])
        reports = await _reports(conn, practice_id, wakes)
        before = await load_snapshot(conn, practice_id)
        record = await _record(conn, learn(before, reports), policy, now)
        losses = await renew_losses(conn, practice_id, reports, now)
        sightings = await last_sightings(conn, practice_id, list(record.snapshot.endpoints), now, losses)
        verdict = judge(record, sightings, gaps, now)
        await _keep(conn, record, reports, verdict, now)
        await post(conn, TICKETS, verdict.messages, now)
        return verdict


async def _reports(conn: Connection, practice_id: UUID, wakes: Sequence[Wake]) -> tuple[Report, ...]:
    wanted = [(wake.received_at, wake.heartbeat_id) for wake in wakes if wake.heartbeat_id]
    return await load_reports(conn, practice_id, wanted) if wanted else ()


async def _record(conn: Connection, snapshot: Snapshot, policy: Policy, now: datetime) -> Record:
    practice_id = policy.practice_id
    return Record(
        snapshot=snapshot,
        policy=policy,
        incidents=await lasting_incidents(conn, practice_id),
        tickets=await recent_tickets(conn, practice_id, now, REOPEN_WINDOW),
    )


async def _keep(conn: Connection, record: Record, reports: tuple[Report, ...], verdict: Verdict, now: datetime) -> None:
    practice_id = record.policy.practice_id
    if reports:
        await save_snapshot(conn, record.snapshot, reports, now)
    await put_tickets(conn, practice_id, verdict.tickets)
    known = {one.incident_id: one for one in record.incidents}
    changed = [one for one in verdict.incidents if known.get(one.incident_id) != one]
    await put_incidents(conn, practice_id, changed)
    events = [Event(change.incident.incident_id, change.what, change.said) for change in verdict.changes]
    await add_events(conn, practice_id, events, at=now, actor=ACTOR)
    await _keep_liveness(conn, verdict, now)
    stands = standing(verdict.seen, record.policy, verdict.evaluation.findings, now)
    lasting = sum(one.lasts for one in verdict.incidents)
    await project(conn, practice_id, stands, incidents=lasting, now=now)
    await settle(conn, practice_id, verdict.next_due)


async def _keep_liveness(conn: Connection, verdict: Verdict, now: datetime) -> None:
    """Spans follow the signs of life alone: a retired endpoint falls silent like any other."""
    seen = {one.endpoint_id: one for one in verdict.seen.endpoints.values() if one.sighting}
    silent = {key for key, one in seen.items() if missing_at(one, verdict.seen.gaps) <= now}
    sightings = {key: one.sighting for key, one in seen.items() if one.sighting}
    await keep_spans(conn, verdict.seen.practice_id, sightings, silent)


async def snapshot_at(conn: Connection, practice_id: UUID, at: datetime) -> Snapshot:
    """What was known of a practice at a past instant, as the rules saw it then."""
    start, reports = await history_until(conn, practice_id, at)
    snapshot = learn(start, reports)
    losses = await count_losses(conn, practice_id, snapshot.endpoints.keys(), at)
    sightings = await last_sightings(conn, practice_id, list(snapshot.endpoints), at, losses)
    return snapshot.observed(sightings, await gaps_since(conn, at - GAPS_REMEMBERED, at))
