"""A channel tried out: a marked ticket that opens and closes at once, or a marked notice and its end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import uuid4

from collector.delivery.channel import Channel, DeliveryError
from collector.delivery.tickets import Remotes, Tickets
from collector.model.campaign import PROVIDER
from collector.model.escalation import Action
from collector.model.finding import Severity
from collector.model.incident import IncidentState
from collector.model.message import IncidentLine, Notice, NoticeKind, TicketEvent, TicketMessage
from collector.model.subject import PRACTICE
from collector.store.outbox import Parcel
from collector.texts.words import words_in

RULE, REASON = "channel_test", "test"
WHO = "Vigie"


def trial_tickets(now: datetime) -> list[TicketMessage]:
    ticket_id = uuid4()
    return [
        TicketMessage(
            event=event,
            ticket_id=ticket_id,
            sequence=sequence,
            at=now,
            practice_id=PROVIDER,
            practice=WHO,
            root=PRACTICE,
            severity=Severity.NOTICE,
            title=words_in("en").title(RULE, REASON, {}),
            incidents=(line,),
        )
        for sequence, (event, line) in enumerate(
            zip((TicketEvent.OPENED, TicketEvent.RESOLVED), _lines(now), strict=True), 1
        )
    ]


def trial_notices(now: datetime) -> list[Notice]:
    return [
        Notice(
            kind=kind,
            action=Action.NOTIFY,
            sequence=sequence,
            at=now,
            practice_id=PROVIDER,
            practice=WHO,
            title=words_in("en").title(RULE, REASON, {}),
            incident=line,
        )
        for sequence, (kind, line) in enumerate(
            zip((NoticeKind.RAISED, NoticeKind.RESOLVED), _lines(now), strict=True), 1
        )
    ]


def _lines(now: datetime) -> tuple[IncidentLine, IncidentLine]:
    """The same incident while it lasts, and once it is over."""
    lasts = IncidentLine(
        incident_id=uuid4(),
        rule=RULE,
        subject=PRACTICE,
        severity=Severity.NOTICE,
        reason=REASON,
        state=IncidentState.OPEN,
        since=now,
        opened_at=now,
        resolved_at=None,
        resolution=None,
        facts={},
    )
    return lasts, lasts.model_copy(
        update={"state": IncidentState.RESOLVED, "resolved_at": now, "resolution": "recovered"}
    )


async def send_trial(
    channel: Channel, messages: list[TicketMessage] | list[Notice], remotes: Remotes
) -> AsyncIterator[str]:
    """What was taken, one line a message. Raises DeliveryError, as the outbox's drain would see it."""
    for message in messages:
        parcel = Parcel(PROVIDER, uuid4(), 1, None, message.at, message)
        try:
            async with asyncio.timeout(channel.timeout.total_seconds()):
                await channel.deliver(parcel)
        except TimeoutError:
            raise DeliveryError(f"no answer within {channel.timeout.total_seconds():g} s") from None
        yield await _taken(channel, message, remotes)


async def _taken(channel: Channel, message: TicketMessage | Notice, remotes: Remotes) -> str:
    if isinstance(message, Notice):
        return f"notice taken: {message.kind.value}"
    kept = await remotes.load(message.practice_id, message.ticket_id) if isinstance(channel, Tickets) else None
    there = f" as {kept.remote_id} {kept.url or ''}".rstrip() if kept else ""
    return f"{message.event.value} taken{there}"
