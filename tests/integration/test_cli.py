"""The command line: what it does is kept and audited, what it refuses it says in a sentence."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from collector.cli.commands import commands
from collector.model.credential import Credential
from collector.model.policy import Cron, Every, Policy
from collector.model.subject import job_subject
from tests.conftest import Server, _admin
from tests.factories import DAY, HOUR, NOW
from tests.integration.house import House, arrival, count, enrol, judge, report, rows, store

Vigie = Callable[..., Awaitable[Result]]
runner = CliRunner()


async def run(url: str, *words: str, **environment: str) -> Result:
    """In a thread of its own: a command brings its own event loop."""
    variables = {"VIGIE_DATABASE_URL": url, **environment}
    return await asyncio.to_thread(runner.invoke, commands(), list(words), env=variables)


@pytest.fixture
def vigie(house: House) -> Vigie:
    async def on_this_house(*words: str, **environment: str) -> Result:
        return await run(house.database.url, *words, **environment)

    return on_this_house


def done(result: Result) -> str:
    assert (result.exit_code, result.exception) == (0, None), result.output
    return result.stdout


def refused(result: Result) -> str:
    """What was said: one sentence, no traceback."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    return result.stderr


async def policy(house: House) -> Policy:
    body = await house.owner.fetchval("SELECT body FROM policy ORDER BY version DESC LIMIT 1")
    return Policy.model_validate_json(body)


async def test_a_practice_is_enrolled_and_its_key_kept_as_a_hash(house: House, vigie: Vigie) -> None:
    said = done(await vigie("practice", "add", "Cabinet Été", "--tz", "Indian/Reunion"))
    shown = re.search(r"vgp_\w+", said)
    assert shown is not None
    credential = Credential.parse(shown[0])
    assert credential is not None
    (key,) = await rows(house, "SELECT key_id, secret_hash FROM practice_key")
    assert key == {"key_id": credential.key_id, "secret_hash": hashlib.sha256(credential.secret.encode()).digest()}
    assert (await policy(house)).zone == "Indian/Reunion"
    everything = await house.owner.fetch("SELECT row_to_json(t)::text FROM audit AS t")
    assert not any(credential.secret in row[0] for row in everything)
    link = await house.owner.fetchval("SELECT link FROM status_link")
    assert f"/status/{link}" in said
    assert "Cabinet Été" in done(await vigie("practice", "list"))


async def test_each_deed_names_who_did_it(house: House, vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    done(await vigie("operator", "add", "ada"))
    done(await vigie("practice", "retire", "A", "--because", "left us"))
    actors = await rows(house, "SELECT DISTINCT actor ~ '^cli:.+' AS named FROM audit")
    assert actors == [{"named": True}]
    actions = {row["action"] for row in await rows(house, "SELECT action FROM audit")}
    assert actions == {"add practice", "add key", "configure", "add operator", "retire practice"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tz", "Mars/Olympus"], "unknown time zone 'Mars/Olympus'"),
        (["--tz", ""], "unknown time zone"),
    ],
)
async def test_a_practice_in_an_unknown_zone_is_refused(
    house: House, vigie: Vigie, words: list[str], said: str
) -> None:
    assert said in refused(await vigie("practice", "add", "A", *words))
    assert [await count(house, table) for table in ("practice", "audit", "due")] == [1, 0, 1], "the provider's own"


