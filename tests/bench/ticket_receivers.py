"""A stand-in for Request Tracker that answers late, twice, or 500 after all, as a real one does in a bad night.

It speaks as much of RT's REST interface 2.0 (`perldoc RT::REST2`) as collector/delivery/request_tracker.py asks of it.
"""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from random import Random
from typing import Annotated, Any
from uuid import UUID

from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import Response

KEY_FIELD = "dedup_key"
QUEUE = "Backups"
TIMEOUT = timedelta(seconds=2)
SETTLE = timedelta(seconds=2)
# What is created late is so after its answer was given up, and before it is asked for again.
LATE_S = (TIMEOUT + SETTLE / 2).total_seconds()
COMMENTS_FAIL = 0.1  # of all that are taken

_KEY = re.compile(r"'CF\.\{dedup_key\}' = '([^']+)'")
_COMMENT = re.compile(r"ObjectId = (\d+) AND Subject = '([^']+)'")


class Way(Enum):
    """How a create goes."""

    WELL = auto()
    DONE_AND_500 = auto()
    TWICE_AND_500 = auto()
    DONE_AND_SILENT = auto()  # the answer never comes
    LATE = auto()  # done once nobody waits for the answer any more


@dataclass
class Filed:
    """A ticket there. What was said is by the subject of its comment, each as often as it was."""

    key: str
    said: Counter[str] = field(default_factory=Counter)
    status: str = "new"


@dataclass
class Tracker:
    """`ways` counts how creates went."""

    random: Random
    tickets: list[Filed] = field(default_factory=list)
    ways: Counter[Way] = field(default_factory=Counter)
    comments_failed: int = 0

    async def create(self, key: str) -> int:
        way = self._way()
        self.ways[way] += 1
        if way is Way.LATE:
            await asyncio.sleep(LATE_S)
        number = self._file(key)
        if way is Way.TWICE_AND_500:
            self._file(key)
        if way is Way.DONE_AND_SILENT:
            await asyncio.sleep(2 * TIMEOUT.total_seconds())
        if way in (Way.DONE_AND_500, Way.TWICE_AND_500):
            raise HTTPException(500)
        return number

    def comment(self, number: int, subject: str) -> None:
        self.tickets[number - 1].said[subject] += 1
        if self.random.random() < COMMENTS_FAIL:
            self.comments_failed += 1
            raise HTTPException(500)

    def _way(self) -> Way:
        """Every other one badly, by turns: five failures in a row, and whoever sends would rest for half a minute."""
        turn, odd = divmod(self.ways.total(), 2)
        bad = [way for way in Way if way is not Way.WELL]
        return bad[turn % len(bad)] if odd else Way.WELL

    def _file(self, key: str) -> int:
        self.tickets.append(Filed(key))
        return len(self.tickets)

    def live(self, key: str) -> list[Filed]:
        """Those of a key that were not rejected as doubles."""
        return [one for one in self.tickets if one.key == key and one.status != "rejected"]

    @property
    def doubled(self) -> set[str]:
        """Keys with two tickets at work, or a message that stands there twice."""
        working = Counter(one.key for one in self.tickets if one.status != "rejected")
        repeated = {one.key for one in self.tickets for count in one.said.values() if count > 1}
        return {key for key, count in working.items() if count > 1} | repeated

    def heard(self, ticket_id: UUID, outbox_id: UUID, *, opening: bool) -> bool:
        """Whether a message of ours has come: an opening is the ticket itself, all else a comment."""
        live = self.live(str(ticket_id))
        return bool(live) if opening else any(one.said[f"Vigie {outbox_id}"] for one in live)


def tracker_app(tracker: Tracker) -> FastAPI:
    app = FastAPI(openapi_url=None)
    body = Annotated[dict[str, Any], Body()]
    rest = "/REST/2.0"

    @app.post(f"{rest}/ticket", status_code=201)
    async def create(told: body) -> dict[str, int]:
        return {"id": await tracker.create(told["CustomFields"][KEY_FIELD])}

    @app.get(f"{rest}/tickets")
    async def search(query: str) -> dict[str, Any]:
        key = _KEY.search(query)
        found = [
            n for n, one in enumerate(tracker.tickets, 1) if key and one.key == key[1] and one.status != "rejected"
        ]
        return {"items": [_ticket(tracker, number) for number in found]}

    @app.get(f"{rest}/ticket/{{number}}")
    async def show(number: int) -> dict[str, Any]:
        return _ticket(tracker, number)

    @app.put(f"{rest}/ticket/{{number}}")
    async def change(number: int, told: body) -> list[str]:
        tracker.tickets[number - 1].status = told.get("Status", tracker.tickets[number - 1].status)
        return ["done"]

    @app.post(f"{rest}/ticket/{{number}}/comment", status_code=201)
    async def comment(number: int, told: body) -> Response:
        tracker.comment(number, told["Subject"])
        return Response(status_code=201)

    @app.get(f"{rest}/transactions")
    async def transactions(query: str) -> dict[str, Any]:
        asked = _COMMENT.search(query)
        said = tracker.tickets[int(asked[1]) - 1].said[asked[2]] if asked else 0
        number = int(asked[1]) if asked else 0
        return {"items": [_transaction(number)] if said else []}

    @app.get(f"{rest}/queue/{{queue}}")
    async def queue(queue: str) -> dict[str, Any]:
        return {"TicketCustomFields": [{"name": KEY_FIELD, "values": []}]}

    @app.get(f"{rest}/rt")
    async def version() -> dict[str, str]:
        return {"Version": "5.0.3"}

    return app


def _ticket(tracker: Tracker, number: int) -> dict[str, Any]:
    if not 1 <= number <= len(tracker.tickets):
        raise HTTPException(404)
    one = tracker.tickets[number - 1]
    fields = [{"name": KEY_FIELD, "values": [one.key]}]
    return {"id": number, "Status": one.status, "CustomFields": fields}


def _transaction(ticket: int) -> dict[str, Any]:
    return {
        "id": 1, "ObjectId": ticket, "Type": "Comment", "Creator": {"id": "vigie"}, "Created": "2026-01-12T00:00:00Z",
    }  # fmt: skip
