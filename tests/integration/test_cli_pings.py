"""Commands about pings: a URL that works, and logs that are kept for those alone who opted in."""

import re
from uuid import UUID

import pytest

from collector.store.intake import SectionRow
from collector.store.kept_logs import Log
from tests.factories import ENDPOINT, NOW
from tests.integration.house import House, arrival, count, enrol, judge, rows, store
from tests.integration.test_cli import Vigie, done, refused, vigie

__all__ = ["vigie"]


async def test_a_jobs_url_is_printed_once_and_audited(house: House, vigie: Vigie) -> None:
    await enrol(house, "A")
    said = done(await vigie("ping", "add", "A", "daily", VIGIE_COLLECTOR_URL="https://collect.example/"))
    key = re.fullmatch(r"https://collect\.example/ping/([0-9a-f-]{36})\n", said)
    assert key
    (kept,) = await rows(house, "SELECT job, endpoint_id FROM practice_key WHERE holder = 'job'")
    assert kept == {"job": "daily", "endpoint_id": None}
    assert not await rows(house, "SELECT * FROM audit AS t WHERE t::text LIKE '%' || $1 || '%'", key[1])
    assert (await rows(house, "SELECT action FROM audit ORDER BY audit_id DESC LIMIT 1")) == [{"action": "add key"}]


async def test_a_url_can_be_that_of_one_machines_job(house: House, vigie: Vigie) -> None:
    enrolled = await enrol(house, "A")
    await store(house, arrival(enrolled.practice.practice_id))
    await judge(house, enrolled.practice.practice_id, NOW)
    done(await vigie("ping", "add", "A", "daily", "--endpoint", "SRV-01"))
    assert (await rows(house, "SELECT endpoint_id FROM practice_key WHERE holder = 'job'")) == [
        {"endpoint_id": ENDPOINT}
    ]
    assert "has no endpoint 'NAS'" in refused(await vigie("ping", "add", "A", "daily", "--endpoint", "NAS"))


@pytest.mark.parametrize("job", ["", "x" * 101, "two\nlines"])
async def test_what_is_no_name_of_a_job_has_no_url(house: House, vigie: Vigie, job: str) -> None:
    await enrol(house, "A")
    assert "is no name of a job" in refused(await vigie("ping", "add", "A", job))
    assert await count(house, "practice_key") == 1


@pytest.mark.parametrize("command", [("ping", "add"), ("mail", "add", "--from", "nas@pessac.example")])
async def test_what_is_retired_is_told_of_by_nobody_until_it_is_watched_again(
    house: House, vigie: Vigie, command: tuple[str, ...]
) -> None:
    enrolled = await enrol(house, "A")
    await store(house, arrival(enrolled.practice.practice_id))
    await judge(house, enrolled.practice.practice_id, NOW)
    of_machine = (*command, "A", "daily", "--endpoint", "SRV-01")
    done(await vigie("job", "set", "A", "imaging", "--every", "24h"))
    done(await vigie("job", "retire", "A", "imaging", "--because", "moved"))
    assert "'vigie job set' takes it back" in refused(await vigie(*command, "A", "imaging"))
    done(await vigie("endpoint", "retire", "A", "SRV-01", "--because", "scrapped"))
    assert "'vigie endpoint watch' takes it back" in refused(await vigie(*of_machine))
    assert await count(house, "practice_key") == 1
    done(await vigie("job", "set", "A", "imaging", "--every", "24h"))
    done(await vigie("endpoint", "watch", "A", "SRV-01"))
    done(await vigie(*command, "A", "imaging"))
    done(await vigie(*of_machine))


async def test_logs_are_kept_shown_and_erased_as_the_practice_wants(house: House, vigie: Vigie) -> None:
    enrolled = await enrol(house, "A")
    assert "either --keep or --discard" in refused(await vigie("practice", "logs", "A"))
    assert "nothing was kept" in done(await vigie("job", "log", "A", "daily"))
    done(await vigie("practice", "logs", "A", "--keep"))
    assert await rows(house, "SELECT keep_logs FROM practice WHERE kind = 'practice'") == [{"keep_logs": True}]
    await keep(house, enrolled.practice.practice_id, "daily", "two files\n\x1b[2Jdone")
    await keep(house, enrolled.practice.practice_id, "imaging", "another")
    said = done(await vigie("job", "log", "A", "daily"))
    assert said == "2026-11-21 18:00:00 UTC  fail\ntwo files\n\ufffd[2Jdone\n"
    done(await vigie("practice", "logs", "A", "--discard"))
    assert [await count(house, table) for table in ("section WHERE kind = 'log'", "practice WHERE keep_logs")] == [0, 0]
    actions = [row["action"] for row in await rows(house, "SELECT action FROM audit ORDER BY audit_id")]
    assert actions[-2:] == ["keep logs", "discard logs"]


async def keep(house: House, practice_id: UUID, job: str, text: str) -> None:
    log = SectionRow("log", Log(job=job, action="fail", text=text).model_dump_json())
    await store(house, arrival(practice_id)._replace(sections=(log,)))
