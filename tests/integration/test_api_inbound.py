"""What people do to tickets in their ticket system, signed by it: done here too, each event once."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from collector.deeds import Took, take_happenings
from collector.model.book import Book
from collector.model.channels import WebhookChannel
from collector.model.happening import Deed, Happening
from collector.store.connect import Role, open_pool
from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet, settings, visitor

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def channel(inbound: str | None) -> WebhookChannel:
    spec = {"kind": "webhook", "url": "https://desk.example", "secret": {"env": "OUT"}}
    return WebhookChannel.model_validate(spec | ({"inbound": {"env": inbound}} if inbound else {}))


@dataclass
class Helpdesk:
    database: Database
    fleet: Fleet
    client: httpx.AsyncClient
    practice_id: UUID
    ticket_id: UUID

    async def send(
        self,
        deed: str,
        *,
        to: str = "tickets",
        secret: str = SECRET,
        at: datetime = NOW,
        event_id: str = "msg_1",
        **data: object,
    ) -> httpx.Response:
        body = json.dumps({"type": f"ticket.{deed}", "data": {"ticket_id": str(self.ticket_id), "by": "Chloé", **data}})
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(event_id, at, body),
            "content-type": "application/json",
        }
        return await self.client.post(f"/v1/inbound/{to}", content=body, headers=headers)

    async def incidents(self) -> list[dict[str, Any]]:
        found = await self.database.owner.fetch("SELECT * FROM incident ORDER BY opened_at, incident_id")
        return [dict(row) for row in found]

    async def events(self) -> list[tuple[str, str, str]]:
        found = await self.database.owner.fetch("SELECT what, said, actor FROM incident_event ORDER BY event_id")
        return [(row["what"], row["said"], row["actor"]) for row in found]

    async def count(self, table: str) -> int:
        found: int = await self.database.owner.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        return found


@pytest.fixture
async def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Helpdesk]:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    fleet = Fleet(database.owner)
    channels = {"tickets": channel("DESK_SECRET"), "other": channel("DESK_SECRET"), "deaf": channel(None)}
    monkeypatch.setenv("MISSPELT", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    await fleet.book(Book(channels={**channels, "keyless": channel("NOT_SET"), "misspelt": channel("MISSPELT")}))
    practice_id = await fleet.practice("A")
    ticket_id = await fleet.ticket(practice_id)
    await fleet.incident(practice_id, ticket=ticket_id)
    async with visitor(settings(database.url)) as client:
        yield Helpdesk(database, fleet, client, practice_id, ticket_id)


async def test_a_ticket_closed_there_is_believed_here_until_it_is_judged(desk: Helpdesk) -> None:
    await desk.fleet.incident(desk.practice_id, "rpo_breached", "exceeded", ticket=desk.ticket_id)
    await desk.fleet.incident(desk.practice_id, "backup_late", "late", ticket=desk.ticket_id, state="resolved")
    answer = await desk.send("closed", text="new cable")
    assert (answer.status_code, answer.json()) == (200, {"event_id": "msg_1", "ticket_id": str(desk.ticket_id)})
    closings = [json.loads(one["closing"]) if one["closing"] else None for one in await desk.incidents()]
    believed = {"by": "tickets: Chloé", "at": "2026-01-15T21:30:00Z", "because": "new cable", "doubted": False}
    assert (closings.count(believed), closings.count(None)) == (2, 1)
    assert await desk.events() == [("closed", "new cable", "tickets: Chloé")] * 2
    assert await desk.count("wake") == 2
    assert await desk.database.owner.fetchval("SELECT count(*) FROM audit WHERE action = 'resolve'") == 2


async def test_a_ticket_taken_there_is_acknowledged_here(desk: Helpdesk) -> None:
    await desk.send("taken")
    [incident] = await desk.incidents()
    assert (incident["state"], incident["acknowledged_by"]) == ("acknowledged", "tickets: Chloé")
    assert incident["acknowledged_until"] == NOW + timedelta(days=1)


async def test_a_comment_made_there_stands_in_the_history_even_when_it_is_over(desk: Helpdesk) -> None:
    await desk.send("commented", text="no power there")
    await desk.database.owner.execute("UPDATE incident SET state = 'resolved', resolved_at = $1", NOW)
    await desk.send("commented", text="thank you", event_id="msg_2")
    assert [said for _, said, _ in await desk.events()] == ["no power there", "thank you"]


async def test_a_ticket_opened_again_there_is_no_longer_believed_to_be_over(desk: Helpdesk) -> None:
    await desk.send("closed")
    await desk.database.owner.execute("UPDATE incident SET state = 'resolved', resolved_at = $1", NOW)
    await desk.send("reopened", event_id="msg_2")
    assert [json.loads(one["closing"])["doubted"] for one in await desk.incidents()] == [True]


@pytest.mark.parametrize("deed", ["closed", "taken", "commented", "reopened"])
async def test_a_replay_answers_the_same_and_changes_nothing(desk: Helpdesk, deed: str) -> None:
    first = await desk.send(deed, text="words")
    before = (await desk.incidents(), await desk.events(), await desk.count("audit"), await desk.count("wake"))
    for at in (NOW, NOW + timedelta(minutes=1)):
        again = await desk.send(deed, text="words", at=at)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert before == (await desk.incidents(), await desk.events(), await desk.count("audit"), await desk.count("wake"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": OTHER},
        {"at": NOW - timedelta(minutes=5, seconds=1)},
        {"at": NOW + timedelta(minutes=5, seconds=1)},
        {"to": "deaf"},
        {"to": "nowhere"},
        {"to": "%00"},
    ],
)
async def test_without_a_fresh_signature_nothing_changes(desk: Helpdesk, wrong: dict[str, Any]) -> None:
    answer = await desk.send("closed", **wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert await desk.events() == []
    assert await desk.count("inbound") == 0
    assert (await desk.client.post("/v1/inbound/tickets", json={})).status_code == 401


async def test_a_channel_speaks_of_its_own_tickets_alone(desk: Helpdesk) -> None:
    assert (await desk.send("closed", to="other")).status_code == 404
    assert (await desk.send("closed", ticket_id=str(uuid4()))).status_code == 404
    assert await desk.events() == []
    assert (await desk.send("closed")).status_code == 200  # what was not known then may be sent again


@pytest.mark.parametrize(
    ("data", "field"),
    [({"by": ""}, "data.by"), ({"text": "x" * 2_001}, "data.text"), ({"ticket_id": 1}, "data.ticket_id")],
)
async def test_a_signed_body_that_is_wrong_names_its_field(desk: Helpdesk, data: dict[str, Any], field: str) -> None:
    answer = await desk.send("commented", **data)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert (await desk.send("eaten")).json()["errors"][0]["field"] == "type"
    assert await desk.count("inbound") == 0


async def test_a_body_over_the_limit_is_refused_before_it_is_read(desk: Helpdesk) -> None:
    assert (await desk.send("commented", text="x" * 70_000)).status_code == 413


@pytest.mark.parametrize(("to", "place"), [("keyless", "NOT_SET"), ("misspelt", "MISSPELT")])
async def test_a_secret_that_we_miss_is_our_fault_and_names_no_secret(desk: Helpdesk, to: str, place: str) -> None:
    answer = await desk.send("closed", to=to)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert place not in answer.text


async def test_a_deed_that_cannot_be_audited_is_not_taken(desk: Helpdesk) -> None:
    await desk.database.owner.execute("REVOKE INSERT ON audit FROM vigie_api")
    with pytest.raises(Exception, match="permission denied"):
        await desk.send("closed")
    assert await desk.count("inbound") == await desk.count("incident_event") == 0


async def test_the_worker_takes_what_it_fetched_the_same_way(desk: Helpdesk) -> None:
    def event(event_id: str, deed: Deed, ticket_id: UUID) -> Happening:
        return Happening(event_id=event_id, ticket_id=ticket_id, deed=deed, by="bob", at=NOW, said="seen")

    fetched = [event("1", Deed.TAKEN, desk.ticket_id), event("2", Deed.COMMENTED, desk.ticket_id)]
    async with open_pool(desk.database.url, Role.WORKER, 1) as pool, pool.acquire() as conn:
        took = await take_happenings(conn, "tickets", [*fetched, event("3", Deed.CLOSED, uuid4())], NOW + HOUR)
        again = await take_happenings(conn, "tickets", fetched, NOW + HOUR)
    assert took == (Took.TAKEN, Took.TAKEN, Took.UNKNOWN_TICKET)
    assert again == (Took.AGAIN, Took.AGAIN)
    assert [what for what, _, _ in await desk.events()] == ["acknowledged", "commented"]
