"""Tickets in Request Tracker 5.

The queue needs a custom field for tickets that takes one value, and the service user the rights to see and to set it:
RT makes a ticket without a word about a field that it left out. Our messages are comments: these go to no requestor.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import httpx

from collector.delivery.answers import Door, Json
from collector.delivery.channel import DeliveryError
from collector.delivery.polling import Look
from collector.delivery.request_tracker_deeds import CLOSED, look
from collector.delivery.request_tracker_rest import DELETED, Rest, Ticket, quoted
from collector.delivery.tickets import NotMadeError, Remote
from collector.delivery.written import Written
from collector.logs import logger
from collector.model.channels import RequestTrackerChannel
from collector.model.message import TicketMessage
from collector.store.ticket_remotes import Polled

_log = logger("delivery")

LONGEST_SUBJECT = 200  # characters; source: RT's schema, Tickets.Subject
OPEN, RESOLVED, REJECTED = "open", "resolved", "rejected"  # of RT's own lifecycle


class RequestTracker:
    """RT writes a ticket in one transaction, so it is found as soon as it is made.

    `settle` is for a create whose answer we gave up: RT may still work at it, waiting for a lock or for its mail.
    """

    def __init__(self, client: httpx.AsyncClient, spec: RequestTrackerChannel, token: str) -> None:
        self._spec = spec
        self._url = str(spec.url).rstrip("/")
        self._rest = Rest(Door(client, f"{self._url}/REST/2.0", spec.timeout), token)
        self._fields_are_there = False
        self._key_was_seen = False

    @property
    def settle(self) -> timedelta:
        return self._spec.settle

    async def open(self, message: TicketMessage, written: Written, key: str) -> Remote:  # noqa: ARG002 - by its field
        await self._check_fields()
        fields = {self._spec.key_field: str(message.ticket_id)}
        if self._spec.customer_field and message.customer:
            fields[self._spec.customer_field] = message.customer
        ticket: Json = {
            "Queue": self._spec.queue,
            "Subject": written.subject[:LONGEST_SUBJECT],
            "Content": written.body,
            "ContentType": "text/plain",
            "CustomFields": fields,
        }
        made = await self._rest.create(ticket)
        await self._check_key(made, message)
        return self._remote(made)

    async def append(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:  # noqa: ARG002
        await self._comment(await self._rest.ticket(_number(remote)), written, key)

    async def resolve(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:  # noqa: ARG002
        """One that people closed is left as they closed it: that it is over is no news there."""
        ticket = await self._rest.ticket(_number(remote))
        if ticket.status not in CLOSED:
            await self._comment(ticket, written, key)
            await self._make(remote, ticket, RESOLVED)

    async def reopen(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:  # noqa: ARG002
        ticket = await self._rest.ticket(_number(remote))
        await self._comment(ticket, written, key)
        if ticket.status in CLOSED:
            await self._make(remote, ticket, OPEN)

    async def find(self, ticket_id: UUID) -> list[Remote]:
        """By the custom field, which is looked at again: a stranger's ticket would be worse than a double."""
        field, key = self._spec.key_field, str(ticket_id)
        has_key = f"{quoted(f'CF.{{{field}}}')} = {quoted(key)}"
        found = await self._rest.tickets(f"{has_key} AND Status != '{REJECTED}' AND Status != '{DELETED}'")
        return [self._remote(ticket.id) for ticket in found if ticket.holds(field, key)]

    async def link(self, duplicate: Remote, original: Remote) -> None:
        """Linked and rejected, not merged: RT never takes merged tickets apart again."""
        await self._rest.change(_number(duplicate), {"AddRefersTo": _number(original)})
        await self._make(duplicate, await self._rest.ticket(_number(duplicate)), REJECTED)

    async def look(self, watched: Sequence[Polled], cursor: str | None) -> Look:
        return await look(self._rest, watched, cursor)

    async def _comment(self, ticket: Ticket, written: Written, key: str) -> None:
        """Once: its subject names the message."""
        subject = f"Vigie {key}"
        if not await self._rest.transactions(f"ObjectId = {ticket.id} AND Subject = {quoted(subject)}", limit=1):
            await self._rest.comment(ticket.id, subject, written.body)

    async def _make(self, remote: Remote, ticket: Ticket, status: str) -> None:
        """But not another ticket that people merged ours into: how that stands is for them to say."""
        if ticket.id != _number(remote):
            return
        await self._rest.change(ticket.id, {"Status": status})
        now = (await self._rest.ticket(ticket.id)).status
        if now != status:
            raise DeliveryError(f"ticket {ticket.id} stays {now}: may the service user make it {status}?")

    async def _check_fields(self) -> None:
        """Without its key no ticket would ever be found again. Looked at once: a field is not made every day."""
        if self._fields_are_there:
            return
        queue = self._spec.queue
        try:
            there = await self._rest.ticket_fields(queue)
        except DeliveryError as error:
            raise NotMadeError(f"queue {queue!r}: {error}", error.retry_after) from error
        wanted = {self._spec.key_field, self._spec.customer_field or self._spec.key_field}
        if missing := ", ".join(sorted(wanted - there)):
            raise NotMadeError(f"queue {queue!r} shows the service user no custom field {missing} for tickets")
        self._fields_are_there = True

    async def _check_key(self, made: int, message: TicketMessage) -> None:
        """Until it was seen once: RT leaves a field out that the service user may not set, and says nothing."""
        if self._key_was_seen:
            return
        try:
            self._key_was_seen = (await self._rest.ticket(made)).holds(self._spec.key_field, str(message.ticket_id))
        except DeliveryError:
            return  # the ticket is made all the same, and the next one is looked at
        if not self._key_was_seen:
            right = "SeeCustomField and ModifyCustomField"
            _log.error("a ticket was made without its key", ticket=made, field=self._spec.key_field, needed=right)

    def _remote(self, ticket: int) -> Remote:
        return Remote(str(ticket), f"{self._url}/Ticket/Display.html?id={ticket}")


def _number(remote: Remote) -> int:
    return int(remote.remote_id)