async def test_a_name_is_watched_once_and_free_again_when_retired(vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    assert "watched already" in refused(await vigie("practice", "add", "A"))
    done(await vigie("practice", "retire", "A", "--because", "moved"))
    done(await vigie("practice", "add", "A"))


async def test_a_job_has_an_hour_of_grace_unless_told(house: House, vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    done(await vigie("job", "set", "A", "daily", "--every", "1d"))
    (job,) = (await policy(house)).jobs.values()
    assert job.grace == HOUR


async def test_a_job_is_scheduled(house: House, vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    said = done(await vigie("job", "set", "A", "daily", "--every", "1d12h", "--grace", "90m", "--rpo", "2d"))
    assert "missed 1:30:00 after that" in said
    (job,) = (await policy(house)).jobs.values()
    assert (job.schedule, job.grace, job.rpo) == (Every(period=1.5 * DAY), 1.5 * HOUR, 2 * DAY)
    done(await vigie("job", "set", "A", "daily", "--cron", "0 2 * * *"))
    (job,) = (await policy(house)).jobs.values()
    assert job.schedule == Cron(expression="0 2 * * *", zone="Europe/Paris")
    done(await vigie("job", "set", "A", "daily", "--cron", "0 2 * * *", "--tz", "Indian/Reunion"))
    (job,) = (await policy(house)).jobs.values()
    assert job.schedule == Cron(expression="0 2 * * *", zone="Indian/Reunion")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param([], "give either --every or --cron", id="no schedule"),
        pytest.param(["--every", "1d", "--cron", "0 2 * * *"], "give either --every or --cron", id="two schedules"),
        pytest.param(["--every", "daily"], "write it as in 30m", id="a word"),
        pytest.param(["--every", "-1d"], "--every", id="negative"),
        pytest.param(["--every", "401d"], "400 days", id="too long"),
        pytest.param(["--every", "0s"], "second", id="no time at all"),
        pytest.param(["--every", "9999999999d"], "9999999999d", id="beyond the calendar"),
        pytest.param(["--cron", "0 2 * *"], "cron expression '0 2 * *'", id="four fields"),
        pytest.param(["--cron", "0 0 30 2 *"], "cron expression '0 0 30 2 *'", id="the thirtieth of February"),
        pytest.param(["--cron", "0 2 * * *", "--tz", "Mars/Olympus"], "unknown time zone", id="no such zone"),
        pytest.param(["--every", "1d", "--grace", "soon"], "write it as in 30m", id="grace"),
        pytest.param(["--every", "1d", "--rpo", "0s"], "rpo", id="rpo"),
    ],
)
async def test_a_schedule_that_cannot_be_meant_is_refused(shared_house: House, words: list[str], said: str) -> None:
    url = shared_house.database.url
    await run(url, "practice", "add", "A")
    assert said in " ".join(refused(await run(url, "job", "set", "A", "daily", *words)).replace("│", " ").split())
    assert (await policy(shared_house)).jobs == {}


async def test_a_zone_without_a_cron_expression_is_refused(vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    assert "--tz" in refused(await vigie("job", "set", "A", "daily", "--every", "1d", "--tz", "Mars/Olympus"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["job", "set", "B", "daily", "--every", "1d"], "no practice 'B' is watched"),
        (["job", "set", "A", "daily", "--every", "1d", "--endpoint", "SRV"], "has no endpoint 'SRV'"),
        (["endpoint", "retire", "A", "SRV", "--because", "x"], "has no endpoint 'SRV'"),
        (["practice", "retire", "B", "--because", "x"], "no practice 'B' is watched"),
        (["key", "revoke", "0000"], "no key '0000' is in force"),
        (["operator", "revoke", "ada"], "no operator named 'ada'"),
    ],
)
async def test_what_does_not_exist_is_named(shared_house: House, words: list[str], said: str) -> None:
    await run(shared_house.database.url, "practice", "add", "A")
    assert said in refused(await run(shared_house.database.url, *words))


async def test_an_endpoint_is_found_by_name_and_a_shared_name_refused(house: House, vigie: Vigie) -> None:
    enrolled = await enrol(house, "A")
    await _report(house, enrolled.practice.practice_id)
    done(await vigie("job", "set", "A", "daily", "--every", "1d", "--endpoint", "SRV-01"))
    await house.owner.execute(
        "INSERT INTO endpoint_now SELECT (jsonb_populate_record(e, "
        "jsonb_build_object('endpoint_id', gen_random_uuid()))).* FROM endpoint_now AS e"
    )
    said = refused(await vigie("job", "set", "A", "daily", "--every", "1d", "--endpoint", "SRV-01"))
    assert "2 endpoints named 'SRV-01'" in said


async def test_retiring_closes_incidents_with_the_reason(house: House, vigie: Vigie) -> None:
    practice_id = (await enrol(house, "A")).practice.practice_id
    await _report(house, practice_id)
    assert (await judge(house, practice_id, NOW + HOUR)).changes
    done(await vigie("endpoint", "retire", "A", "SRV-01", "--because", "replaced"))
    await judge(house, practice_id, NOW + 2 * HOUR)
    assert await rows(house, "SELECT state, resolution FROM incident") == [
        {"state": "resolved", "resolution": "retired: replaced"}
    ]
    assert await house.owner.fetchval("SELECT state FROM ticket") == "resolved"


async def test_a_machine_that_no_command_retired_cannot_be_taken_back(house: House, vigie: Vigie) -> None:
    practice_id = (await enrol(house, "A")).practice.practice_id
    await report(house, practice_id, NOW)
    await judge(house, practice_id, NOW)
    assert "no command retired this machine" in refused(await vigie("endpoint", "watch", "A", "SRV-01"))
    assert await count(house, "policy") == 1


async def test_a_job_that_nobody_knows_cannot_be_retired(vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    assert "dialy" in refused(await vigie("job", "retire", "A", "dialy", "--because", "gone"))


async def test_a_retired_job_is_watched_again_when_set(house: House, vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    done(await vigie("job", "set", "A", "daily", "--every", "1d"))
    done(await vigie("job", "retire", "A", "daily", "--because", "gone"))
    assert list((await policy(house)).retired.values()) == ["gone"]
    done(await vigie("job", "set", "A", "daily", "--every", "1d"))
    assert (await policy(house)).retired == {}


async def test_an_operator_is_added_once_and_dismissed(house: House, vigie: Vigie) -> None:
    token = Credential.parse(done(await vigie("operator", "add", "ada")).strip())
    assert token is not None
    assert await house.owner.fetchval("SELECT secret_hash FROM operator") == token.secret_hash
    assert "exists, or did" in refused(await vigie("operator", "add", "ada"))
    done(await vigie("operator", "revoke", "ada"))
    assert await house.owner.fetchval("SELECT revoked_at IS NOT NULL FROM operator")


@pytest.mark.parametrize("command", [["practice", "list"], ["migrate"], ["collector"], ["worker"], ["api"]])
async def test_an_unknown_setting_is_refused(shared_house: House, command: list[str]) -> None:
    said = refused(await run(shared_house.database.url, *command, VIGIE_TICKET_URL="http://x"))
    assert "unknown setting VIGIE_TICKET_URL" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIGIE_DATABASE_URL", "mysql://secret@x/y"),
        ("VIGIE_DATABASE_POOL", "0"),
        ("VIGIE_TICKET_WEBHOOK_SECRET", "whsec_secret!"),
        ("VIGIE_TICKET_WEBHOOK_URL", "http://x"),
        ("VIGIE_REDIS_URL", "http://x"),
    ],
)
async def test_a_setting_that_cannot_be_meant_is_named_and_not_shown(name: str, value: str) -> None:
    said = refused(await run("postgresql://x/y", "practice", "list", **{name: value}))
    assert name in said
    assert "secret@" not in said
    assert "secret!" not in said


async def test_a_database_that_is_away_is_said_in_a_sentence() -> None:
    for words in (["practice", "list"], ["migrate"]):
        assert "does not answer" in refused(await run("postgresql://x@127.0.0.1:1/x", *words))


async def test_a_database_without_a_schema_is_said_in_a_sentence(server: Server) -> None:
    await _admin(server, "CREATE DATABASE vigie_bare")
    try:
        assert "vigie migrate" in refused(await run(server.url_of("vigie_bare"), "practice", "list"))
    finally:
        await _admin(server, "DROP DATABASE vigie_bare WITH (FORCE)")


async def test_a_missing_database_is_said_in_a_sentence(server: Server) -> None:
    for words in (["practice", "list"], ["migrate"]):
        assert "vigie_missing" in refused(await run(server.url_of("vigie_missing"), *words))


async def test_migrating_again_says_that_there_is_nothing_to_do(vigie: Vigie) -> None:
    assert "the schema is the newest" in done(await vigie("migrate"))


async def _report(house: House, practice_id: UUID) -> None:
    """One heartbeat, judged, so that the endpoint has its name."""
    await store(house, arrival(practice_id))
    await judge(house, practice_id, NOW)


@pytest.mark.parametrize("because", ["", "  "])
async def test_nothing_is_retired_without_a_reason(house: House, vigie: Vigie, because: str) -> None:
    done(await vigie("practice", "add", "A"))
    done(await vigie("job", "set", "A", "daily", "--every", "1d"))
    assert "reason" in refused(await vigie("job", "retire", "A", "daily", "--because", because))
    assert "reason" in refused(await vigie("practice", "retire", "A", "--because", because))
    assert (await policy(house)).retirement(job_subject(None, "daily")) is None


@pytest.mark.parametrize("name", ["", "   ", " A", "a\x01b", "x" * 201])
async def test_a_name_that_nobody_could_read_is_refused(vigie: Vigie, name: str) -> None:
    assert "is no name" in refused(await vigie("practice", "add", name))
    assert "is no name" in refused(await vigie("operator", "add", name))


async def test_a_renewed_link_takes_the_place_of_the_old_one(house: House, vigie: Vigie) -> None:
    before = done(await vigie("practice", "add", "A")).rsplit("/status/", 1)[1].strip()
    after = done(await vigie("link", "renew", "A")).rsplit("/status/", 1)[1].strip()
    assert before != after
    assert await rows(house, "SELECT link FROM status_link WHERE revoked_at IS NULL") == [{"link": after}]


async def test_a_renewed_token_takes_the_place_of_the_old_one(house: House, vigie: Vigie) -> None:
    done(await vigie("operator", "add", "ada"))
    done(await vigie("operator", "revoke", "ada"))
    token = Credential.parse(done(await vigie("operator", "renew", "ada")).strip())
    assert token is not None
    kept = await house.owner.fetchrow("SELECT secret_hash, revoked_at FROM operator")
    assert kept is not None
    assert (kept["secret_hash"], kept["revoked_at"]) == (token.secret_hash, None)
    assert "no operator is named" in refused(await vigie("operator", "renew", "bob"))


async def test_a_schedule_set_again_unchanged_goes_on_counting(house: House, vigie: Vigie) -> None:
    done(await vigie("practice", "add", "A"))
    done(await vigie("job", "set", "A", "daily", "--every", "1d"))
    (first,) = (await policy(house)).jobs.values()
    done(await vigie("job", "set", "A", "daily", "--every", "1d", "--grace", "2h"))
    (again,) = (await policy(house)).jobs.values()
    assert (again.since, again.grace) == (first.since, 2 * HOUR)
    done(await vigie("job", "set", "A", "daily", "--every", "2d"))
    (other,) = (await policy(house)).jobs.values()
    assert other.since > first.since
