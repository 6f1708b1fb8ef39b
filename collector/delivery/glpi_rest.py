"""The words of GLPI's REST interface, as far as we speak them.

Source: its documentation, https://github.com/glpi-project/glpi/blob/main/apirest.md (init session, search items, get
sub items, add and update items, errors). An error is an array: a code and a sentence.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from collector.delivery.answers import Door, Json, RefusedError
from collector.delivery.channel import DeliveryError
from collector.delivery.tickets import GoneError, NotMadeError

# Search options of tickets, as `listSearchOptions/Ticket` tells them.
NUMBER, STATUS, CHANGED, CONTENT = 2, 12, 19, 21
# Sub items of one ticket that are read; source: nobody's ticket has more, and GLPI gives fifty unless it is asked.
SUB_ITEMS = 1_000

PAGE = 500
MOST_FOUND = 20_000

SESSION_OVER = ("ERROR_SESSION_TOKEN_INVALID", "ERROR_SESSION_TOKEN_MISSING")
NOT_FOUND = "ERROR_ITEM_NOT_FOUND"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Session(_Answer):
    session_token: str


class _Who(_Answer):
    user: int = Field(alias="glpiID")


class _FullSession(_Answer):
    session: _Who


class _Made(_Answer):
    id: int


class _TicketStatus(_Answer):
    status: int
    is_deleted: bool = False


class Row(_Answer):
    """A ticket that was searched for."""

    id: int = Field(alias=str(NUMBER))
    changed: str | None = Field(None, alias=str(CHANGED))
    content: str | None = Field(None, alias=str(CONTENT))


class _Found(_Answer):
    total: int = Field(alias="totalcount")
    data: tuple[Row, ...] = ()


class Followup(_Answer):
    id: int
    user: int = Field(alias="users_id")
    content: str | None


class Actor(_Answer):
    """Somebody's part in a ticket; it has a number of its own, so that who takes it twice took it twice."""

    id: int
    kind: int = Field(alias="type")
    user: int = Field(alias="users_id")


class LogLine(_Answer):
    """A change of one field, or of what hangs on it (`of`); people are called like "paul (33)"."""

    id: int
    by: str | None = Field(alias="user_name")
    of: str | None = Field(alias="itemtype_link")
    option: int = Field(alias="id_search_option")
    old: str | None = Field(alias="old_value")
    new: str | None = Field(alias="new_value")


class Link(_Answer):
    first: int = Field(alias="tickets_id_1")
    second: int = Field(alias="tickets_id_2")


Kind = TypeVar("Kind", bound=BaseModel)
_MANY_UPDATED: TypeAdapter[tuple[Mapping[str, bool | str], ...]] = TypeAdapter(tuple[Mapping[str, bool | str], ...])


class Criterion(NamedTuple):
    """One condition of a search; they all must hold."""

    field: int
    how: str
    value: str


