"""Files of configuration put in force: one version for all, once, audited; nothing where anything is wrong."""

import asyncio
import csv
import stat
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count as count_from
from pathlib import Path
from uuid import UUID

import pytest

from collector import apply
from collector.administer import Deed, NotDoneError
from collector.configuration.plan import MOST_NEW
from collector.configuration.read import read_files
from collector.metrics import WorkerMetrics, new_registry
from collector.model.campaign import PROVIDER
from collector.model.heartbeat import Role, RunStatus
from collector.model.policy import Policy
from collector.model.subject import job_subject
from collector.store.configuration import AT_ONCE, load_policy
from collector.sweep import Engine
from tests.factories import HOUR, backup, endpoint
from tests.integration.house import House, count, report, rows, until
from tests.integration.test_cli import Vigie, done, refused, vigie

__all__ = ["vigie"]

_numbers = count_from(1)

FLEET = """
practices:
  - name: Cabinet Pessac
    labels: {kind: dental}
    calendar:
      open: {mon-fri: "08:00-12:00, 14:00-19:00"}
    jobs:
      - {name: daily, endpoint: SRV-01, cron: "0 2 * * *", grace: 2h, rpo: 26h}
      - {name: imaging, every: 24h}
    contacts:
      - {name: Dr. Martin, mail: martin@pessac.example}
  - name: Cabinet Talence
    jobs: [{name: daily, every: 24h}]
"""
RULES = """
defaults:
  backup_late: {after: 30m}
groups:
  - match: {kind: dental}
    rules: {backup_late: {after: 1h}, restore_test: {every: {imaging: 92d}}}
overrides:
  - {practice: Cabinet Talence, rules: {patches_overdue: {enabled: false}}}
  - {practice: Cabinet Talence, job: daily, rules: {backup_late: {after: 5m}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


async def applied(vigie: Vigie, folder: Path, *words: str) -> str:
    """Both files, without a question; keys into a file that is new each time."""
    keys = folder / f"keys-{next(_numbers)}.csv"
    return done(await vigie("apply", *(words or (str(folder / "fleet.yaml"),)), "--yes", "--keys", str(keys)))


async def policy_of(house: House, name: str) -> Policy:
    practice_id = await house.owner.fetchval("SELECT practice_id FROM practice WHERE name = $1", name)
    async with house.owner.acquire() as conn:
        policy = await load_policy(conn, practice_id)
    assert policy is not None
    return policy


def files(folder: Path) -> tuple[str, str]:
    return str(folder / "fleet.yaml"), str(folder / "rules.yaml")


async def test_practices_and_rules_come_into_force_as_one_version(house: House, vigie: Vigie, folder: Path) -> None:
    said = await applied(vigie, folder, *files(folder))
    assert "+ Cabinet Pessac: daily, imaging" in said
    assert "SRV-01 of Cabinet Pessac" in said, "it waits for the machine"
    pessac, talence = await policy_of(house, "Cabinet Pessac"), await policy_of(house, "Cabinet Talence")
    assert pessac.version == talence.version == await house.owner.fetchval("SELECT max(version) FROM configuration")
    assert await count(house, "configuration") == 1
    assert pessac.rules.backup_late.after == HOUR
    assert talence.rules.backup_late.after == HOUR / 2
    assert talence.rules_of(job_subject(None, "daily")).backup_late.after == timedelta(minutes=5)
    assert (pessac.rules.patches_overdue.enabled, talence.rules.patches_overdue.enabled) == (True, False)
    assert pessac.contacts[0].mail == "martin@pessac.example"
    everybody = await rows(house, "SELECT action, count(*) FROM audit GROUP BY action ORDER BY action")
    assert [tuple(one.values()) for one in everybody] == [("add key", 2), ("add practice", 2), ("configure", 4)]


async def test_applying_again_changes_nothing(house: House, vigie: Vigie, folder: Path) -> None:
    await applied(vigie, folder, *files(folder))
    tables = ("configuration", "policy", "rules", "audit", "wake", "practice_key")
    before = [await count(house, table) for table in tables]
    for words in (files(folder), files(folder)[:1], files(folder)[1:]):
        said = done(await vigie("apply", *words))
        assert "nothing to change" in said
    assert [await count(house, table) for table in tables] == before


async def test_keys_are_written_once_for_their_owner_alone(house: House, vigie: Vigie, folder: Path) -> None:
    keys = folder / "keys.csv"
    fleet = files(folder)[0]
    assert "--keys" in refused(await vigie("apply", fleet, "--yes"))
    assert await count(house, "practice") == 1, "the provider itself"
    done(await vigie("apply", fleet, "--yes", "--keys", str(keys)))
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    with keys.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [one["practice"] for one in written] == ["Cabinet Pessac", "Cabinet Talence"]
    assert all(one["key"].startswith("vgp_") for one in written)
    links = {row["link"] for row in await rows(house, "SELECT link FROM status_link")}
    assert {one["status page"].rpartition("/")[2] for one in written} == links
    (folder / "fleet.yaml").write_text(FLEET + "  - name: Third\n")
    assert "written once" in refused(await vigie("apply", fleet, "--yes", "--keys", str(keys)))
    assert await count(house, "practice") == 3


async def test_what_was_changed_while_asking_is_not_overwritten(house: House, vigie: Vigie, folder: Path) -> None:
    """A version is put in between the plan and the answer; the file of keys goes again."""
    keys, now = folder / "keys.csv", datetime.now(UTC)
    async with house.owner.acquire() as conn:
        prepared = await apply.prepare(conn, read_files([("fleet.yaml", FLEET)]), now)
        done(await vigie("practice", "add", "Cabinet Pessac"))
        with pytest.raises(NotDoneError, match="meanwhile"):
            await apply.apply(conn, prepared, keys, "https://x", Deed("test", now), "late", lambda _: None)
    assert not keys.exists()
    assert await count(house, "configuration") == 1


async def test_a_dry_run_and_a_no_change_nothing(house: House, vigie: Vigie, folder: Path) -> None:
    said = done(await vigie("apply", *files(folder), "--dry-run"))
    assert "+ Cabinet Talence" in said
    assert "nobody answered" in refused(await vigie("apply", *files(folder)))
    assert await count(house, "configuration") == 0


@pytest.mark.parametrize(
    ("fleet", "rules", "said"),
    [
        (FLEET.replace("rpo: 26h", "rpo: 26"), RULES, "fleet.yaml:8:"),
        (FLEET, RULES.replace("backup_late: {after: 30m}", "backup_mised: {}"), "did you mean backup_missed?"),
        (FLEET, RULES.replace("Cabinet Talence, job", "Cabinet Talance, job"), "did you mean Cabinet Talence?"),
        (FLEET, RULES.replace("job: daily", "job: dayly"), "rules.yaml:9:"),
    ],
)
async def test_one_mistake_keeps_all_of_it_out(
    house: House, vigie: Vigie, folder: Path, fleet: str, rules: str, said: str
) -> None:
    (folder / "fleet.yaml").write_text(fleet)
    (folder / "rules.yaml").write_text(rules)
    result = await vigie("apply", *files(folder), "--yes", "--keys", str(folder / "keys.csv"))
    assert result.exit_code == 1
    assert said in result.stderr
    assert "what is in force stays" in result.stderr
    assert [await count(house, table) for table in ("configuration", "rules", "practice_key")] == [0, 0, 0]


async def test_a_practice_enrolled_later_by_command_has_the_rules_in_force(
    house: House, vigie: Vigie, folder: Path
) -> None:
    await applied(vigie, folder, *files(folder))
    done(await vigie("practice", "add", "Cabinet Neuf"))
    assert (await policy_of(house, "Cabinet Neuf")).rules.backup_late.after == HOUR / 2


async def test_a_practice_in_the_file_is_wholly_described_and_another_stays(
    house: House, vigie: Vigie, folder: Path
) -> None:
    done(await vigie("practice", "add", "Cabinet Beside"))
    await applied(vigie, folder)
    done(await vigie("job", "set", "Cabinet Talence", "weekly", "--every", "7d"))
    done(await vigie("job", "set", "Cabinet Beside", "weekly", "--every", "7d"))
    before = await policy_of(house, "Cabinet Talence")
    said = await applied(vigie, folder)
    assert "- job weekly" in said
    assert "1 practice in force that no file names" in said
    talence = await policy_of(house, "Cabinet Talence")
    assert [job.job for job in talence.jobs.values()] == ["daily"]
    assert talence.jobs[job_subject(None, "daily")].since == before.jobs[job_subject(None, "daily")].since
    assert [job.job for job in (await policy_of(house, "Cabinet Beside")).jobs.values()] == ["weekly"]


async def test_a_machine_by_name_is_found_once_it_reports(house: House, vigie: Vigie, folder: Path) -> None:
    """Until then its job is watched as never reported; then the job of that machine alone has the schedule."""
    await applied(vigie, folder)
    pessac = await policy_of(house, "Cabinet Pessac")
    engine = Engine(house.worker, [], WorkerMetrics(new_registry()))
    await engine.sweep()
    look = "SELECT endpoint, state, reason FROM job_now WHERE job = 'daily' AND practice_id = $1"
    assert await rows(house, look, pessac.practice_id) == [
        {"endpoint": "SRV-01", "state": "unknown", "reason": "never_reported"}
    ]
    now = datetime.now(UTC)
    await report(house, pessac.practice_id, now, backups=(backup("daily", finished_at=now),))
    await engine.sweep()
    assert await rows(house, look, pessac.practice_id) == [{"endpoint": "SRV-01", "state": "ok", "reason": None}]


async def test_two_machines_of_one_name_are_refused(house: House, vigie: Vigie, folder: Path) -> None:
    await applied(vigie, folder)
    pessac = await policy_of(house, "Cabinet Pessac")
    engine = Engine(house.worker, [], WorkerMetrics(new_registry()))
    for number in (1, 2):
        machine = endpoint(UUID(int=number), "SRV-01", Role.SERVER)
        await report(house, pessac.practice_id, datetime.now(UTC), endpoint=machine)
    await engine.sweep()
    result = await vigie("apply", files(folder)[0])
    assert result.exit_code == 1
    assert "2 machines are named 'SRV-01'; retire one, or write the id" in result.stderr


@asynccontextmanager
async def running_beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


async def test_workers_follow_without_a_restart(house: House, vigie: Vigie, folder: Path) -> None:
    """A worker that runs finds by the new policy as soon as it is applied."""
    fleet = folder / "fleet.yaml"
    fleet.write_text("practices: [{name: A, jobs: [{name: daily, every: 24h, grace: 0s}]}]")
    await applied(vigie, folder)
    engine = Engine(house.worker, [], WorkerMetrics(new_registry()))

    async def work() -> None:
        while True:
            await engine.sweep()
            await asyncio.sleep(0.05)

    async with running_beside(work()):
        await until(lambda: house.owner.fetchval("SELECT count(*) FROM practice_now"))
        assert await count(house, "incident") == 0
        fleet.write_text("practices: [{name: A, jobs: [{name: daily, every: 1s, grace: 0s}]}]")
        await applied(vigie, folder)
        version = await house.owner.fetchval("SELECT max(version) FROM configuration")
        await until(lambda: count(house, "incident"))
    (found,) = await rows(house, "SELECT rule, policy_version FROM incident")
    assert found == {"rule": "backup_missed", "policy_version": version}


async def test_a_practice_is_explained_with_who_set_what_and_when_it_falls(
    house: House, vigie: Vigie, folder: Path
) -> None:
    await applied(vigie, folder, *files(folder))
    pessac, now = await policy_of(house, "Cabinet Pessac"), datetime.now(UTC)
    failed = backup("daily", RunStatus.FAILED, now - HOUR)
    await report(house, pessac.practice_id, now, backups=(failed,))
    await Engine(house.worker, [], WorkerMetrics(new_registry())).sweep()
    said = done(await vigie("rules", "explain", "Cabinet Pessac"))
    for words in (
        f"version {pessac.version},",
        "CRITICAL  daily on SRV-01: The last backup failed.",
        "heals by a good run",
        "incident open, opened",
        "schedule at 02:00 every day in Europe/Paris (cron 0 2 * * *); grace 2h",
        "after 1h, by group kind=dental",
        "every imaging 92d, by group kind=dental",
        "(RPO 26h)",
        "heartbeat_missing (critical) about SRV-01",
    ):
        assert words in said
    talence = done(await vigie("rules", "explain", "Cabinet Talence"))
    assert "enabled false, by override of Cabinet Talence" in talence
    assert "job daily: after 5m, by override of Cabinet Talence, job daily" in talence
    assert "last run never reported" in talence


async def test_the_past_is_explained_by_what_was_in_force_then(house: House, vigie: Vigie, folder: Path) -> None:
    await applied(vigie, folder, *files(folder))
    then = datetime.now(UTC)
    (folder / "rules.yaml").write_text("defaults: {backup_late: {after: 2h}}")
    await applied(vigie, folder, str(folder / "rules.yaml"))
    before = done(await vigie("rules", "explain", "Cabinet Talence", "--at", then.isoformat()))
    after = done(await vigie("rules", "explain", "Cabinet Talence"))
    assert ("after 30m, by defaults" in before, "after 2h, by defaults" in after) == (True, True)
    long_ago = await vigie("rules", "explain", "Cabinet Talence", "--at", "2020-01-01T00:00")
    assert "was not watched then" in refused(long_ago)


async def test_a_campaign_is_set_for_the_provider(house: House, vigie: Vigie, folder: Path) -> None:
    (folder / "rules.yaml").write_text("defaults: {campaign: {practices: 5}}")
    await applied(vigie, folder, str(folder / "rules.yaml"))
    async with house.owner.acquire() as conn:
        provider = await load_policy(conn, PROVIDER)
    assert provider is not None
    assert provider.rules.campaign.practices == 5


async def test_a_provider_moves_in_with_one_command_and_one_version(house: House, vigie: Vigie, folder: Path) -> None:
    """More practices than one statement takes; each has its key, its link and its own watch."""
    many = AT_ONCE + 10
    lines = [f"Cabinet {number},kind=dental,daily every 24h" for number in range(many)]
    spreadsheet = folder / "practices.csv"
    spreadsheet.write_text("name,labels,jobs\n" + "\n".join(lines) + "\n")
    said = await applied(vigie, folder, str(spreadsheet))
    assert f"and {many - MOST_NEW} practices more" in said
    assert await house.owner.fetchval("SELECT count(DISTINCT version) FROM policy") == 1
    for table in ("policy", "practice_key", "status_link", "wake", "job_slug"):
        assert await count(house, table) == many, table
    assert await count(house, "due") == many + 1, "the provider's own"
