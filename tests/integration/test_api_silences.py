"""Silences under /v1: scoped, reasoned, expiring, and not one person's where two are needed."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet, settings, visitor

# It is Thursday, 22:30 in Paris.
WINDOW: dict[str, object] = {"zone": "Europe/Paris", "days": ["thu"], "opens": "22:00", "lasts": "2h"}


@dataclass
class Desk:
    database: Database
    fleet: Fleet
    client: httpx.AsyncClient
    practice_id: UUID

    async def ask(self, path: str = "", body: object = None, by: str = "Alice", method: str = "POST") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.fleet.operators[by]}"}
        return await self.client.request(method, f"/v1/silences{path}", json=body, headers=headers)

    def wanted(self, **more: object) -> dict[str, object]:
        return {"scope": {"practice_id": str(self.practice_id)}, "for": "4h", "reason": "server moves", **more}

    async def begun(self, **more: object) -> dict[str, Any]:
        answer = await self.ask(body=self.wanted(**more))
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def woken(self) -> list[UUID]:
        """Since this was asked last."""
        rows = await self.database.owner.fetch("DELETE FROM wake RETURNING practice_id")
        return [row["practice_id"] for row in rows]

    async def audited(self) -> list[tuple[str, str]]:
        rows = await self.database.owner.fetch(
            "SELECT actor, action FROM audit WHERE subject LIKE 'silence:%' ORDER BY audit_id"
        )
        return [(row["actor"], row["action"]) for row in rows]


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    fleet = Fleet(database.owner)
    await fleet.operator("Alice")
    await fleet.operator("Bob")
    practice_id = await fleet.practice("A")
    async with visitor(settings(database.url)) as client:
        yield Desk(database, fleet, client, practice_id)


def ids(incidents: list[dict[str, Any]]) -> set[str]:
    return {one["incident_id"] for one in incidents}


async def encrypted(desk: Desk) -> UUID:
    incident = await desk.fleet.incident(desk.practice_id, "ransomware_signature", "at_once")
    await desk.database.owner.execute(
        "UPDATE incident SET signature = 'ransomware_signature' WHERE incident_id = $1", incident
    )
    return incident


async def test_a_silence_says_what_it_holds_and_wakes_whom_it_concerns(desk: Desk) -> None:
    plain = await desk.fleet.incident(desk.practice_id)
    await desk.fleet.incident(desk.practice_id, state="resolved")
    await desk.fleet.incident(await desk.fleet.practice("B"))
    told = await desk.begun()
    assert ids(told["holding"]) == {str(plain)}
    assert (told["covers"], told["not_holding"]) == (1, [])
    silence = told["silence"]
    assert (silence["by"], silence["approved_by"], silence["standing"]) == ("Alice", None, "running")
    assert (silence["since"], silence["until"]) == ("2026-01-15T21:30:00Z", "2026-01-16T01:30:00Z")
    assert await desk.woken() == [desk.practice_id]
    assert await desk.audited() == [("Alice", "silence")]


async def test_what_one_person_cannot_silence_is_said_and_a_second_person_approves(desk: Desk) -> None:
    incident = await encrypted(desk)
    told = await desk.begun()
    silence_id = told["silence"]["silence_id"]
    assert (told["holding"], ids(told["not_holding"])) == ([], {str(incident)})
    assert "somebody else approves" in told["note"]
    await desk.woken()
    refused = await desk.ask(f"/{silence_id}/approve")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:vigie:same_person")
    assert await desk.woken() == []
    for _ in range(2):
        approved = (await desk.ask(f"/{silence_id}/approve", by="Bob")).json()
        assert (approved["silence"]["approved_by"], approved["note"]) == ("Bob", None)
        assert (ids(approved["holding"]), approved["not_holding"]) == ({str(incident)}, [])
    assert await desk.woken() == [desk.practice_id]
    assert await desk.audited() == [("Alice", "silence"), ("Bob", "approve silence")]


@pytest.mark.parametrize(
    ("asked", "refused"), [("cli:root", "no_operators"), ("cli:Bob", "no_operators"), ("bob", "same_person")]
)
async def test_two_people_are_two_operators_and_no_account_of_a_machine(desk: Desk, asked: str, refused: str) -> None:
    silence_id = (await desk.begun())["silence"]["silence_id"]
    await desk.database.owner.execute("UPDATE silence SET by = $1", asked)
    answer = await desk.ask(f"/{silence_id}/approve", by="Bob")
    assert (answer.status_code, answer.json()["type"]) == (409, f"urn:vigie:{refused}")
    assert await desk.database.owner.fetchval("SELECT approved_by FROM silence") is None


async def test_the_database_itself_refuses_the_same_person(desk: Desk) -> None:
    await desk.begun()
    with pytest.raises(Exception, match="check constraint"):
        await desk.database.owner.execute("UPDATE silence SET approved_by = by")


async def test_a_silence_is_ended_by_anybody_and_wakes_what_still_burns(desk: Desk) -> None:
    await desk.fleet.incident(desk.practice_id)
    silence_id = (await desk.begun())["silence"]["silence_id"]
    await desk.woken()
    for _ in range(2):
        ended = (await desk.ask(f"/{silence_id}/end", by="Bob")).json()["silence"]
        assert (ended["standing"], ended["ended_by"], ended["holds_until"]) == ("over", "Bob", None)
    assert await desk.woken() == [desk.practice_id]
    assert await desk.audited() == [("Alice", "silence"), ("Bob", "end silence")]
    assert (await desk.ask(f"/{silence_id}/approve", by="Bob")).status_code == 409


async def test_the_same_request_sent_again_makes_no_second_silence(desk: Desk) -> None:
    silence_id = str(uuid4())
    first, again = await desk.begun(silence_id=silence_id), await desk.begun(silence_id=silence_id)
    assert first == again
    assert await desk.audited() == [("Alice", "silence")]
    for other in (
        desk.wanted(silence_id=silence_id, reason="other"),
        desk.wanted(silence_id=silence_id, **{"for": "5h"}),
    ):
        refused = await desk.ask(body=other)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "silence_id")
    assert (await desk.ask(body=desk.wanted(silence_id=silence_id), by="Bob")).status_code == 409


async def test_labels_rules_and_machines_narrow_what_is_held(desk: Desk) -> None:
    gold = await desk.fleet.practice("Gold")
    policy = {"practice_id": str(gold), "practice": "Gold", "labels": {"contract": "gold", "city": "Pessac"}}
    version = await desk.database.owner.fetchval(
        "INSERT INTO configuration (applied_at, applied_by, summary) VALUES ($1, 't', '') RETURNING version", NOW
    )
    await desk.database.owner.execute("INSERT INTO policy VALUES ($1, $2, $3)", gold, version, json.dumps(policy))
    machine = await desk.fleet.endpoint(gold, "SRV")
    missed = await desk.fleet.incident(gold)
    silent = await desk.fleet.incident(gold, "heartbeat_missing", "silent")
    await desk.database.owner.execute(
        "UPDATE incident SET subject = $2 WHERE incident_id = $1", silent, f"endpoint:{machine}"
    )
    elsewhere = await desk.fleet.incident(desk.practice_id)
    for scope, held in (
        ({"labels": {"contract": "gold"}}, {missed, silent}),
        ({"labels": {"contract": "gold", "city": "Bordeaux"}}, set()),
        ({"rule": "backup_missed"}, {missed, elsewhere}),
        ({"rule": "backup_missed", "labels": {"city": "Pessac"}}, {missed}),
        ({"practice_id": str(gold), "endpoint_id": str(machine)}, {silent}),
    ):
        told = (await desk.ask("/preview", desk.wanted(scope=scope))).json()
        assert ids(told["holding"]) == {str(one) for one in held}, scope
    assert await desk.database.owner.fetchval("SELECT count(*) FROM silence") == 0
    assert await desk.woken() == []


async def test_a_weekly_window_holds_only_while_it_is_open(desk: Desk) -> None:
    told = (await desk.begun(weekly=WINDOW, **{"for": "30d"}))["silence"]
    assert told["weekly"] == {"zone": "Europe/Paris", "days": ["thu"], "opens": "22:00:00", "lasts_s": 7_200}
    assert told["holds_until"] == "2026-01-15T23:00:00Z"
    shut = (await desk.begun(weekly=WINDOW | {"opens": "23:00"}, **{"for": "30d"}))["silence"]
    assert (shut["standing"], shut["holds_until"]) == ("running", None)


async def test_a_window_that_opens_at_the_very_end_is_one(desk: Desk) -> None:
    """It is Thursday, 22:30."""
    asked = desk.wanted(weekly=WINDOW | {"days": ["sat"], "opens": "22:30"}, **{"for": "48h"})
    refused = await desk.ask("/preview", asked)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:vigie:never_opens")
    assert "let the silence last longer" in refused.json()["detail"]
    assert (await desk.ask("/preview", asked | {"for": "48h1m"})).status_code == 200


async def test_what_nobody_can_approve_or_is_over_does_not_promise_an_approval(desk: Desk) -> None:
    silence_id = (await desk.begun())["silence"]["silence_id"]
    await desk.database.owner.execute("UPDATE silence SET by = 'cli:root'")
    assert "nobody can approve" in (await desk.ask(f"/{silence_id}", method="GET")).json()["note"]
    assert (await desk.ask(f"/{silence_id}/end")).json()["note"] is None


async def test_silences_are_listed_the_last_to_begin_first_by_how_they_stand(desk: Desk) -> None:
    running = (await desk.begun())["silence"]["silence_id"]
    coming = (await desk.begun(since=(NOW + HOUR).isoformat()))["silence"]["silence_id"]
    over = (await desk.begun(since=(NOW - HOUR).isoformat()))["silence"]["silence_id"]
    await desk.ask(f"/{over}/end")
    assert (await desk.ask(f"/{over}", method="GET")).json()["silence"]["standing"] == "over"
    for query, expected in (
        ("", [coming, running, over]),
        ("?standing=running", [running]),
        ("?standing=coming", [coming]),
        ("?standing=over", [over]),
    ):
        page = (await desk.ask(query, method="GET")).json()
        assert [one["silence_id"] for one in page["items"]] == expected
    found: list[str] = []
    after = ""
    while True:
        page = (await desk.ask(f"?limit=1{after}", method="GET")).json()
        found += [one["silence_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == [coming, running, over]


async def test_a_silence_that_cannot_be_audited_does_not_begin(desk: Desk) -> None:
    await desk.database.owner.execute("REVOKE INSERT ON audit FROM vigie_api")
    with pytest.raises(Exception, match="permission denied"):
        await desk.ask(body=desk.wanted())
    assert await desk.database.owner.fetchval("SELECT count(*) FROM silence") == 0


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"scope": {}}, 422, "scope"),
        ({"scope": {"labels": {}}}, 422, "scope"),
        ({"scope": {"practise": "x"}}, 422, "scope.practise"),
        ({"scope": {"practice_id": str(UUID(int=0))}}, 422, "scope.practice_id"),
        ({"scope": {"endpoint_id": str(UUID(int=0))}}, 422, "scope"),
        ({"scope": {"rule": "backup_mised"}}, 422, "scope.rule"),
        ({"scope": {"labels": {"": "x"}}}, 422, "scope.labels..[key]"),
        ({"reason": ""}, 422, "reason"),
        ({"reason": " "}, 422, "reason"),
        ({"reason": "x" * 201}, 422, "reason"),
        ({"for": "367d"}, 422, "for"),
        ({"for": "0h"}, 422, "for"),
        ({"for": None}, 422, "(body)"),
        ({"until": "2026-02-01T00:00:00Z"}, 422, "(body)"),
        ({"until": "soon", "for": None}, 422, "until"),
        ({"until": "2026-01-15T21:30:00Z", "for": None}, 422, "until"),
        ({"since": "2026-01-01T00:00:00Z"}, 409, None),
        ({"weekly": WINDOW | {"zone": "Europe/Pariss"}}, 422, "weekly.zone"),
        ({"weekly": WINDOW | {"days": []}}, 422, "weekly.days"),
        ({"weekly": WINDOW | {"days": ["monday"]}}, 422, "weekly.days[0]"),
        ({"weekly": WINDOW | {"opens": "25:00"}}, 422, "weekly.opens"),
        ({"weekly": WINDOW | {"lasts": "25h"}}, 422, "weekly.lasts"),
        ({"weekly": WINDOW | {"lasts": "0h"}}, 422, "weekly.lasts"),
        ({"weekly": WINDOW | {"days": ["wed"]}, "for": "48h"}, 422, "weekly"),
    ],
)  # fmt: skip
async def test_bad_input_names_its_field_and_silences_nothing(
    desk: Desk, changes: dict[str, object], status: int, field: str | None
) -> None:
    answer = await desk.ask(body=desk.wanted(**changes))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]][:1] == ([field] if field else [])
    assert await desk.database.owner.fetchval("SELECT count(*) FROM silence") == 0


async def test_a_machine_of_another_practice_is_refused(desk: Desk) -> None:
    machine = await desk.fleet.endpoint(await desk.fleet.practice("B"), "SRV")
    scope = {"practice_id": str(desk.practice_id), "endpoint_id": str(machine)}
    answer = await desk.ask(body=desk.wanted(scope=scope))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "scope.endpoint_id")


async def test_an_unknown_silence_is_a_404_and_a_stranger_a_401(desk: Desk) -> None:
    for path, method in (("", "GET"), ("/approve", "POST"), ("/end", "POST")):
        assert (await desk.ask(f"/{uuid4()}{path}", method=method)).status_code == 404
    assert (await desk.client.get("/v1/silences")).status_code == 401
    assert (await desk.client.post("/v1/silences", json=desk.wanted())).status_code == 401
