"""Tickets in GLPI, by its REST interface.

A ticket's key is the last line of its text, so that any version finds it: GLPI has a field for a foreign number, but
searches by it only since 10.0.19 (glpi-project/glpi#19390). Its texts are HTML.
"""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from uuid import UUID

import httpx

from collector.delivery.answers import Door, Json
from collector.delivery.glpi_deeds import CLOSED, IN_WORK, OVER, look, marker
from collector.delivery.glpi_rest import CONTENT, STATUS, Criterion, Rest
from collector.delivery.polling import Look
from collector.delivery.tickets import Remote
from collector.delivery.written import Written
from collector.model.channels import GlpiChannel
from collector.model.message import TicketMessage
from collector.store.ticket_remotes import Polled

LONGEST_TITLE = 250  # characters; source: GLPI's schema, glpi_tickets.name
# Not "duplicate with" (2): GLPI solves what a ticket is a duplicate of when that one is closed.
LINKED_TO = 1
INCIDENT = 1  # a ticket's type; 2 is a request


class Glpi:
    """`settle` is for a create that GLPI still works at when we have given its answer up: it sends its mail within."""

    def __init__(self, client: httpx.AsyncClient, spec: GlpiChannel, user_token: str, app_token: str | None) -> None:
        self._spec = spec
        self._url = str(spec.url).rstrip("/")
        self._rest = Rest(Door(client, f"{self._url}/apirest.php", spec.timeout), user_token, app_token)

    @property
    def settle(self) -> timedelta:
        return self._spec.settle

    async def open(self, message: TicketMessage, written: Written, key: str) -> Remote:  # noqa: ARG002 - by its line
        ticket = {
            "name": written.subject[:LONGEST_TITLE],
            "content": _html(written.body, str(message.ticket_id)),
            "type": INCIDENT,
            **self._entity(message),
        }
        return self._remote(await self._rest.add("Ticket", ticket))

    async def append(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:  # noqa: ARG002
        """GLPI takes no word on a closed ticket, and nobody looks at one: what is new opens it."""
        if await self._rest.status(_number(remote)) == CLOSED:
            await self._rest.update(_number(remote), {"status": IN_WORK})
        await self._follow_up(remote, written, key)

    async def resolve(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:  # noqa: ARG002
        """A solution makes it solved, or closed where its entity says so. One that people closed takes no other."""
        if await self._rest.status(_number(remote)) not in OVER:
            await self._rest.add("ITILSolution", _about(remote) | {"content": _html(written.body, key)})

    async def reopen(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None:  # noqa: ARG002
        if await self._rest.status(_number(remote)) in OVER:
            await self._rest.update(_number(remote), {"status": IN_WORK})
        await self._follow_up(remote, written, key)

    async def find(self, ticket_id: UUID) -> list[Remote]:
        """By the line that carries its key; a double that was linked is closed, and none any more."""
        line = marker(str(ticket_id))
        criteria = [Criterion(CONTENT, "contains", line), Criterion(STATUS, "notequals", str(CLOSED))]
        found = await self._rest.search(criteria, more=(CONTENT,))
        return [self._remote(row.id) for row in found if line in (row.content or "")]

    async def link(self, duplicate: Remote, original: Remote) -> None:
        ends = {_number(duplicate), _number(original)}
        if ends not in [{one.first, one.second} for one in await self._rest.links(_number(duplicate))]:
            link = {"tickets_id_1": _number(duplicate), "tickets_id_2": _number(original), "link": LINKED_TO}
            await self._rest.add("Ticket_Ticket", link)
        if await self._rest.status(_number(duplicate)) != CLOSED:
            await self._rest.update(_number(duplicate), {"status": CLOSED})

    async def look(self, watched: Sequence[Polled], cursor: str | None) -> Look:
        return await look(self._rest, watched, cursor)

    async def _follow_up(self, remote: Remote, written: Written, key: str) -> None:
        """Once: its last line names the message. Private: what we say is for technicians."""
        there = await self._rest.followups(_number(remote))
        if not any(marker(key) in (one.content or "") for one in there):
            await self._rest.add(
                "ITILFollowup", _about(remote) | {"content": _html(written.body, key), "is_private": 1}
            )

    def _entity(self, message: TicketMessage) -> Json:
        """A practice's customer number is its entity; without one the channel's, else the service user's own."""
        customer = message.customer or ""
        entity = int(customer) if customer.isdecimal() else self._spec.entity
        return {} if entity is None else {"entities_id": entity}

    def _remote(self, ticket: int) -> Remote:
        return Remote(str(ticket), f"{self._url}/front/ticket.form.php?id={ticket}")


def _about(remote: Remote) -> dict[str, object]:
    return {"itemtype": "Ticket", "items_id": _number(remote)}


def _number(remote: Remote) -> int:
    return int(remote.remote_id)


def _html(text: str, key: str) -> str:
    lines = [escape(line) for line in (*text.strip().splitlines(), "", marker(key))]
    return f"<p>{'<br>'.join(lines)}</p>"
