"""The commands about keys: shown once, listed with their state and last use, rotated and revoked."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from rich.console import Console
from typer.testing import Result

from collector.cli import keys
from collector.model.credential import Credential, Holder
from collector.store.practice_keys import add_practice_key, write_used
from tests.factories import NOW
from tests.integration.house import House, enrol, rows
from tests.integration.test_cli import done, refused, run

Vigie = Callable[..., Awaitable[Result]]


@pytest.fixture
def vigie(house: House) -> Vigie:
    async def on_this_house(*words: str) -> Result:
        return await run(house.database.url, *words)

    return on_this_house


async def printed(vigie: Vigie, *words: str) -> Credential:
    key = Credential.parse(done(await vigie(*words)).strip())
    assert key is not None
    return key


async def states(vigie: Vigie) -> list[str]:
    """What is said of each key of practice A, without the heading."""
    return done(await vigie("key", "list", "A")).splitlines()[1:]


@pytest.mark.parametrize(("words", "holder"), [((), Holder.PRACTICE), (("--script",), Holder.SCRIPT)])
@pytest.mark.parametrize("command", ["add", "rotate"])
async def test_a_key_is_printed_once_and_kept_as_a_hash(
    house: House, vigie: Vigie, command: str, words: tuple[str, ...], holder: Holder
) -> None:
    await enrol(house, "A")
    key = await printed(vigie, "key", command, "A", *words)
    assert key.holder is holder
    found = await house.owner.fetchrow("SELECT holder, secret_hash FROM practice_key WHERE key_id = $1", key.key_id)
    assert found is not None
    assert tuple(found) == (holder.value, key.secret_hash)
    assert key.secret not in done(await vigie("key", "list", "A"))


async def test_a_key_that_was_found_somewhere_is_revoked_by_itself(house: House, vigie: Vigie) -> None:
    keys = [str((await enrol(house, "A")).key), done(await vigie("key", "add", "A", "--script")).strip()]
    keys.append(done(await vigie("ping", "add", "A", "daily")).strip().rpartition("/")[2])
    for key in keys:
        assert key not in done(await vigie("key", "revoke", key))
        assert key not in refused(await vigie("key", "revoke", key))
    assert await house.owner.fetchval("SELECT count(*) FROM practice_key WHERE revoked_at IS NULL") == 0


async def test_a_key_is_revoked_once(house: House, vigie: Vigie) -> None:
    key = (await enrol(house, "A")).key
    done(await vigie("key", "revoke", key.key_id))
    assert await house.owner.fetchval("SELECT revoked_at IS NOT NULL FROM practice_key")
    assert "is in force" in refused(await vigie("key", "revoke", key.key_id))
    told = "SELECT subject FROM audit WHERE action = 'revoke key'"
    assert await rows(house, told) == [{"subject": f"key:{key.key_id}"}]


async def test_keys_are_listed_with_their_state(house: House, vigie: Vigie) -> None:
    enrolled = await enrol(house, "A")
    new = await printed(vigie, "key", "rotate", "A", "--overlap", "2d")
    gone = await printed(vigie, "key", "add", "A")
    done(await vigie("key", "revoke", gone.key_id))
    expired = await printed(vigie, "key", "add", "A", "--script")
    done(await vigie("key", "rotate", "A", "--script", "--overlap", "0s")).strip()
    old, *listed = await states(vigie)
    until = datetime.now(UTC) + timedelta(days=2)
    assert enrolled.key.key_id in old
    assert "valid until" in old
    assert f"{until:%Y-%m-%d}" in old
    said = {line.split()[0]: line for line in listed}
    assert said[new.key_id].rstrip().endswith(" valid")
    assert "revoked 20" in said[gone.key_id]
    assert "expired 20" in said[expired.key_id]
    assert [("agents" in line, "scripts" in line) for line in listed] == [(True, False)] * 2 + [(False, True)] * 2


async def test_the_last_use_is_listed(house: House, vigie: Vigie) -> None:
    enrolled = await enrol(house, "A")
    assert "never" in (await states(vigie))[0]
    async with house.intake.acquire() as conn:
        await write_used(
            conn, {(enrolled.practice.practice_id, enrolled.key.key_id): datetime(2026, 3, 4, 5, 6, tzinfo=UTC)}
        )
    assert "2026-03-04 05:06" in (await states(vigie))[0]


async def test_a_jobs_key_names_its_job_and_machine_uncut(house: House, vigie: Vigie) -> None:
    practice_id = (await enrol(house, "A")).practice.practice_id
    job, unseen = "[b]nightly " + "x" * 80, uuid4()
    async with house.owner.acquire() as conn:
        for endpoint_id in (None, unseen):
            key = Credential.mint(Holder.JOB)
            await add_practice_key(conn, practice_id, key, at=NOW, actor="test", job=job, endpoint_id=endpoint_id)
    listed = "\n".join(await states(vigie))
    assert f"job {job} on {unseen}" in listed
    assert listed.count(f"job {job}") == 2


async def test_keys_of_one_practice_are_not_another_s(house: House, vigie: Vigie) -> None:
    key, other = (await enrol(house, "A")).key, (await enrol(house, "B")).key
    (listed,) = await states(vigie)
    assert key.key_id in listed
    assert other.key_id not in listed


async def test_a_third_key_is_refused_with_the_way_out(house: House, vigie: Vigie) -> None:
    old = (await enrol(house, "A")).key
    await printed(vigie, "key", "rotate", "A")
    said = refused(await vigie("key", "rotate", "A"))
    assert old.key_id in said
    assert "vigie key revoke" in said
    done(await vigie("key", "revoke", old.key_id))
    await printed(vigie, "key", "rotate", "A")


@pytest.mark.parametrize(("overlap", "taken"), [("365d", True), ("366d", False), ("99999999d", False)])
async def test_an_overlap_has_an_end(house: House, vigie: Vigie, overlap: str, taken: bool) -> None:
    await enrol(house, "A")
    result = await vigie("key", "rotate", "A", "--overlap", overlap)
    assert (result.exit_code == 0) is taken
    if not taken:
        assert "365d" in refused(result)


async def test_colours_mean_something_in_a_terminal(
    house: House, vigie: Vigie, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (await enrol(house, "A")).key
    terminal = Console(force_terminal=True, color_system="standard", width=120, record=True)
    monkeypatch.setattr(keys, "out", terminal)
    done(await vigie("key", "list", "A"))
    done(await vigie("key", "revoke", key.key_id))
    done(await vigie("key", "list", "A"))
    shown = terminal.export_text(styles=True)
    assert "\x1b[32mvalid" in shown
    assert "\x1b[31mrevoked" in shown
