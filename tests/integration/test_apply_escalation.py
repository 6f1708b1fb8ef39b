"""escalation.yaml put in force: with the other files as one version, once, audited; at once for what lasts."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from collector import apply
from collector.administer import Deed, NotDoneError
from collector.configuration.read import read_files
from collector.metrics import WorkerMetrics, new_registry
from collector.model.book import Book
from collector.store.escalation import load_book, newest_book_version
from collector.sweep import Engine
from tests.integration.house import House, count, enrol, open_ticket, rows, until
from tests.integration.receivers import SECRET
from tests.integration.test_apply import FLEET, RULES, applied, policy_of, running_beside
from tests.integration.test_cli import Vigie, done, refused, vigie

__all__ = ["vigie"]

CHANNELS = """
channels:
  helpdesk: {kind: request_tracker, url: "https://rt.example.org", queue: Backups, token: {env: RT_TOKEN}}
  anna-sms: {kind: apprise, url: {file: %s}}
  ben-sms: {kind: apprise, url: {env: BEN_SMS}}
people: {anna: anna-sms, ben: ben-sms}
"""
POLICY = """
rotas:
  on-call: {people: [anna, ben], begins: 2026-01-05}
policies:
  standard:
    - ticket
    - {page: on-call, after: 15m, repeat: 15m}
"""
HELD = {"RT_TOKEN": "hunter2", "BEN_SMS": "sms://hunter2"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "anna").write_text("sms://hunter2")
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "rules.yaml").write_text(RULES)
    write(tmp_path, POLICY)
    return tmp_path


def write(folder: Path, policy: str, channels: str = CHANNELS) -> Path:
    file = folder / "escalation.yaml"
    file.write_text(channels % (folder / "anna") + policy)
    return file


@pytest.fixture
def equipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is where the file says."""
    for name, value in HELD.items():
        monkeypatch.setenv(name, value)


async def in_force(house: House) -> Book:
    async with house.owner.acquire() as conn:
        return await load_book(conn, await newest_book_version(conn))


def three(folder: Path) -> tuple[str, ...]:
    return tuple(str(folder / name) for name in ("fleet.yaml", "rules.yaml", "escalation.yaml"))


@pytest.mark.usefixtures("equipped")
async def test_it_comes_into_force_with_the_other_files_as_one_version(
    house: House, vigie: Vigie, folder: Path
) -> None:
    said = await applied(vigie, folder, *three(folder))
    assert "+ policy standard: ticket; page on-call after 15m, again every 15m" in said
    assert "hunter2" not in said
    book, version = await in_force(house), await house.owner.fetchval("SELECT max(version) FROM configuration")
    assert await count(house, "configuration") == 1
    assert book.version == version == (await policy_of(house, "Cabinet Pessac")).version
    assert (book.default, book.tickets, list(book.rotas)) == ("standard", "helpdesk", ["on-call"])
    told = await rows(house, "SELECT detail ->> 'version' AS version FROM audit WHERE subject = 'escalation'")
    assert told == [{"version": str(version)}]
    stored = await house.owner.fetchval("SELECT body::text FROM escalation")
    assert "hunter2" not in stored


@pytest.mark.usefixtures("equipped")
async def test_applying_again_changes_nothing(house: House, vigie: Vigie, folder: Path) -> None:
    await applied(vigie, folder, *three(folder))
    tables = ("configuration", "policy", "rules", "escalation", "audit", "wake")
    before = [await count(house, table) for table in tables]
    for words in (three(folder), three(folder)[2:]):
        said = done(await vigie("apply", *words))
        assert "= escalation as the file says already" in said
        assert "nothing to change" in said
    assert [await count(house, table) for table in tables] == before


