"""People's deeds joined to the store: each under its practice's lock, in one transaction with all that tells of it."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from collector.escalation import deeds
from collector.escalation.deeds import Outcome, Refusal
from collector.escalation.incidents import Change
from collector.model.happening import Deed, Happening
from collector.store.audit import record_deed
from collector.store.connect import FLEET, Connection, lock_practice, set_scope
from collector.store.deeds import (
    incidents_of_ticket,
    people,
    practice_of,
    practice_of_ticket,
    put_deed,
    said_since,
    take_once,
)
from collector.store.escalation import load_book, newest_book_version
from collector.store.incident_pages import IncidentRow, incident_row
from collector.store.incidents import Event, add_events
from collector.store.wakes import wake_practice

# The incident as it stands then, why it was left alone, or none of that id.
Answer = IncidentRow | Refusal | None
# How what is done at the command line is signed: with the machine's account, which may be anybody's.
COMMAND_LINE = "cli:"


class Hand(NamedTuple):
    """Whose deed it is, and when."""

    actor: str
    at: datetime


async def acknowledge(
    conn: Connection, incident_id: UUID, hand: Hand, *, until: datetime | None = None, comment: str = ""
) -> Answer:
    """Without `until` for as long as the escalation in force says."""

    async def deed(row: IncidentRow) -> Outcome:
        book = await load_book(conn, await newest_book_version(conn))
        return deeds.acknowledge(row.incident, hand.actor, until, book.acknowledged_for, comment, hand.at)

    return await _do(conn, incident_id, "acknowledge", deed, hand)


async def let_go(conn: Connection, incident_id: UUID, hand: Hand) -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        return deeds.let_go(row.incident)

    return await _do(conn, incident_id, "let go", deed, hand)


async def snooze(conn: Connection, incident_id: UUID, hand: Hand, *, until: datetime, comment: str = "") -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        return deeds.snooze(row.incident, hand.actor, until, comment, hand.at)

    return await _do(conn, incident_id, "snooze", deed, hand)


async def wake(conn: Connection, incident_id: UUID, hand: Hand) -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        return deeds.wake(row.incident, hand.at)

    return await _do(conn, incident_id, "end snooze", deed, hand)


async def assign(conn: Connection, incident_id: UUID, hand: Hand, *, to: str | None) -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        return deeds.assign(row.incident, to, await people(conn))

    return await _do(conn, incident_id, "assign", deed, hand)


async def comment(conn: Connection, incident_id: UUID, hand: Hand, *, said: str) -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        since = hand.at - deeds.SAME_CLICK
        return deeds.comment(
            row.incident, said, await said_since(conn, row.practice_id, incident_id, hand.actor, since)
        )

    return await _do(conn, incident_id, "comment", deed, hand)


async def close(conn: Connection, incident_id: UUID, hand: Hand, *, because: str) -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        return deeds.close(row.incident, hand.actor, because, hand.at)

    return await _do(conn, incident_id, "resolve", deed, hand)


async def merge(conn: Connection, incident_id: UUID, hand: Hand, *, campaign_id: UUID) -> Answer:
    async def deed(row: IncidentRow) -> Outcome:
        campaign = await incident_row(conn, campaign_id)
        return deeds.merge(row.incident, campaign.incident if campaign else None)

    return await _do(conn, incident_id, "merge", deed, hand)


async def _do(
    conn: Connection, incident_id: UUID, action: str, deed: Callable[[IncidentRow], Awaitable[Outcome]], hand: Hand
) -> Answer:
    async with conn.transaction():
        await set_scope(conn, FLEET)
        practice_id = await practice_of(conn, incident_id)
        if practice_id is None:
            return None
        await lock_practice(conn, practice_id)
        row = await incident_row(conn, incident_id)
        if row is None:
            return None
        outcome = await deed(row)
        if isinstance(outcome, Refusal):
            return outcome
        if outcome is None:
            return row
        await _keep(conn, practice_id, outcome, action, hand)
        return IncidentRow(row.practice_id, row.practice, outcome.incident)


async def _keep(conn: Connection, practice_id: UUID, change: Change, action: str, hand: Hand) -> None:
    """The incident, its history, the audit and a wake, all or nothing."""
    incident = change.incident
    await put_deed(conn, practice_id, incident)
    event = Event(practice_id, incident.incident_id, change.what, change.said)
    await add_events(conn, [event], at=hand.at, actor=hand.actor)
    await record_deed(
        conn, at=hand.at, actor=hand.actor, action=action, practice_id=practice_id,
        subject=f"incident:{incident.incident_id}", detail={"said": change.said} if change.said else None,
    )  # fmt: skip
    await wake_practice(conn, practice_id, hand.at)


# As the audit log calls the same by an operator's own hand.
_ACTIONS = {Deed.CLOSED: "resolve", Deed.REOPENED: "reopen", Deed.TAKEN: "acknowledge", Deed.COMMENTED: "comment"}


class Took(StrEnum):
    """What became of a happening."""

    TAKEN = "taken"
    AGAIN = "again"
    UNKNOWN_TICKET = "unknown_ticket"


async def take_happenings(
    conn: Connection, channel: str, happenings: Iterable[Happening], at: datetime
) -> tuple[Took, ...]:
    """What people did to tickets in their system, done here too: each event once, whatever comes with it."""
    return tuple([await _take(conn, channel, one, at) for one in happenings])


async def _take(conn: Connection, channel: str, happening: Happening, at: datetime) -> Took:
    async with conn.transaction():
        await set_scope(conn, FLEET)
        practice_id = await practice_of_ticket(conn, channel, happening.ticket_id)
        if practice_id is None:
            return Took.UNKNOWN_TICKET
        await lock_practice(conn, practice_id)
        if not await take_once(conn, channel, happening.event_id, at):
            return Took.AGAIN
        hand = Hand(f"{channel}: {happening.by}", at)
        book = await load_book(conn, await newest_book_version(conn))
        for incident in deeds.concerned(await incidents_of_ticket(conn, practice_id, happening.ticket_id)):
            outcome = deeds.happened(incident, happening, hand.actor, book.acknowledged_for, at)
            if isinstance(outcome, Change):
                await _keep(conn, practice_id, outcome, _ACTIONS[happening.deed], hand)
        return Took.TAKEN
