"""The judge joined to the store: practices under their locks, a few in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from collector.escalation.incidents import REOPEN_WINDOW
from collector.judge import Record, Verdict, judge, learn
from collector.model.arrivals import Arrivals, Owed
from collector.model.campaign import PROVIDER
from collector.model.incident import Incident
from collector.model.placing import placed
from collector.model.report import Report
from collector.model.snapshot import Gap, Snapshot
from collector.orders import standing_orders
from collector.rules.liveness import silent_at
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
from collector.store.campaigns import lasting_campaigns
from collector.store.configuration import load_policies
from collector.store.connect import Connection, Pool, try_lock_practices
from collector.store.incidents import (
    Event,
    add_events,
    put_incidents,
    put_tickets,
    recent_incidents,
    recent_tickets,
)
from collector.store.listening import gaps_since, last_listened
from collector.store.liveness import Heard, keep_spans
from collector.store.losses import count_losses, renew_losses
from collector.store.outbox import post
from collector.store.projections import Shown, project
from collector.store.reports import last_sightings, load_reports
from collector.store.snapshots import history_until, load_snapshots, save_snapshots
from collector.store.wakes import Wake, settle, take_wakes, wake_practice

ACTOR = "vigie"
# No deadline that is still to fall began longer ago than a late report may be.
GAPS_REMEMBERED = timedelta(days=35)


async def our_gaps(pool: Pool, now: datetime) -> tuple[Gap, ...]:
    async with pool.acquire() as conn:
        return await gaps_since(conn, now - GAPS_REMEMBERED, now)


async def weigh_arrivals(conn: Connection, until: datetime, owed: Owed | None = None) -> Arrivals:
    """What arrived of late against what is owed by the endpoints that were up all the while."""
    owed = owed or await owed_by_fleet(conn, until - WIDEST)
    width = window(owed)
    return Arrivals(until=until, owed=owed, window=width, arrived=await arrived_since(conn, until - width))


async def watch_arrivals(pool: Pool, owed: Owed | None = None) -> Owed | None:
    """Open or close a shortfall, before anybody is judged silent by it; any number of workers may do so at once.

    What is owed is a sum over the fleet and changes slowly: what this returns may be given to the next call.

    By the clock of the collectors, which dates what arrives: ours may differ. While none of them listens, nothing
    can be told, and nothing changes. One that lasts is not ended by a flood of what a few held back.
    """
    async with pool.acquire() as conn, conn.transaction():
        until = await last_listened(conn)
        if until is None:
            return None
        arrivals = await weigh_arrivals(conn, until, owed)
        lasting = await lasting_shortfall(conn)
        if not lasting and not looks_short(arrivals):
            return arrivals.owed
        if is_short(await heard_of_fleet(conn, arrivals, until - WIDEST)):
            changed = await put_shortfall(conn, arrivals)
        else:
            changed = await end_shortfall(conn, until)
        if changed:
            await wake_practice(conn, PROVIDER, until)
        return None


async def judge_practices(
    pool: Pool, practice_ids: Collection[UUID], gaps: tuple[Gap, ...], now: datetime
) -> list[Verdict]:
    """Judge some practices and keep the verdicts; without those that another worker is at.

    1. Take the wakes and fold the reports that they name.
    2. Judge what is known now.
    3. Write snapshots, incidents, tickets, outbox, projections and the next instants, all or nothing.
    """
    async with pool.acquire() as conn, conn.transaction():
        held = await try_lock_practices(conn, practice_ids)
        if not held:
            return []
        wakes = await take_wakes(conn, held)
        # A collector's clock may be ahead of ours: what it received has happened. No clock of an administrator counts.
        now = max([now, *(wake.received_at for some in wakes.values() for wake in some if wake.heartbeat_id)])
        reports = await _reports(conn, wakes)
        records = await _records(conn, held, reports, now)
        losses = await renew_losses(conn, held, reports, now)
        endpoints = [(one.policy.practice_id, endpoint) for one in records for endpoint in one.snapshot.endpoints]
        sightings = await last_sightings(conn, endpoints, now, losses)
        campaigns = await lasting_campaigns(conn)
        orders = await standing_orders(conn, now)
        verdicts = [
            judge(one, sightings.get(one.policy.practice_id, {}), gaps, now, campaigns, orders) for one in records
        ]
        await _keep(conn, records, reports, verdicts, now)
        return verdicts


async def _reports(conn: Connection, wakes: Mapping[UUID, Sequence[Wake]]) -> Mapping[UUID, tuple[Report, ...]]:
    return await load_reports(
        conn,
        [
            (practice_id, wake.received_at, wake.heartbeat_id)
            for practice_id, some in wakes.items()
            for wake in some
            if wake.heartbeat_id
        ],
    )


async def _records(
    conn: Connection, practice_ids: Sequence[UUID], reports: Mapping[UUID, tuple[Report, ...]], now: datetime
) -> list[Record]:
    policies = await load_policies(conn, practice_ids)
    if without := set(practice_ids) - policies.keys():
        raise LookupError(f"no policy is in force for {', '.join(map(str, without))}")
    before = await load_snapshots(conn, practice_ids)
    incidents = await recent_incidents(conn, practice_ids, now, REOPEN_WINDOW)
    tickets = await recent_tickets(conn, practice_ids, now, REOPEN_WINDOW)
    return [
        Record(learn(before[one], reports.get(one, ())), policies[one], incidents[one], tickets[one])
        for one in practice_ids
    ]


async def _keep(
    conn: Connection,
    records: Sequence[Record],
    reports: Mapping[UUID, tuple[Report, ...]],
    verdicts: Sequence[Verdict],
    now: datetime,
) -> None:
    judged = [(one.policy.practice_id, one, verdict) for one, verdict in zip(records, verdicts, strict=True)]
    learned = [(one.snapshot, reports[practice_id]) for practice_id, one, _ in judged if practice_id in reports]
    if learned:
        await save_snapshots(conn, learned, now)
    await put_tickets(conn, [(practice_id, ticket) for practice_id, _, verdict in judged for ticket in verdict.tickets])
    await put_incidents(conn, [(one, each) for one, record, verdict in judged for each in _changed(record, verdict)])
    events = [
        Event(practice_id, change.incident.incident_id, change.what, change.said)
        for practice_id, _, verdict in judged
        for change in verdict.changes
    ]
    await add_events(conn, events, at=now, actor=ACTOR)
    await keep_spans(conn, [heard for verdict in verdicts for heard in _heard(verdict, now)])
    await project(conn, [_shown(record, verdict, now) for _, record, verdict in judged], now)
    await settle(conn, {practice_id: verdict.next_due for practice_id, _, verdict in judged})
    if any(verdict.signals_changed for verdict in verdicts):
        await wake_practice(conn, PROVIDER, now)
    await post(conn, [message for verdict in verdicts for message in verdict.messages], now)


def _changed(record: Record, verdict: Verdict) -> list[Incident]:
    known = {one.incident_id: one for one in record.incidents}
    return [one for one in verdict.incidents if known.get(one.incident_id) != one]


def _shown(record: Record, verdict: Verdict, now: datetime) -> Shown:
    stands = standing(verdict.seen, placed(record.policy, verdict.seen), verdict.evaluation.findings, now)
    return Shown(record.policy.practice_id, stands, sum(one.lasts for one in verdict.incidents))


def _heard(verdict: Verdict, now: datetime) -> list[Heard]:
    """Spans follow the signs of life alone: a retired endpoint falls silent like any other."""
    seen = verdict.seen
    return [
        Heard(
            practice_id=seen.practice_id,
            endpoint_id=one.endpoint_id,
            at=one.sighting.received_at,
            interval_s=one.sighting.interval_s,
            silent=silent_at(one, seen.gaps) <= now,
        )
        for one in seen.endpoints.values()
        if one.sighting
    ]


async def snapshot_at(conn: Connection, practice_id: UUID, at: datetime) -> Snapshot:
    """What was known of a practice at a past instant, as the rules saw it then."""
    start, reports = await history_until(conn, practice_id, at)
    snapshot = learn(start, reports)
    endpoints = [(practice_id, endpoint) for endpoint in snapshot.endpoints]
    losses = await count_losses(conn, endpoints, at)
    sightings = await last_sightings(conn, endpoints, at, losses)
    return snapshot.observed(sightings.get(practice_id, {}), await gaps_since(conn, at - GAPS_REMEMBERED, at))
