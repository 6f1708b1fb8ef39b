"""Missing patches: what apt says, and how old that is. Excerpts are real output of Debian 12 (apt 2.6.1)."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from collector.agent import apt_get, apt_python, patches
from collector.agent.apt_files import last_installed_at, reboot_required_since, refreshed_at
from collector.agent.errors import ToolError
from collector.agent.patches import Upgrade, listed
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
    assert apt_get.parse(APT_GET) == [
        ("base-files", "12.4+deb12u11", "12.4+deb12u15", False),
        ("libgcrypt20-dev", "1.10.1-3", "1.10.1-3+deb12u1", True),
        ("libpam-modules-bin", "1.5.2-6+deb12u1", "1.5.2-6+deb12u2", False),
        ("libapt-pkg6.0", "2.6.1", "2.6.2", True),
    ]


def test_nothing_missing_is_told_apart_from_no_answer() -> None:
    assert apt_get.parse(NOTHING) == []
    assert apt_python.parse(b"[]") == []
    with pytest.raises(ToolError):
        apt_get.parse("")
    for garbage in (b"", b"{}", b'[["bash"]]', b"Traceback"):
        with pytest.raises(ToolError):
            apt_python.parse(garbage)


def test_python_apt_rows_are_read() -> None:
    rows = [["appstream", "0.16.1-2", "0.16.1-2+b1", False], ["apt", "2.6.1", "2.6.2", True]]
    assert apt_python.parse(json.dumps(rows).encode()) == [tuple(row) for row in rows]


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


def test_a_scan_without_lists_is_unknown_not_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _machine(tmp_path)
    assert refreshed_at(tmp_path) is None
    assert patches.patches(tmp_path, tmp_path) is None
    assert "run apt-get update" in capsys.readouterr().err


def test_a_machine_without_apt_is_passed_over_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert patches.patches(tmp_path, tmp_path) is None
    assert capsys.readouterr().err == ""


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


def test_a_pending_reboot_is_dated_by_its_flag(tmp_path: Path) -> None:
    assert reboot_required_since(tmp_path) is None
    _touch(tmp_path / "var/run/reboot-required", 2_000_000)
    assert reboot_required_since(tmp_path) == 2_000_000


def test_nothing_is_asked_twice_while_lists_and_packages_stand_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def upgrades() -> list[tuple[str, str, str, bool]]:
        asked.append(1)
        return [("bash", "1", "2", True)]

    monkeypatch.setattr(apt_python, "upgrades", upgrades)
    lists = _machine(tmp_path, "deb_bookworm-security")
    first, second = (patches.patches(tmp_path, tmp_path) for _ in range(2))
    assert first is not None
    assert (first, len(asked)) == (second, 1)
    os.utime(lists / "deb_bookworm-security_InRelease", (1, 1))
    patches.patches(tmp_path, tmp_path)
    assert len(asked) == 2


def test_when_neither_tool_answers_the_section_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[tuple[str, str, str, bool]]:
        raise ToolError("broken")

    monkeypatch.setattr(apt_python, "upgrades", fails)
    monkeypatch.setattr(apt_get, "upgrades", fails)
    _machine(tmp_path, "deb_bookworm-security")
    assert patches.patches(tmp_path, tmp_path) is None


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")
def test_this_machine_gives_a_section_of_the_contract(tmp_path: Path) -> None:
    found = patches.patches(tmp_path)
    if found is None:
        pytest.skip("no package lists here: run apt-get update")
    Patches.model_validate_json(json.dumps(found))


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")
def test_both_tools_agree_on_this_machine() -> None:
    try:
        by_python = {row[0]: row[2] for row in apt_python.upgrades()}
    except ToolError as missing:
        pytest.skip(f"no python3-apt here: {missing}")
    by_apt_get = {row[0]: row[2] for row in apt_get.upgrades()}
    assert by_apt_get.items() <= by_python.items()
