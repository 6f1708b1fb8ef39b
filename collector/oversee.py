"""The provider itself, judged as its practices are: their campaigns, the way to us, and the ways out.

No third practice slips between two workers: whoever keeps a verdict that changes a signature wakes the provider in
the same transaction, and whoever judges the provider takes its wakes before it reads. What it cannot see yet has not
taken its wake along, and so will be looked at again.
"""

from datetime import datetime

from collector.escalation.campaigns import ended, to_be_told
from collector.escalation.incidents import REOPEN_WINDOW
from collector.judge import Record, Verdict, judge_provider
from collector.model.campaign import PROVIDER, PROVIDER_NAME, Fleet, Kind, Signal, pattern_of
from collector.model.policy import Policy
from collector.model.rule_settings import Campaign as Setting
from collector.model.snapshot import Snapshot
from collector.orders import standing_orders
from collector.rules.correlate import remembered
from collector.store.arrivals import lasting_shortfall
from collector.store.campaigns import fleet_of, practices_of_campaigns, signals_since
from collector.store.configuration import load_policies
from collector.store.connect import Connection, Pool, try_lock_practices
from collector.store.dead_letters import dead_letters
from collector.store.incidents import (
    Event,
    add_events,
    put_incidents,
    put_tickets,
    recent_incidents,
    recent_tickets,
)
from collector.store.outbox import post
from collector.store.wakes import settle, take_wakes, wake_practices

ACTOR = "vigie"


async def oversee(pool: Pool, now: datetime) -> Verdict | None:
    """Judge the provider and keep the verdict; None if another worker is at it."""
    async with pool.acquire() as conn, conn.transaction():
        if not await try_lock_practices(conn, [PROVIDER]):
            return None
        await take_wakes(conn, [PROVIDER])
        record = await _record(conn, now)
        setting = record.policy.rules.campaign
        signals = await signals_since(conn, now - remembered(setting))
        short = await lasting_shortfall(conn)
        fleet = await _fleet(conn, signals, setting, now)
        orders = await standing_orders(conn, now)
        letters = await dead_letters(conn, now)
        verdict = judge_provider(record, signals, fleet, short.began_at if short else None, now, orders, letters)
        await _keep(conn, record, verdict, now)
        merged = await practices_of_campaigns(conn, ended(record.incidents, verdict.incidents))
        await wake_practices(conn, to_be_told(signals, verdict.incidents) | merged, now)
        return verdict


async def _record(conn: Connection, now: datetime) -> Record:
    policies = await load_policies(conn, [PROVIDER])
    return Record(
        snapshot=Snapshot(practice_id=PROVIDER),
        policy=policies.get(PROVIDER) or Policy(practice_id=PROVIDER, practice=PROVIDER_NAME),
        incidents=(await recent_incidents(conn, [PROVIDER], now, REOPEN_WINDOW))[PROVIDER],
        tickets=(await recent_tickets(conn, [PROVIDER], now, REOPEN_WINDOW))[PROVIDER],
    )


async def _fleet(conn: Connection, signals: list[Signal], setting: Setting, now: datetime) -> Fleet:
    """Tools are counted only where one failed in the window: that reads every job."""
    since = now - setting.window
    failed = any(one.found_at > since and pattern_of(one.signature).kind is Kind.BACKUP_TOOL for one in signals)
    return await fleet_of(conn, tools_since=since if failed else None)


async def _keep(conn: Connection, record: Record, verdict: Verdict, now: datetime) -> None:
    known = {one.incident_id: one for one in record.incidents}
    changed = [one for one in verdict.incidents if known.get(one.incident_id) != one]
    await put_tickets(conn, [(PROVIDER, ticket) for ticket in verdict.tickets])
    await put_incidents(conn, [(PROVIDER, one) for one in changed])
    events = [Event(PROVIDER, one.incident.incident_id, one.what, one.said) for one in verdict.changes]
    await add_events(conn, events, at=now, actor=ACTOR)
    await settle(conn, {PROVIDER: verdict.next_due})
    await post(conn, verdict.messages, now)
