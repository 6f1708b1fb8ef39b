"""An operator's hand on an incident under /v1: done once, audited with it, and told to the judge."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from collector.model.book import Book, Person
from collector.model.campaign import PROVIDER
from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet, settings, visitor

DEEDS: list[tuple[str, str, dict[str, object] | None, str]] = [
    ("POST", "acknowledge", {"for": "2h", "comment": "mine"}, "acknowledge"),
    ("POST", "snooze", {"for": "2h"}, "snooze"),
    ("POST", "assign", {"to": "Alice"}, "assign"),
    ("POST", "comment", {"comment": "no power there"}, "comment"),
    ("POST", "resolve", {"because": "cable"}, "resolve"),
]


@dataclass
class Desk:
    database: Database
    fleet: Fleet
    client: httpx.AsyncClient
    practice_id: UUID
    incident_id: UUID

    async def do(self, deed: str, body: object = None, method: str = "POST", by: str = "Alice") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.fleet.operators[by]}"}
        return await self.client.request(method, f"/v1/incidents/{self.incident_id}/{deed}", json=body, headers=headers)

    async def rows(self, table: str) -> list[dict[str, Any]]:
        found = await self.database.owner.fetch(f"SELECT *, xmin::text AS tx FROM {table}")  # noqa: S608
        return [dict(row) for row in found]

    async def audited(self, action: str) -> list[dict[str, Any]]:
        return [one for one in await self.rows("audit") if one["action"] == action]


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    fleet = Fleet(database.owner)
    await fleet.operator("Alice")
    await fleet.operator("Bob")
    practice_id = await fleet.practice("A")
    incident_id = await fleet.incident(practice_id)
    async with visitor(settings(database.url)) as client:
        yield Desk(database, fleet, client, practice_id, incident_id)


@pytest.mark.parametrize(("method", "deed", "body", "action"), DEEDS)
async def test_a_deed_its_history_its_audit_and_the_wake_are_one_transaction(
    desk: Desk, method: str, deed: str, body: object, action: str
) -> None:
    for _ in range(2):
        assert (await desk.do(deed, body, method)).status_code == 200
    [audited] = await desk.audited(action)
    assert (audited["actor"], audited["practice_id"], audited["at"]) == ("Alice", desk.practice_id, NOW)
    assert audited["subject"] == f"incident:{desk.incident_id}"
    for table in ("incident", "incident_event", "wake"):
        [row] = await desk.rows(table)
        assert row["tx"] == audited["tx"], table


@pytest.mark.parametrize(("method", "deed", "body", "action"), DEEDS)
async def test_a_deed_that_cannot_be_audited_does_not_happen(
    desk: Desk, method: str, deed: str, body: object, action: str
) -> None:
    before = await desk.rows("incident")
    await desk.database.owner.execute("REVOKE INSERT ON audit FROM vigie_api")
    with pytest.raises(Exception, match="permission denied"):
        await desk.do(deed, body, method)
    assert await desk.rows("incident") == before
    assert await desk.rows("incident_event") == await desk.rows("wake") == []


@pytest.mark.parametrize(("method", "deed", "body", "action"), DEEDS)
async def test_what_is_resolved_refuses_with_a_sentence(
    desk: Desk, method: str, deed: str, body: object, action: str
) -> None:
    desk.incident_id = await desk.fleet.incident(desk.practice_id, state="resolved")
    answer = await desk.do(deed, body, method)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:vigie:resolved")
    assert "resolved" in answer.json()["detail"]
    assert await desk.rows("incident_event") == []
    desk.incident_id = uuid4()
    assert (await desk.do(deed, body, method)).status_code == 404


async def test_an_acknowledgement_says_until_when_and_can_be_given_back(desk: Desk) -> None:
    told = (await desk.do("acknowledge", {"until": (NOW + HOUR).isoformat()})).json()
    assert (told["state"], told["acknowledged_until"]) == ("acknowledged", "2026-01-15T22:30:00Z")
    given = (await desk.do("acknowledge", method="DELETE", by="Bob")).json()
    assert (given["state"], given["acknowledged_by"], given["acknowledged_until"]) == ("open", None, None)
    assert (await desk.do("acknowledge", method="DELETE")).status_code == 200
    assert [one["actor"] for one in await desk.audited("let go")] == ["Bob"]


async def test_the_escalation_in_force_says_how_long_an_acknowledgement_lasts(desk: Desk) -> None:
    await desk.fleet.book(Book(acknowledged_for=timedelta(hours=3)))
    assert (await desk.do("acknowledge")).json()["acknowledged_until"] == "2026-01-16T00:30:00Z"


async def test_a_snooze_ends_by_hand(desk: Desk) -> None:
    told = (await desk.do("snooze", {"for": "1h", "comment": "at lunch"})).json()
    assert (told["snoozed_by"], told["snoozed_until"]) == ("Alice", "2026-01-15T22:30:00Z")
    assert (await desk.do("snooze", method="DELETE")).json()["snoozed_until"] is None
    assert len(await desk.audited("end snooze")) == 1


async def test_what_takes_two_people_is_acknowledged_for_a_day_at_most(desk: Desk) -> None:
    await desk.database.owner.execute("UPDATE incident SET signature = 'ransomware_signature'")
    long = await desk.do("acknowledge", {"for": "25h"})
    assert (long.status_code, long.json()["type"]) == (422, "urn:vigie:too_long_alone")
    assert "at most 24 hours" in long.json()["detail"]
    assert (await desk.do("acknowledge", {"for": "24h"})).status_code == 200


async def test_what_takes_two_people_is_not_snoozed_and_says_the_way_out(desk: Desk) -> None:
    await desk.database.owner.execute("UPDATE incident SET signature = 'ransomware_signature'")
    answer = await desk.do("snooze", {"for": "1h"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:vigie:needs_two")
    assert "somebody else approve" in answer.json()["detail"]
    assert await desk.rows("wake") == []


async def test_an_incident_is_given_to_an_operator_or_somebody_of_the_escalation(desk: Desk) -> None:
    await desk.fleet.book(Book(people={"chloe": Person()}))
    for name in ("Bob", "chloe"):
        assert (await desk.do("assign", {"to": name})).json()["assigned_to"] == name
    refused = await desk.do("assign", {"to": "Bobb"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "to")
    assert (await desk.do("assign", {"to": None})).json()["assigned_to"] is None


async def test_another_persons_same_words_are_another_comment(desk: Desk) -> None:
    for by in ("Alice", "Bob", "Alice"):
        await desk.do("comment", {"comment": "no power"}, by=by)
    assert [one["actor"] for one in await desk.rows("incident_event")] == ["Alice", "Bob"]


async def test_only_a_campaign_that_lasts_takes_an_incident(desk: Desk) -> None:
    campaign = await desk.fleet.incident(PROVIDER, "campaign", "backup_tool", job=None)
    refused = await desk.do("merge", {"campaign_id": str(desk.incident_id)})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "campaign_id")
    for _ in range(2):
        assert (await desk.do("merge", {"campaign_id": str(campaign)})).json()["campaign_id"] == str(campaign)
    assert len(await desk.audited("merge")) == 1


@pytest.mark.parametrize(
    ("deed", "body", "field"),
    [
        ("acknowledge", {"until": NOW.isoformat()}, "until"),
        ("acknowledge", {"until": "tomorrow"}, "until"),
        ("acknowledge", {"for": "31d"}, "for"),
        ("acknowledge", {"until": "2026-03-01T00:00:00Z"}, "until"),
        ("snooze", {"for": "31d"}, "for"),
        ("acknowledge", {"for": "soon"}, "for"),
        ("acknowledge", {"for": "1h", "until": "2026-02-01T00:00:00Z"}, "(body)"),
        ("snooze", {}, "(body)"),
        ("snooze", {"for": "1h", "by": "Bob"}, "by"),
        ("snooze", None, "(body)"),
        ("assign", {}, "to"),
        ("assign", {"to": ""}, "to"),
        ("comment", {"comment": ""}, "comment"),
        ("comment", {"comment": " \n"}, "comment"),
        ("comment", {"comment": "\0"}, "comment"),
        ("resolve", {"because": " "}, "because"),
        ("resolve", {}, "because"),
        ("merge", {"campaign_id": "x"}, "campaign_id"),
    ],
)
async def test_bad_input_names_its_field_and_changes_nothing(desk: Desk, deed: str, body: object, field: str) -> None:
    answer = await desk.do(deed, body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await desk.rows("incident_event") == []


async def test_an_incident_tells_its_whole_history_and_where_its_ticket_is(desk: Desk) -> None:
    ticket = await desk.fleet.ticket(desk.practice_id)
    await desk.fleet.message(desk.practice_id, ticket, error="503")
    await desk.database.owner.execute("UPDATE incident SET ticket_id = $1", ticket)
    await desk.do("comment", {"comment": "no power"})
    await desk.do("resolve", {"because": "power is back"}, by="Bob")
    headers = {"Authorization": f"Bearer {desk.fleet.operators['Alice']}"}
    path = f"/v1/incidents/{desk.incident_id}"
    told = (await desk.client.get(path, headers=headers)).json()
    assert [(one["what"], one["said"], one["actor"]) for one in told["timeline"]] == [
        ("commented", "no power", "Alice"),
        ("closed", "power is back", "Bob"),
    ]
    assert told["incident"]["closing"] == {"by": "Bob", "at": "2026-01-15T21:30:00Z", "because": "power is back"}
    assert (told["ticket"]["remote_id"], told["ticket"]["url"], told["ticket"]["last_error"]) == (None, None, "503")
    await desk.database.owner.execute(
        """INSERT INTO ticket_remote (practice_id, ticket_id, channel, asked_at, remote_id, url)
           VALUES ($1, $2, 'tickets', $3, '4711', 'https://rt.example/4711')""",
        desk.practice_id, ticket, NOW,
    )  # fmt: skip
    told = (await desk.client.get(path, headers=headers)).json()
    assert (told["ticket"]["remote_id"], told["ticket"]["url"]) == ("4711", "https://rt.example/4711")
    assert (await desk.client.get(f"/v1/incidents/{uuid4()}", headers=headers)).status_code == 404
    assert (await desk.client.get(path)).status_code == 401


async def test_what_holds_an_incident_is_told(desk: Desk) -> None:
    await desk.database.owner.execute("UPDATE incident SET walk = walk || $1::jsonb", json.dumps({"held_by": "snooze"}))
    assert (await desk.do("comment", {"comment": "x"})).json()["held_by"] == "snooze"
