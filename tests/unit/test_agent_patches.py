"""Missing patches: what apt says, and how old that is. Excerpts are real output of Debian 12 (apt 2.6.1)."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from collector.agent.ground.errors import ToolError
from collector.agent.looking import apt, look
from collector.agent.looking.apt import Upgrade, read_rows, read_simulation
from collector.agent.looking.patches import how_patched, last_installed_at, listed, refreshed_at
from collector.model.heartbeat import Patches

APT_GET = """\
Reading package lists...
Building dependency tree...
Calculating upgrade...
The following packages will be upgraded:
  appstream apt apt-transport-https base-files bash ca-certificates
Inst base-files [12.4+deb12u11] (12.4+deb12u15 Debian:12.15/oldstable [amd64])
Inst libgcrypt20-dev [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst libpam-modules-bin [1.5.2-6+deb12u1] (1.5.2-6+deb12u2 Debian:12.15/oldstable [amd64]) [libpam-modules:amd64 ]
Inst libapt-pkg6.0 [2.6.1] (2.6.2 Debian-Security:12/oldstable-security [amd64])
Inst linux-image-6.1.0-40-amd64 (6.1.153-1 Debian-Security:12/oldstable-security [amd64])
Conf unzip (6.0-28+deb12u1 Debian-Security:12/oldstable-security [amd64])
"""  # noqa: E501 - as apt prints it

NOTHING = "Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"


def test_apt_get_tells_upgrades_and_their_origin() -> None:
    assert read_simulation(APT_GET) == [
        ("base-files", "12.4+deb12u11", "12.4+deb12u15", False),
        ("libgcrypt20-dev", "1.10.1-3", "1.10.1-3+deb12u1", True),
        ("libpam-modules-bin", "1.5.2-6+deb12u1", "1.5.2-6+deb12u2", False),
        ("libapt-pkg6.0", "2.6.1", "2.6.2", True),
    ]


def test_nothing_missing_is_told_apart_from_no_answer() -> None:
    assert read_simulation(NOTHING) == []
    assert read_rows([]) == []
    with pytest.raises(ToolError):
        read_simulation("")
    garbage: tuple[object, ...] = (None, {}, [["bash"]], "[]")
    for rows in garbage:
        with pytest.raises(ToolError):
            read_rows(rows)


def test_python_apt_rows_are_read() -> None:
    rows = [["appstream", "0.16.1-2", "0.16.1-2+b1", False], ["apt", "2.6.1", "2.6.2", True]]
    assert read_rows(rows) == [tuple(row) for row in rows]


def test_security_comes_first_and_is_important() -> None:
    missing = listed([Upgrade("appstream", "1", "2", security=False), Upgrade("bash", "5.1", "5.2", security=True)])
    assert missing == [
        {"id": "bash=5.2", "severity": "important", "released_at": None, "title": "bash 5.1 -> 5.2"},
        {"id": "appstream=2", "severity": "unspecified", "released_at": None, "title": "appstream 1 -> 2"},
    ]


def _machine(root: Path, *releases: str) -> Path:
    """A root with package lists that have just arrived."""
    lists = root / "var/lib/apt/lists"
    (lists / "partial").mkdir(parents=True)
    for name in releases:
        (lists / f"{name}_InRelease").write_text("Origin: Debian\n")
    (root / "var/log").mkdir(parents=True)
    os.utime(lists / "partial")
    return lists


def _touch(path: Path, at: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_dir():
        path.touch()
    os.utime(path, (at, at))


def test_a_scan_without_lists_is_unknown_not_clean(tmp_path: Path) -> None:
    _machine(tmp_path)
    assert refreshed_at(tmp_path) is None
    with pytest.raises(ToolError, match="run apt-get update"):
        how_patched(tmp_path, tmp_path)


def test_a_machine_without_apt_is_passed_over_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert how_patched(tmp_path, tmp_path) is None
    assert capsys.readouterr().err == ""


def test_a_section_that_fails_is_absent_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_state: Path) -> None:
        raise ToolError("no package lists; run apt-get update")

    monkeypatch.setattr("collector.agent.looking.how_patched", fails)
    assert look(tmp_path, ()) == {}
    assert "section left out section=patches why=ToolError('no package lists" in capsys.readouterr().err


def test_the_servers_date_of_a_list_is_not_when_it_came_in(tmp_path: Path) -> None:
    lists = _machine(tmp_path, "deb_bookworm", "deb_bookworm-security")
    for path in lists.glob("*_InRelease"):
        os.utime(path, (1, 1))
    assert refreshed_at(tmp_path) == pytest.approx(time.time(), abs=30)


def test_no_refresh_is_younger_than_the_last_download(tmp_path: Path) -> None:
    """A machine restored from a backup has new ctimes, but the old time of `partial`."""
    lists = _machine(tmp_path, "deb_bookworm-security")
    _touch(lists / "partial", 1_000_000)
    assert refreshed_at(tmp_path) == 1_000_000


def test_a_living_third_party_list_does_not_hide_a_dead_security_list(tmp_path: Path) -> None:
    lists = _machine(tmp_path, "deb_bookworm-security")
    security = (lists / "deb_bookworm-security_InRelease").stat().st_ctime
    time.sleep(0.05)
    (lists / "vendor_InRelease").write_text("Origin: Vendor\n")
    os.utime(lists / "partial")
    assert refreshed_at(tmp_path) == security


def test_a_failed_update_does_not_make_the_scan_fresh(tmp_path: Path) -> None:
    """It touches `partial` and `update-stamp` (apt 2.6.1, tried)."""
    lists = _machine(tmp_path, "deb_bookworm-security")
    before = refreshed_at(tmp_path)
    for path in (lists / "partial", tmp_path / "var/lib/apt/periodic/update-stamp"):
        _touch(path, time.time() + 3_600)
    assert refreshed_at(tmp_path) == before


def test_the_success_stamp_makes_an_unchanged_list_fresh(tmp_path: Path) -> None:
    lists = _machine(tmp_path, "deb_bookworm-security")
    later = time.time() + 3_600
    for path in (lists / "partial", tmp_path / "var/lib/apt/periodic/update-success-stamp"):
        _touch(path, later)
    assert refreshed_at(tmp_path) == pytest.approx(later)


def test_an_installation_is_not_an_upgrade(tmp_path: Path) -> None:
    _machine(tmp_path)
    (tmp_path / "var/log/dpkg.log").write_text(
        "2026-09-22 04:45:39 upgrade bash:amd64 5.2.15-2+b8 5.2.15-2+b13\n"
        "2026-11-21 18:07:52 install restic:amd64 <none> 0.14.0-1+b5\n"
        "2026-11-21 18:07:52 status installed upgrade-reports:amd64 1\n"
    )
    assert last_installed_at(tmp_path) == time.mktime((2026, 9, 22, 4, 45, 39, 0, 0, -1))


def test_an_older_log_is_read_after_rotation(tmp_path: Path) -> None:
    _machine(tmp_path)
    (tmp_path / "var/log/dpkg.log").write_text("")
    (tmp_path / "var/log/dpkg.log.1").write_text("2026-09-22 04:45:39 upgrade bash:amd64 1 2\n")
    assert last_installed_at(tmp_path) is not None


def test_without_any_log_the_package_database_dates_the_last_change(tmp_path: Path) -> None:
    assert last_installed_at(tmp_path) is None
    _touch(tmp_path / "var/lib/dpkg/status", 1_000_000)
    assert last_installed_at(tmp_path) == 1_000_000


def test_a_pending_reboot_is_dated_by_its_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "by_python", list)
    _machine(tmp_path, "deb_bookworm-security")
    before = how_patched(tmp_path, tmp_path)
    _touch(tmp_path / "var/run/reboot-required", 2_000_000)
    after = how_patched(tmp_path, tmp_path)
    assert before is not None
    assert after is not None
    assert before["reboot_required_since"] is None
    assert after["reboot_required_since"] == "1970-01-24T03:33:20.000+00:00"


def test_nothing_is_asked_twice_while_lists_and_packages_stand_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def upgrades() -> list[Upgrade]:
        asked.append(1)
        return [Upgrade("bash", "1", "2", security=True)]

    monkeypatch.setattr(apt, "by_python", upgrades)
    lists = _machine(tmp_path, "deb_bookworm-security")
    first, second = (how_patched(tmp_path, tmp_path) for _ in range(2))
    assert first is not None
    assert (first, len(asked)) == (second, 1)
    os.utime(lists / "deb_bookworm-security_InRelease", (1, 1))
    how_patched(tmp_path, tmp_path)
    assert len(asked) == 2


def _fails() -> list[Upgrade]:
    raise ToolError("broken")


def test_without_python_apt_apt_get_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "by_python", _fails)
    monkeypatch.setattr(apt, "by_apt_get", lambda: [Upgrade("bash", "1", "2", security=True)])
    assert [one.name for one in apt.upgrades()] == ["bash"]


def test_when_neither_tool_answers_nothing_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "by_python", _fails)
    monkeypatch.setattr(apt, "by_apt_get", _fails)
    _machine(tmp_path, "deb_bookworm-security")
    with pytest.raises(ToolError, match="broken; broken"):
        how_patched(tmp_path, tmp_path)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")
def test_this_machine_gives_a_section_of_the_contract_and_both_tools_agree_on_it(looked: Path) -> None:
    try:
        found = how_patched(looked)
    except ToolError as unknown:
        pytest.skip(f"this machine cannot say what it misses: {unknown}")
    section = Patches.model_validate_json(json.dumps(found))
    by_apt_get = {f"{one.name}={one.candidate}" for one in apt.by_apt_get()}
    assert by_apt_get <= {patch.id for patch in section.missing}
