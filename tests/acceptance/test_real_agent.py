"""This very machine through the real agent: its own missing patches, and the last run of a real restic repository."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from shutil import which
from typing import Any

import asyncpg
import pytest

from deploy.demo.stack import Stack
from tests.acceptance import debian_packages
from tests.acceptance.conftest import Provider, eventually


@pytest.fixture
def repository(restic: Path, tmp_path: Path) -> Path:
    (tmp_path / "password").write_text("correct horse")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "agenda.txt").write_text("lundi 9 h")
    repository = tmp_path / "repository"
    for arguments in (["init"], ["backup", str(tmp_path / "files")]):
        _restic(restic, repository, tmp_path / "password", *arguments)
    return repository


def _restic(restic: Path, repository: Path, password: Path, *arguments: str) -> None:
    command: list[str | Path] = [restic, "--repo", repository, "--password-file", password, "--no-cache", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def _agent(restic: Path, stack: Stack, key: str, *arguments: str, server: str | None = None) -> int:
    vigie = Path(sys.executable).parent / "vigie"
    path = f"{restic.parent}:{os.environ['PATH']}"
    command: list[str | Path] = [vigie, "agent", "run", "--once", "--server", server or stack.collector_url, *arguments]
    return subprocess.run(command, env={"PATH": path, "VIGIE_AGENT_KEY": key}, check=False).returncode


@pytest.mark.skipif(which("apt-get") is None, reason="no apt here: this machine has no patches to report")
async def test_this_machine_reports_its_patches_and_its_restic_backup(
    provider: Provider, restic: Path, repository: Path, tmp_path: Path
) -> None:
    enrolled = await provider.enrol("This machine")
    await provider.schedule(enrolled, "documents", every=timedelta(days=1), grace=timedelta(hours=1))
    looked = [
        "--state", str(tmp_path / "state"), "--restic-repository", str(repository),
        "--restic-password-file", str(tmp_path / "password"), "--job", "documents",
    ]  # fmt: skip
    key = str(enrolled.key)

    assert _agent(restic, provider.stack, key, *looked, server="http://127.0.0.1:9") == 1, "away: held in the spool"
    assert len(list((tmp_path / "state" / "spool").iterdir())) == 1
    with debian_packages.turn():
        assert _agent(restic, provider.stack, key, *looked) == 0
        missing = _missing_by_apt()
    assert not list((tmp_path / "state" / "spool").iterdir())

    async def job() -> dict[str, object] | None:
        practice = (await provider.read("/v1/practices"))[0]
        return practice if practice["jobs"] and practice["endpoints"] else None

    practice = await eventually(job, "the machine and its job")
    row = await _row(provider, "SELECT state, tool, last_status, bytes_total FROM vigie.job_now")
    assert (row["state"], row["last_status"], row["bytes_total"]) == ("ok", "success", len("lundi 9 h"))
    assert str(row["tool"]).startswith("restic 0.")
    assert practice["oldest_good_at"] is not None
    endpoint = await _row(provider, "SELECT missing_patches, patches_scanned_at FROM vigie.endpoint_now")
    assert endpoint["missing_patches"] == missing, "None without package lists: never 'none missing'"
    kept = await _rows(provider, "SELECT queued, received_at - sent_at AS waited FROM vigie.heartbeat ORDER BY seq")
    assert [row["queued"] for row in kept] == [1, 0], "the spooled one first, with how many waited behind it"
    assert kept[0]["waited"] > kept[1]["waited"], "sent later, with its original sent_at"


def _missing_by_apt() -> int | None:
    """What apt itself says, where it has lists to say it from."""
    if not any(Path("/var/lib/apt/lists").glob("*Release")):
        return None
    plan = subprocess.run(
        ["apt-get", "-s", "dist-upgrade"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True
    ).stdout
    return sum(line.startswith("Inst ") and "[" in line for line in plan.splitlines())


async def _rows(provider: Provider, query: str) -> list[dict[str, Any]]:
    conn = await asyncpg.connect(provider.stack.database_url)
    try:
        return [dict(row) for row in await conn.fetch(query)]
    finally:
        await conn.close()


async def _row(provider: Provider, query: str) -> dict[str, Any]:
    return (await _rows(provider, query))[0]
