"""The words of Request Tracker's REST interface 2.0 (`perldoc RT::REST2`), as far as we speak them."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collector.delivery.answers import Door, Json, RefusedError
from collector.delivery.channel import DeliveryError
from collector.delivery.tickets import GoneError

PAGE = 100  # rows; source: RT::REST2, the most that a page holds
DELETED = "deleted"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Named(_Answer):
    id: str


class _Values(_Answer):
    name: str
    values: tuple[str, ...] = ()


class Ticket(_Answer):
    id: int
    status: str = Field(alias="Status")
    fields: tuple[_Values, ...] = Field((), alias="CustomFields")

    def holds(self, field: str, value: str) -> bool:
        return any(one.name == field and value in one.values for one in self.fields)


class Transaction(_Answer):
    """One line of a ticket's history."""

    id: int
    ticket: int = Field(alias="ObjectId")
    kind: str = Field(alias="Type")
    old: str = Field("", alias="OldValue")
    new: str = Field("", alias="NewValue")
    creator: _Named = Field(alias="Creator")
    at: datetime = Field(alias="Created")


class _Made(_Answer):
    id: int


class _Tickets(_Answer):
    items: tuple[Ticket, ...]


class _Transactions(_Answer):
    items: tuple[Transaction, ...]


class _Attachment(_Answer):
    content: str = Field("", alias="Content")
    kind: str = Field("", alias="ContentType")


class _Attachments(_Answer):
    items: tuple[_Attachment, ...]


class _Queue(_Answer):
    fields: tuple[_Values, ...] = Field((), alias="TicketCustomFields")


Kind = TypeVar("Kind", bound=_Answer)


class Rest:
    """RT behind its door; each call is one request, but for what is said of it."""

    def __init__(self, door: Door, token: str) -> None:
        self._door = door
        self._headers = {"authorization": f"token {token}", "accept": "application/json"}

    async def create(self, ticket: Json) -> int:
        return _read(_Made, await self._door.ask("POST", "ticket", self._headers, ticket)).id

    async def comment(self, ticket: int, subject: str, text: str) -> None:
        said: Json = {"Subject": subject, "Content": text, "ContentType": "text/plain"}
        await self._door.ask("POST", f"ticket/{ticket}/comment", self._headers, said)

    async def change(self, ticket: int, change: Json) -> None:
        """RT answers 200 also where it did not: it says so in words, in the language of the user."""
        await self._door.ask("PUT", f"ticket/{ticket}", self._headers, change)

    async def ticket(self, ticket: int) -> Ticket:
        """The one that it went into, if it was merged. Raises GoneError for one that somebody deleted."""
        try:
            found = _read(Ticket, await self._door.ask("GET", f"ticket/{ticket}", self._headers))
        except RefusedError as error:
            if error.status == httpx.codes.NOT_FOUND and await self._is_there():
                raise GoneError(f"there is no ticket {ticket} any more") from error
            raise
        if found.status == DELETED:
            raise GoneError(f"ticket {ticket} was deleted")
        return found

    async def _is_there(self) -> bool:
        """A proxy before it, or a wrong address, knows no ticket either."""
        return "Version" in (await self._door.ask("GET", "rt", self._headers)).text

    async def tickets(self, query: str) -> Sequence[Ticket]:
        """By TicketSQL, oldest first."""
        asked = {"query": query, "fields": "Status,CustomFields", "orderby": "id", "order": "ASC"}
        return _read(_Tickets, await self._door.ask("GET", "tickets", self._headers, params=asked)).items

    async def transactions(self, query: str, *, newest: bool = False, limit: int = PAGE) -> Sequence[Transaction]:
        """By TransactionSQL, in the order that RT numbered them."""
        asked = {
            "query": f"ObjectType = 'RT::Ticket' AND {query}",
            "fields": "ObjectId,Type,OldValue,NewValue,Creator,Created",
            "orderby": "id",
            "order": "DESC" if newest else "ASC",
            "per_page": str(limit),
        }
        return _read(_Transactions, await self._door.ask("GET", "transactions", self._headers, params=asked)).items

    async def words_of(self, transaction: Transaction) -> str:
        """What a comment or an answer says, if it says it as text."""
        path = f"transaction/{transaction.id}/attachments"
        answer = await self._door.ask("GET", path, self._headers, params={"fields": "Content,ContentType"})
        texts = (one.content for one in _read(_Attachments, answer).items if one.kind == "text/plain")
        return next(texts, "")

    async def ticket_fields(self, queue: str) -> frozenset[str]:
        """The names of the custom fields of a queue's tickets that the service user sees."""
        answer = await self._door.ask("GET", f"queue/{quote(queue, safe='')}", self._headers)
        return frozenset(field.name for field in _read(_Queue, answer).fields)


def quoted(text: str) -> str:
    """A string of TicketSQL or TransactionSQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _read(kind: type[Kind], answer: httpx.Response) -> Kind:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise DeliveryError(f"answered what Request Tracker does not: {error.error_count()} fields amiss") from error