@pytest.mark.usefixtures("equipped")
async def test_a_dry_run_changes_nothing(house: House, vigie: Vigie, folder: Path) -> None:
    said = done(await vigie("apply", str(folder / "escalation.yaml"), "--dry-run"))
    assert "+ rota on-call: anna, ben" in said
    assert await count(house, "escalation") == 0


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (POLICY.replace("on-call, after", "on-cal, after"), "escalation.yaml:13:14: policies.standard[1].page[0]"),
        (POLICY.replace("2026-01-05", "5/1/2026"), "'5/1/2026' is no date; write it as in 2026-01-05"),
        (POLICY + "teams: {a: [b], b: [a]}", "a team cannot be within itself: a → b → a"),
    ],
)
@pytest.mark.usefixtures("equipped")
async def test_one_mistake_keeps_all_of_it_out(
    house: House, vigie: Vigie, folder: Path, policy: str, said: str
) -> None:
    write(folder, policy)
    result = await vigie("apply", *three(folder), "--yes", "--keys", str(folder / "keys.csv"))
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
    assert "what is in force stays" in result.stderr
    assert [await count(house, table) for table in ("configuration", "escalation", "practice_key")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("RT_TOKEN", "channels.helpdesk.token: environment variable RT_TOKEN is not set"),
        ("BEN_SMS", "channels.ben-sms.url: environment variable BEN_SMS is not set"),
        ("anna", "anna cannot be read"),
    ],
)
async def test_a_secret_that_is_not_there_keeps_it_out_and_none_is_ever_said(
    house: House, vigie: Vigie, folder: Path, gone: str, said: str
) -> None:
    held = {name: value for name, value in HELD.items() if name != gone}
    if gone == "anna":
        (folder / "anna").unlink()
    result = await vigie("apply", str(folder / "escalation.yaml"), "--yes", **held)
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
    assert result.stderr.count("escalation.yaml:") == 1
    assert "hunter2" not in result.output
    assert await count(house, "configuration") == 0


@pytest.mark.parametrize("secret", ["secret", "inbound"])
async def test_a_webhooks_key_that_cannot_sign_keeps_it_out(
    house: House, vigie: Vigie, folder: Path, secret: str
) -> None:
    """Else it would come into force, and no ticket would go out."""
    held = {"secret": SECRET, "inbound": SECRET} | {secret: "hunter2"}
    hook = "{kind: webhook, url: 'https://desk.example', secret: {env: secret}, inbound: {env: inbound}}"
    file = write(folder, "", f"channels:\n  hook: {hook} # %s")
    result = await vigie("apply", str(file), "--yes", **held)
    assert f"channels.hook.{secret}: environment variable {secret} is not whsec_ and base64" in result.stderr
    assert (result.exit_code, result.stderr.count("escalation.yaml:2:"), "hunter2" in result.output) == (1, 1, False)
    assert await count(house, "configuration") == 0


async def opened(house: House, practice_id: UUID, channel: str) -> UUID:
    ticket = await open_ticket(house, practice_id)
    await house.owner.execute("UPDATE ticket SET channel = $2 WHERE ticket_id = $1", ticket, channel)
    return ticket


GLPI = 'glpi: {kind: glpi, url: "https://glpi.example.org", user_token: {env: RT_TOKEN}}'
_LINE = CHANNELS.splitlines()[2].strip()


@pytest.mark.parametrize(
    ("line", "refused_it"),
    [(GLPI, True), (GLPI.replace("glpi: {", "helpdesk: {"), True), (f"{_LINE}\n  {GLPI}", False)],
    ids=["gone", "another-kind", "kept-beside-the-new-one"],
)
@pytest.mark.usefixtures("equipped")
async def test_a_ticket_system_with_open_tickets_stays(
    house: House, vigie: Vigie, folder: Path, line: str, *, refused_it: bool
) -> None:
    await applied(vigie, folder, str(folder / "escalation.yaml"))
    practice_id = (await enrol(house)).practice.practice_id
    ticket = await opened(house, practice_id, "helpdesk")
    moved = write(folder, POLICY + ("" if refused_it else "tickets: glpi\n"), CHANNELS.replace(_LINE, line))
    result = await vigie("apply", str(moved), "--yes")
    if not refused_it:
        assert "version" in done(result)
        return
    assert result.exit_code == 1
    assert "'helpdesk' (request_tracker) would go, and has 1 open ticket; keep it until" in result.stderr
    assert "helpdesk" in (await in_force(house)).channels
    await house.owner.execute("UPDATE ticket SET state = 'resolved' WHERE ticket_id = $1", ticket)
    done(await vigie("apply", str(moved), "--yes"))


@pytest.mark.usefixtures("equipped")
async def test_a_ticket_that_opens_while_the_plan_is_read_is_not_left_behind(
    house: House, vigie: Vigie, folder: Path
) -> None:
    await applied(vigie, folder, str(folder / "escalation.yaml"))
    practice_id = (await enrol(house)).practice.practice_id
    moved = write(folder, POLICY, CHANNELS.replace(_LINE, GLPI))
    now = datetime.now(UTC)
    async with house.owner.acquire() as conn:
        prepared = await apply.prepare(conn, read_files([("escalation.yaml", moved.read_text())]), now)
        await opened(house, practice_id, "helpdesk")
        with pytest.raises(NotDoneError, match="has 1 open ticket"):
            await apply.apply(conn, prepared, None, "https://x", Deed("test", now), "late", lambda _: None)
    assert "helpdesk" in (await in_force(house)).channels


