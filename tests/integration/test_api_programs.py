"""What programs read under /v1, on a real database."""

import json
from uuid import UUID, uuid4

import httpx
import pytest

from api.app import create_app
from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet, settings, visitor


async def pages(client: httpx.AsyncClient, path: str, limit: int) -> list[list[dict[str, object]]]:
    """Every page of a list, by its cursors."""
    found: list[list[dict[str, object]]] = []
    after: str | None = None
    while True:
        answer = (await client.get(path, params={"limit": limit} | ({"after": after} if after else {}))).json()
        found.append(answer["items"])
        after = answer["next"]
        if after is None:
            return found


async def test_practices_come_worst_first_then_unattended_then_longest(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    await fleet.practice("well")
    await fleet.practice("unknown", "unknown", "patches_stale")
    await fleet.practice("never judged", None)
    await fleet.practice("warning", "warning", "heartbeat_missing.silent")
    attended = await fleet.practice("attended", "critical", "backup_missed.not_run", since=9 * HOUR)
    await fleet.incident(attended, state="acknowledged")
    for name, since in (("new", HOUR), ("long", 5 * HOUR)):
        await fleet.incident(await fleet.practice(name, "critical", "backup_missed.not_run", since=since))
    retired = await fleet.practice("retired", "critical", "backup_missed.not_run")
    await database.owner.execute("UPDATE practice SET retired_at = now() WHERE practice_id = $1", retired)
    async with visitor(settings(database.url), token=token) as client:
        for limit in (1, 2, 3, 7, 100):
            found = await pages(client, "/v1/practices", limit)
            names = [str(one["name"]) for page in found for one in page]
            assert names == ["long", "new", "attended", "warning", "never judged", "unknown", "well"]
            assert all(len(page) == limit for page in found[:-1])
        critical = (await client.get("/v1/practices?state=critical")).json()["items"]
        assert [one["name"] for one in critical] == ["long", "new", "attended"]


async def test_a_practice_never_judged_is_unknown(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    practice_id = await fleet.practice("New", None, link="abc")
    async with visitor(settings(database.url, public_url="https://vigie.example"), token=token) as client:
        [listed] = (await client.get("/v1/practices")).json()["items"]
        alone = (await client.get(f"/v1/practices/{practice_id}")).json()["practice"]
    assert listed == alone
    assert (listed["state"], listed["reason"], listed["evaluated_at"]) == ("unknown", "never_reported", None)
    assert listed["status_page"] == "https://vigie.example/status/abc"


async def test_a_practice_shows_its_machines_and_jobs_and_their_last_heartbeat(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    practice_id = await fleet.practice("A", "critical", "backup_missed.not_run")
    endpoint_id = await fleet.endpoint(practice_id, "SRV", seen=3 * HOUR)
    await fleet.heartbeat(practice_id, endpoint_id, 2 * HOUR)
    await fleet.heartbeat(practice_id, endpoint_id, HOUR)
    await fleet.endpoint(practice_id, "NAS", "critical", "heartbeat_missing.silent", seen=9 * HOUR, patches=None)
    await fleet.job(practice_id, "well", endpoint=(endpoint_id, "SRV"))
    await fleet.job(practice_id, "late", "critical", "backup_missed.not_run", good=None)
    async with visitor(settings(database.url), token=token) as client:
        detail = (await client.get(f"/v1/practices/{practice_id}")).json()
    seen = {one["name"]: one["last_seen_at"] for one in detail["endpoints"]}
    assert seen == {"NAS": "2026-01-15T12:30:00Z", "SRV": "2026-01-15T20:30:00Z"}
    assert [(one["job"], one["last_good_at"]) for one in detail["jobs"]] == [
        ("late", None),
        ("well", "2026-01-15T01:30:00Z"),
    ]


async def test_incidents_page_newest_first_and_filter(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    first, second = await fleet.practice("A"), await fleet.practice("B")
    open_one = await fleet.incident(first, opened=HOUR)
    taken = await fleet.incident(second, state="acknowledged", opened=2 * HOUR)
    over = await fleet.incident(first, state="resolved", opened=3 * HOUR)
    same_instant = await fleet.incident(first, opened=3 * HOUR)
    async with visitor(settings(database.url), token=token) as client:
        for limit in (1, 2, 3, 4):
            listed = [one["incident_id"] for page in await pages(client, "/v1/incidents", limit) for one in page]
            assert listed == [str(open_one), str(taken), *sorted((str(over), str(same_instant)), reverse=True)]
        for query, expected in (
            ("state=open", {open_one, same_instant}),
            ("state=acknowledged", {taken}),
            ("state=resolved", {over}),
            ("state=lasting", {open_one, taken, same_instant}),
            (f"practice_id={second}", {taken}),
            (f"practice_id={uuid4()}", set()),
        ):
            found = (await client.get(f"/v1/incidents?{query}")).json()["items"]
            assert {UUID(one["incident_id"]) for one in found} == expected, query


async def test_tickets_say_what_their_receiver_has_not_taken_and_why(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    practice_id = await fleet.practice("A")
    stuck, sent = await fleet.ticket(practice_id), await fleet.ticket(practice_id, opened=2 * HOUR, state="resolved")
    await fleet.message(practice_id, stuck, 1, error="503")
    await fleet.message(practice_id, stuck, 2)
    await fleet.message(practice_id, sent, 1, sent=True)
    given_up = await fleet.ticket(practice_id, opened=3 * HOUR)
    await fleet.message(practice_id, given_up, 1, dead=True, error="410")
    async with visitor(settings(database.url), token=token) as client:
        found = [one for page in await pages(client, "/v1/tickets", 1) for one in page]
        assert [(one["ticket_id"], one["unsent"], one["last_error"]) for one in found] == [
            (str(stuck), 2, "503"),
            (str(sent), 0, None),
            (str(given_up), 0, "410"),
        ]
        open_ones = (await client.get("/v1/tickets?state=open")).json()["items"]
        assert [one["ticket_id"] for one in open_ones] == [str(stuck), str(given_up)]


async def test_an_acknowledgement_is_audited_and_a_second_changes_nothing(database: Database) -> None:
    fleet = Fleet(database.owner)
    alice, bob = await fleet.operator("Alice"), await fleet.operator("Bob")
    practice_id = await fleet.practice("A")
    incident = await fleet.incident(practice_id)
    path = f"/v1/incidents/{incident}/acknowledge"
    async with visitor(settings(database.url)) as client:
        first = await client.post(path, headers={"Authorization": f"Bearer {alice}"}, json={"comment": "On my way."})
        second = await client.post(path, headers={"Authorization": f"Bearer {bob}"})
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert (first.json()["state"], first.json()["acknowledged_by"]) == ("acknowledged", "Alice")
    [deed] = await database.owner.fetch("SELECT *, xmin::text AS tx FROM audit WHERE action = 'acknowledge'")
    assert (deed["actor"], deed["practice_id"], deed["at"]) == ("Alice", practice_id, NOW)
    assert json.loads(deed["detail"]) == {"said": "until 2026-01-16T21:30:00+00:00: On my way."}
    for table in ("incident", "incident_event", "wake"):
        assert await database.owner.fetchval(f"SELECT xmin::text FROM {table}") == deed["tx"]  # noqa: S608


async def test_an_acknowledgement_that_cannot_be_audited_does_not_happen(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    incident = await fleet.incident(await fleet.practice("A"))
    await database.owner.execute("REVOKE INSERT ON audit FROM vigie_api")
    async with visitor(settings(database.url), token=token) as client:
        with pytest.raises(Exception, match="permission denied"):
            await client.post(f"/v1/incidents/{incident}/acknowledge")
    assert await database.owner.fetchval("SELECT state FROM incident") == "open"


async def test_an_acknowledgement_that_cannot_be_shown_does_not_happen(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    incident = await fleet.incident(await fleet.practice("A"))
    await database.owner.execute("REVOKE SELECT ON practice FROM vigie_reader")  # its name stands in the answer
    async with visitor(settings(database.url), token=token) as client:
        with pytest.raises(Exception, match="permission denied"):
            await client.post(f"/v1/incidents/{incident}/acknowledge")
    assert await database.owner.fetchval("SELECT state FROM incident") == "open"
    assert await database.owner.fetchval("SELECT count(*) FROM audit WHERE action = 'acknowledge'") == 0


async def test_what_is_over_or_unknown_cannot_be_acknowledged(database: Database) -> None:
    fleet = Fleet(database.owner)
    token = await fleet.operator()
    over = await fleet.incident(await fleet.practice("A"), state="resolved")
    async with visitor(settings(database.url), token=token) as client:
        assert (await client.post(f"/v1/incidents/{over}/acknowledge")).status_code == 409
        unknown = await client.post(f"/v1/incidents/{uuid4()}/acknowledge")
        assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
        assert (await client.get(f"/v1/practices/{uuid4()}")).status_code == 404
        nowhere = await client.get("/v1/nothing")
        assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "/v1/practices/not-a-uuid", None, "practice_id"),
        ("GET", "/v1/practices?state=purple", None, "state"),
        ("GET", "/v1/practices?limit=0", None, "limit"),
        ("GET", "/v1/practices?limit=501", None, "limit"),
        ("GET", "/v1/practices?after=%00", None, "after"),
        ("GET", "/v1/incidents?after=bm9uc2Vuc2U", None, "after"),
        ("GET", "/v1/incidents?practice_id=1", None, "practice_id"),
        ("GET", "/v1/tickets?state=lasting", None, "state"),
        ("POST", f"/v1/incidents/{UUID(int=7)}/acknowledge", {"comment": "x" * 2_001}, "comment"),
        ("POST", f"/v1/incidents/{UUID(int=7)}/acknowledge", {"comment": "\0"}, "comment"),
        ("POST", f"/v1/incidents/{UUID(int=7)}/acknowledge", {"comment": 1}, "comment"),
        ("POST", f"/v1/incidents/{UUID(int=7)}/acknowledge", {"by": "somebody else"}, "by"),
    ],
)
async def test_bad_input_is_answered_with_the_field_that_is_bad(
    database: Database, method: str, path: str, body: dict[str, object] | None, field: str
) -> None:
    token = await Fleet(database.owner).operator()
    async with visitor(settings(database.url), token=token) as client:
        answer = await client.request(method, path, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_requests_are_measured_by_route_and_never_by_link(database: Database) -> None:
    async with visitor(settings(database.url)) as client:
        await client.get("/status/secret-link")
        await client.get("/v1/practices")
        await client.get("/nowhere/secret-path")
        metrics = (await client.get("/metrics")).text
    assert 'vigie_api_request_seconds_count{route="/status/{link}",status="404"} 1.0' in metrics
    assert 'vigie_api_request_seconds_count{route="/v1/practices",status="401"} 1.0' in metrics
    assert "secret" not in metrics


def test_openapi_documents_the_token_and_every_problem() -> None:
    document = create_app(settings("postgresql://nowhere")).openapi()
    assert document["components"]["securitySchemes"]["operatorToken"]["scheme"] == "bearer"
    paths = {path: one for path, one in document["paths"].items() if path.startswith("/v1/")}
    assert len(paths) == 17
    for path, operations in paths.items():
        for operation in operations.values():
            signed = path.startswith("/v1/inbound/")
            assert signed or operation["security"] == [{"operatorToken": []}]
            assert {"401", "422", "503"} <= operation["responses"].keys()
            assert ("413" in operation["responses"]) is ("requestBody" in operation)
            for status, response in operation["responses"].items():
                expected = "application/json" if status < "400" else "application/problem+json"
                assert list(response["content"]) == [expected]
