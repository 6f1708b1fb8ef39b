"""Silences on the command line: kept and audited in the operator's name, refused in a sentence."""

import getpass
import re

import pytest
from typer.testing import Result

from tests.factories import NOW
from tests.integration.house import House, count, enrol, judge, report, rows
from tests.integration.test_cli import Vigie, done, refused, run

ME = f"cli:{getpass.getuser()}"


@pytest.fixture
def vigie(house: House) -> Vigie:
    async def on_this_house(*words: str, **environment: str) -> Result:
        return await run(house.database.url, *words, **environment)

    return on_this_house


async def begun(vigie: Vigie, *words: str) -> str:
    said = done(await vigie("silence", "add", "--for", "4h", "--because", "server moves", *words))
    found = re.search(r"silence (\S{36}) until", said)
    assert found is not None, said
    return found[1]


async def test_a_silence_is_kept_listed_and_ended_in_ones_own_name(house: House, vigie: Vigie) -> None:
    await enrol(house, "Cabinet A")
    silence_id = await begun(vigie, "--practice", "Cabinet A", "--rule", "backup_missed")
    listed = done(await vigie("silence", "list"))
    assert f"{silence_id}  " in listed
    assert f"Cabinet A · backup_missed  {ME}, not approved: server moves" in listed
    assert "has ended" in done(await vigie("silence", "end", silence_id))
    assert done(await vigie("silence", "list")) == ""
    deeds = await rows(house, "SELECT actor, action FROM audit WHERE subject LIKE 'silence:%' ORDER BY audit_id")
    assert deeds == [{"actor": ME, "action": "silence"}, {"actor": ME, "action": "end silence"}]


async def test_a_dry_run_says_what_it_would_hold_and_changes_nothing(house: House, vigie: Vigie) -> None:
    practice_id = (await enrol(house, "Cabinet A")).practice.practice_id
    await report(house, practice_id, NOW)
    await judge(house, practice_id, NOW.replace(hour=23))
    words = ("--practice", "Cabinet A", "--for", "4h", "--because", "move", "--dry-run")
    lasting = await house.owner.fetchval("SELECT count(*) FROM incident WHERE state <> 'resolved'")
    assert lasting > 0
    assert f"it holds {lasting} of the incidents that last" in done(await vigie("silence", "add", *words))
    assert await count(house, "silence") == 0


async def test_a_weekly_window_is_kept_with_its_zone(house: House, vigie: Vigie) -> None:
    window = ("--for", "30d", "--days", "sat,sun", "--opens", "22:00", "--window", "6h", "--tz", "Indian/Reunion")
    await begun(vigie, "--rule", "clock_skew", *window, "--from", "2030-01-05T08:00:00")
    [kept] = await rows(house, "SELECT weekly, since FROM silence")
    assert '"zone": "Indian/Reunion"' in kept["weekly"]
    assert f"{kept['since']:%H:%M}" == "04:00"
    assert ", weekly  all practices · clock_skew" in done(await vigie("silence", "list"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "to silence everything is to be blind"),
        (("--practice", "Nobody"), "no practice 'Nobody' is watched"),
        (("--machine", "SRV", "--rule", "clock_skew"), "name it with --practice"),
        (("--rule", "eat"), "--rule: must be one of"),
        (("--label", "gold"), "--label: write it as NAME=VALUE"),
        (("--rule", "clock_skew", "--days", "monday"), "--days: 'monday' is no day"),
        (("--rule", "clock_skew", "--days", "mon"), "needs --days, --opens and --window"),
        (("--rule", "clock_skew", "--days", "mon", "--opens", "9h", "--window", "1h"), "--opens: '9h' is no time"),
        (("--rule", "clock_skew", "--from", "2030-01-05", "--tz", "Mars/Base"), "unknown time zone 'Mars/Base'"),
        (("--rule", "clock_skew", "--from", "2020-01-05"), "is over, or would be"),
        (("--rule", "clock_skew", "--from", "9999-12-31"), "must lie between the years 1601 and 9000"),
        (("--rule", "clock_skew", "--from", "0001-01-01"), "must lie between the years 1601 and 9000"),
        (("--rule", "clock_skew", "--from", "soon"), "'soon' is no instant"),
        (("--rule", "clock_skew", "--for", "367d"), "--for: a silence lasts at most 366d"),
        (("--label", "city=Pessac", "--label", "city=Bordeaux"), "--label: name each label once"),
        (
            ("--rule", "clock_skew", "--from", "2030-01-07", "--days", "sat", "--opens", "22:00", "--window", "2h"),
            "over before its weekly window opens",
        ),
        (("--rule", "clock_skew", "--because", ""), "reason"),
    ],
)  # fmt: skip
async def test_a_mistake_is_told_in_a_sentence(house: House, vigie: Vigie, words: tuple[str, ...], told: str) -> None:
    said = refused(await vigie("silence", "add", "--for", "4h", "--because", "move", *words))
    assert told in said
    assert await count(house, "silence") == 0


async def test_an_unknown_silence_is_told_in_a_sentence(house: House, vigie: Vigie) -> None:
    said = refused(await vigie("silence", "end", "00000000-0000-0000-0000-000000000000"))
    assert "there is no silence" in said
