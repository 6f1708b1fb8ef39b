"""What pings make of a job: which one they mean, and its runs through the judge."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from collector.administer import Deed, add_ping
from collector.model.finding import State
from collector.model.policy import Every
from collector.model.standing import Standing
from collector.model.subject import job_subject
from collector.rules.standing import standing
from collector.store.configuration import load_policy
from collector.store.job_slugs import MOST_SLUGS
from tests.factories import ENDPOINT, HOUR, MINUTE, job_policy
from tests.integration.house import arrival, count, judge, schedule, store, until
from tests.integration.pinging import Script, client, now, said, script

__all__ = ["client", "script"]

SAMPLES = Path(__file__).parents[1] / "samples"


async def test_a_slug_is_the_folded_name_of_a_scheduled_job(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy("Base de données", endpoint_id=None))
    assert said(await script.ping_slug("base-de-donnees/0")) == (200, "OK")
    assert (await script.known("Base de données")).last_good is not None


async def test_a_slug_of_one_machine_is_that_machines_job(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy("daily"))
    assert said(await script.ping_slug("daily")) == (200, "OK")
    assert list((await script.judged()).seen.jobs) == [job_subject(ENDPOINT, "daily")]


async def test_a_slug_of_two_machines_is_ambiguous_until_the_whole_practice_has_it(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy("daily"))
    await schedule(script.house, script.enrolled, job_policy("daily", endpoint_id=uuid4()))
    assert said(await script.ping_slug("daily?create=1")) == (409, "ambiguous slug")
    assert await count(script.house, "section") == 0
    await schedule(script.house, script.enrolled, job_policy("daily", endpoint_id=None))

    async def understood() -> bool:
        return said(await script.ping_slug("daily")) == (200, "OK")

    await until(understood)
    assert (await script.known()).last_good is not None


async def test_a_job_is_created_once_and_grey_until_it_is_scheduled(script: Script) -> None:
    assert said(await script.ping_slug("nas-photos?create=1")) == (201, "Created")
    assert said(await script.ping_slug("nas-photos?create=1")) == (200, "OK")
    assert said(await script.ping_slug("nas-photos/start")) == (200, "OK")
    assert await stands(script, "nas-photos") == (State.UNKNOWN, "never_scheduled")
    policy = job_policy("nas-photos", endpoint_id=None, since=now())
    await schedule(script.house, script.enrolled, policy, now())
    assert await stands(script, "nas-photos") == (State.OK, None)
    assert await count(script.house, "job_slug") == 1


async def stands(script: Script, job: str) -> tuple[State, str | None]:
    known = await standing_of(script)
    (one,) = (one for one in known.jobs if one.job == job)
    return one.state, one.reason


async def standing_of(script: Script) -> Standing:
    verdict = await script.judged()
    async with script.house.owner.acquire() as conn:
        policy = await load_policy(conn, script.practice_id)
    assert policy is not None
    return standing(verdict.seen, policy, verdict.evaluation.findings, now())


async def test_a_practice_that_only_pings_is_grey_since_its_machines_are_unknown(script: Script) -> None:
    await schedule(script.house, script.enrolled, job_policy(endpoint_id=None, since=now()))
    await script.ping()
    assert await stands(script, "daily") == (State.OK, None)
    known = await standing_of(script)
    assert (known.state, known.reason) == (State.UNKNOWN, "machines_unknown")


async def test_a_job_created_by_many_at_once_is_one(script: Script) -> None:
    answers = await asyncio.gather(*(script.ping_slug("nas?create=1") for _ in range(20)))
    assert sorted(said(one) for one in answers) == [(200, "OK")] * 19 + [(201, "Created")]
    assert await count(script.house, "job_slug") == 1
    assert await count(script.house, "section") == 20


async def test_a_practice_has_so_many_jobs_and_no_more(script: Script) -> None:
    await script.house.owner.execute(
        """INSERT INTO job_slug (practice_id, slug, subject, job)
           SELECT $1, 'n-' || n, 'job:-:n-' || n, 'n-' || n FROM generate_series(2, $2) AS n""",
        script.practice_id,
        MOST_SLUGS,
    )
    assert said(await script.ping_slug("last?create=1")) == (201, "Created")
    status, text = said(await script.ping_slug("one-more?create=1"))
    assert (status, str(MOST_SLUGS) in text) == (403, True)
    assert said(await script.ping_slug("n-2?create=1")) == (200, "OK")


def hourly(ago: timedelta, grace: timedelta = MINUTE) -> Any:
    return job_policy("daily", Every(period=HOUR), grace=grace, since=now() - ago, endpoint_id=None)


async def test_a_ping_closes_what_was_missed(script: Script) -> None:
    await schedule(script.house, script.enrolled, hourly(2 * HOUR))
    assert await script.reasons() == {"backup_missed.never_reported"}
    await script.ping()
    assert await script.reasons() == set()
    assert await script.reasons(now() + HOUR) == set()
    assert await script.reasons(now() + HOUR + 2 * MINUTE) == {"backup_missed.not_run"}


@pytest.mark.parametrize("failure", ["/fail", "/1"])
async def test_a_failure_is_an_incident_until_a_run_goes_well(script: Script, failure: str) -> None:
    await schedule(script.house, script.enrolled, hourly(MINUTE))
    await script.ping(failure)
    assert await script.reasons() == {"backup_failed.failed"}
    await script.ping("/start")
    await script.ping("/log")
    assert await script.reasons() == {"backup_failed.failed"}
    await script.ping("/0")
    assert await script.reasons() == set()


async def test_a_late_start_does_not_extend_the_deadline(script: Script) -> None:
    late = hourly(90 * MINUTE, grace=HOUR)
    await schedule(script.house, script.enrolled, late)
    await script.ping("/start")
    missed_at = late.since + 2 * HOUR
    assert await script.reasons(missed_at - timedelta(seconds=1)) == set()
    assert await script.reasons(missed_at) == {"backup_missed.still_running"}
    await script.ping()
    assert await script.reasons(missed_at) == set()


async def test_a_start_and_its_end_measure_the_run(script: Script) -> None:
    await script.ping("/start")
    started = (await script.known()).running_since
    assert started is not None
    await script.ping()
    known = await script.known()
    assert (known.running_since, known.last_run and known.last_run.started_at) == (None, started)
    await script.ping()
    again = (await script.known()).last_run
    assert again is not None
    assert again.started_at is None, "no start of its own"


async def test_runs_that_overlap_are_told_apart_by_their_ids(script: Script) -> None:
    one, other = f"?rid={uuid4()}", f"?rid={uuid4()}"
    await script.ping(f"/start{one}")
    first = (await script.known()).running_since
    await script.ping(f"/start{other}")
    second = (await script.known()).running_since
    await script.ping(one)
    known = await script.known()
    assert (known.running_since, known.last_run and known.last_run.started_at) == (second, first)
    await script.ping(f"/0{other}")
    known = await script.known()
    assert (known.running_since, known.last_run and known.last_run.started_at) == (None, second)


async def test_a_ping_tells_nothing_of_a_machine(script: Script) -> None:
    """An agent and a ping of one machine's job: the ping is no sign of the machine's life."""
    async with script.house.owner.acquire() as conn:
        await store(script.house, arrival(script.practice_id, received_at=now() - HOUR))
        await judge(script.house, script.practice_id, now())
        key = await add_ping(conn, script.enrolled.practice, ENDPOINT, "imaging", Deed("test", now()))
    await script.client.get(f"/ping/{key}")
    verdict = await script.judged()
    assert verdict.seen.jobs[job_subject(ENDPOINT, "imaging")].last_good is not None
    assert {one.rule for one in verdict.evaluation.findings} == {"heartbeat_missing"}


def recorded() -> list[Any]:
    """Every request that borgmatic made, a run after the other."""
    lines = (SAMPLES / "borgmatic/borgmatic_healthchecks_requests.jsonl").read_text().splitlines()
    return [request for line in lines if "mark" not in (request := json.loads(line))]


async def test_every_request_of_borgmatic_is_understood(script: Script) -> None:
    statuses = []
    for request in recorded():
        path = request["path"].replace("5d8a0f0e-0000-4000-8000-000000000001", script.job)
        path = path.replace("/ping-key-abc", f"/ping/{script.key}")
        headers = {name: value for name, value in request["headers"].items() if name not in ("Host", "Content-Length")}
        answer = await script.client.request(request["method"], path, headers=headers, content=request["body"])
        assert answer.is_success, (path, answer.text)
        known = (await script.judged()).seen.jobs.get(job_subject(None, "daily"))
        statuses.append((known.running_since is not None, known.last_run and known.last_run.status) if known else None)
    running, success, failed = (True, "success"), (False, "success"), (False, "failed")
    assert statuses == [
        (True, None), (True, None), success,
        success,  # the slug's is another job
        running, running, failed,
        (True, "failed"), success,
    ]  # fmt: skip
    assert await count(script.house, "job_slug") == 1