class Rest:
    """GLPI behind its door, in a session that is renewed when GLPI has ended it."""

    def __init__(self, door: Door, user_token: str, app_token: str | None) -> None:
        self._door = door
        self._user_token = user_token
        self._headers = {"content-type": "application/json"} | ({"app-token": app_token} if app_token else {})
        self._session: str | None = None
        self._user: int | None = None
        self._signing_in = asyncio.Lock()

    async def add(self, kind: str, fields: Json) -> int:
        """Only what was certainly not made raises NotMadeError."""
        return _read(_Made, await self._ask("POST", kind, {"input": fields})).id

    async def update(self, ticket: int, fields: Json) -> None:
        answer = await self._ask("PUT", f"Ticket/{ticket}", {"input": fields})
        try:
            [done] = _MANY_UPDATED.validate_json(answer.content)
        except ValueError as error:
            raise _strange(error) from error
        if done.get(str(ticket)) is not True:
            raise DeliveryError(f"did not change ticket {ticket}: {done.get('message', '')}")

    async def status(self, ticket: int) -> int:
        """Raises GoneError for a ticket that somebody deleted, for good or into the dustbin."""
        try:
            found = _read(_TicketStatus, await self._ask("GET", f"Ticket/{ticket}"))
        except RefusedError as error:
            if error.status == httpx.codes.NOT_FOUND and NOT_FOUND in error.said:
                raise GoneError(f"there is no ticket {ticket} any more") from error
            raise
        if found.is_deleted:
            raise GoneError(f"ticket {ticket} was deleted")
        return found.status

    async def search(
        self,
        criteria: Sequence[Criterion],
        *,
        by: int = NUMBER,
        newest: bool = False,
        limit: int = MOST_FOUND,
        more: Sequence[int] = (),
    ) -> Sequence[Row]:
        """Tickets in order of a search option, with `more` of them shown; those in the dustbin are left out."""
        asked = {"sort": str(by), "order": "DESC" if newest else "ASC"}
        asked |= {f"forcedisplay[{place}]": str(option) for place, option in enumerate((NUMBER, CHANGED, *more))}
        for place, one in enumerate(criteria):
            name = f"criteria[{place}]"
            asked |= {f"{name}[link]": "AND", f"{name}[field]": str(one.field), f"{name}[searchtype]": one.how}
            asked[f"{name}[value]"] = one.value
        rows: list[Row] = []
        while len(rows) < limit:
            last = min(len(rows) + PAGE, limit) - 1
            page = await self._ask("GET", "search/Ticket", params=asked | {"range": f"{len(rows)}-{last}"})
            found = _read(_Found, page)
            rows += found.data
            if not found.data or len(rows) >= found.total:
                break
        return rows

    async def followups(self, ticket: int) -> Sequence[Followup]:
        return await self._sub_items(Followup, ticket, "ITILFollowup")

    async def actors(self, ticket: int) -> Sequence[Actor]:
        return await self._sub_items(Actor, ticket, "Ticket_User")

    async def log(self, ticket: int) -> Sequence[LogLine]:
        return await self._sub_items(LogLine, ticket, "Log")

    async def links(self, ticket: int) -> Sequence[Link]:
        return await self._sub_items(Link, ticket, "Ticket_Ticket")

    async def who_we_are(self) -> int:
        """Our own user's number."""
        if self._user is None:
            self._user = _read(_FullSession, await self._ask("GET", "getFullSession")).session.user
        return self._user

    async def _sub_items(self, kind: type[Kind], ticket: int, name: str) -> Sequence[Kind]:
        answer = await self._ask("GET", f"Ticket/{ticket}/{name}", params={"range": f"0-{SUB_ITEMS - 1}"})
        try:
            found: Sequence[Kind] = TypeAdapter(tuple[kind, ...]).validate_json(answer.content)  # type: ignore[valid-type]
        except ValidationError as error:
            raise _strange(error) from error
        return found

    async def _ask(
        self, method: str, path: str, json: Json | None = None, params: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """In our session; in a new one if GLPI has ended it, which has done nothing then."""
        session = self._session or await self._sign_in(None)
        try:
            return await self._door.ask(method, path, self._headers | {"session-token": session}, json, params)
        except RefusedError as error:
            if not any(code in error.said for code in SESSION_OVER):
                raise
        session = await self._sign_in(session)
        return await self._door.ask(method, path, self._headers | {"session-token": session}, json, params)

    async def _sign_in(self, over: str | None) -> str:
        """One at a time: whoever waited takes the session that another has opened meanwhile."""
        async with self._signing_in:
            if self._session is None or self._session == over:
                self._session = await self._new_session()
            return self._session

    async def _new_session(self) -> str:
        """Whatever goes wrong here, what was to be done in it has not been."""
        headers = self._headers | {"authorization": f"user_token {self._user_token}"}
        try:
            return _read(_Session, await self._door.ask("GET", "initSession", headers)).session_token
        except NotMadeError:
            raise
        except DeliveryError as error:
            raise NotMadeError(str(error), error.retry_after) from error


def _read(kind: type[Kind], answer: httpx.Response) -> Kind:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise _strange(error) from error


def _strange(error: ValueError) -> DeliveryError:
    amiss = f": {error.error_count()} fields amiss" if isinstance(error, ValidationError) else ""
    return DeliveryError(f"answered what GLPI does not{amiss}")