WATCHED = "practices: [{name: A, jobs: [{name: daily, every: 1s, grace: 0s}]}, {name: B}]"


async def broken(house: House, vigie: Vigie, folder: Path) -> Engine:
    """Practice A has an incident, B has none."""
    (folder / "fleet.yaml").write_text(WATCHED)
    await applied(vigie, folder)
    engine = Engine(house.worker, [], WorkerMetrics(new_registry()))
    await asyncio.sleep(1.1)  # the job's period is to be over
    await engine.sweep()
    assert {row["rule"] for row in await rows(house, "SELECT rule FROM incident")} == {"backup_missed"}
    return engine


@pytest.mark.usefixtures("equipped")
async def test_practices_with_lasting_incidents_are_woken_and_no_others(
    house: House, vigie: Vigie, folder: Path
) -> None:
    await broken(house, vigie, folder)
    await house.owner.execute("DELETE FROM wake")
    await applied(vigie, folder, str(folder / "escalation.yaml"))
    woken = await rows(house, "SELECT name FROM wake JOIN practice USING (practice_id)")
    assert woken == [{"name": "A"}]


@pytest.mark.usefixtures("equipped")
async def test_a_new_rota_takes_effect_at_once_for_what_lasts(house: House, vigie: Vigie, folder: Path) -> None:
    """A page waits for somebody to be on call; the file that says who is, is followed without a restart."""
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).strftime("%a").lower()
    day = f"zone: UTC\nholidays: none\nhours: {{{tomorrow}: 08:00-18:00}}\n"
    rota = "rotas:\n  desk: {people: anna, covers: in_hours%s}\npolicies: {standard: [{page: desk}]}\n"
    write(folder, day + rota % "")
    await applied(vigie, folder, str(folder / "escalation.yaml"))
    engine = await broken(house, vigie, folder)
    assert await count(house, "outbox") == 0, "nobody is on call"

    async def work() -> None:
        while True:
            await engine.sweep()
            await asyncio.sleep(0.05)

    since = datetime.now(UTC) - timedelta(hours=1)
    override = f"{{person: ben, since: {since:%Y-%m-%d %H:%M}, until: {since + timedelta(days=1):%Y-%m-%d %H:%M}}}"
    write(folder, day + rota % f", overrides: [{override}]")
    async with running_beside(work()):
        await applied(vigie, folder, str(folder / "escalation.yaml"))
        await until(lambda: count(house, "outbox"))
    assert await rows(house, "SELECT channel, payload ->> 'person' AS person FROM outbox") == [
        {"channel": "ben-sms", "person": "ben"}
    ]


async def test_a_practice_has_its_number_in_the_ticket_system(house: House, vigie: Vigie, folder: Path) -> None:
    (folder / "fleet.yaml").write_text("practices: [{name: A, customer: C-0815}]")
    (folder / "more.csv").write_text("name,customer\nB,0042\n")
    await applied(vigie, folder, str(folder / "fleet.yaml"), str(folder / "more.csv"))
    assert [(await policy_of(house, name)).customer for name in ("A", "B")] == ["C-0815", "0042"]
    (folder / "fleet.yaml").write_text("practices: [{name: A}]")
    assert "~ customer: C-0815 → none" in await applied(vigie, folder)


@pytest.mark.usefixtures("equipped")
async def test_what_is_in_force_is_shown(house: House, vigie: Vigie, folder: Path) -> None:
    assert "as it comes" in done(await vigie("escalation", "show"))
    assert "no rota is configured" in done(await vigie("oncall", "show"))
    await applied(vigie, folder, str(folder / "escalation.yaml"))
    shown = done(await vigie("escalation", "show"))
    assert "policy standard: ticket; page on-call after 15m, again every 15m" in shown
    assert Book.model_validate_json(done(await vigie("escalation", "show", "--json"))) == await in_force(house)
    on_call = done(await vigie("oncall", "show", "on-call", "--at", "2026-01-06T12:00", COLUMNS="200"))
    assert "on-call  anna     Mon 12 Jan 08:00  anna-sms  ben from Mon 12 Jan 08:00" in on_call
    assert "no rota is called 'x'" in refused(await vigie("oncall", "show", "x"))
