"""restic's last run as the contract says it. Snapshots are real output of 0.14.0; 0.18's summary is that of
its own `backup --json`, in the shape that it stores."""

import json
import os
import subprocess
from pathlib import Path
from shutil import copytree

import pytest

from collector.agent.ground.contract import Backup, Size
from collector.agent.ground.errors import ToolError
from collector.agent.looking import restic as looking
from collector.agent.looking.repository import has_password, location, medium, redact
from collector.agent.looking.restic import Job, last_runs, read_snapshots, run_of, size_in_summary
from collector.model.heartbeat import Backup as Contract

OLD = b"""[
{"time":"2026-11-21T18:19:48.950347044+01:00","parent":"f76c95979e03","tree":"8d973a51","paths":["/srv/bm/src"],
 "hostname":"vm","username":"root","id":"10eec73bc247caa56f376dd64b1336d81ac0108de4ea3a0311757c44e5a8c4e4"},
{"time":"2026-11-21T17:19:48.300232065Z","tree":"8d973a51","paths":["/srv/bm/src"],
 "hostname":"vm","username":"root","id":"f76c95979e03278c8d282b666b9964a936a203bde429970d252df0df13255091"}]"""
NEW = b"""[
{"time":"2026-11-21T17:20:38.260691677Z","tree":"8d973a51","paths":["/src"],"hostname":"vm","username":"root",
 "program_version":"restic 0.18.0","summary":{"backup_start":"2026-11-21T17:20:38.260691677Z",
 "backup_end":"2026-11-21T17:20:39.117276574Z","files_new":2,"files_changed":1,"files_unmodified":0,"dirs_new":1,
 "dirs_changed":0,"dirs_unmodified":0,"data_blobs":2,"tree_blobs":2,"data_added":201059,"data_added_packed":200828,
 "total_files_processed":3,"total_bytes_processed":200006},
 "id":"960c2a96be94a2c3b7d9be03c5535acff6a3d9f585a2fff0843d264df704f605","short_id":"960c2a96"}]"""
JOB = Job("imaging", "/srv/repo", Path("/etc/pw"), "local")
UNKNOWN: Size = {"bytes_total": None, "files_total": None, "bytes_added": None, "files_changed": None}


def test_a_snapshot_without_summary_ends_where_it_began_and_has_no_length() -> None:
    run = run_of(JOB, read_snapshots(OLD), "restic 0.14.0", {**UNKNOWN, "bytes_total": 400012, "files_total": 6})
    assert run["started_at"] is None
    assert run["finished_at"] == "2026-11-21T18:19:48.950+01:00"
    assert (run["bytes_total"], run["files_total"], run["bytes_added"]) == (400012, 6, None)
    Contract.model_validate_json(json.dumps(run))


def test_the_newest_is_told_by_instant_not_by_text_or_order() -> None:
    assert read_snapshots(OLD)[-1].id.startswith("10eec73b")
    east = OLD.replace(b"2026-11-21T18:19:48.950347044+01:00", b"2026-11-21T18:19:48+02:00")
    assert read_snapshots(east)[-1].id.startswith("f76c9597")


def test_a_summary_gives_start_end_and_figures() -> None:
    (last,) = snapshots = read_snapshots(NEW)
    size = size_in_summary(last.summary)
    assert size == {"bytes_total": 200006, "files_total": 3, "bytes_added": 201059, "files_changed": 3}
    run = run_of(JOB, snapshots, last.program, size)
    assert run["tool"] == "restic 0.18.0"
    assert run["started_at"] == "2026-11-21T17:20:38.260+00:00"
    assert run["finished_at"] == "2026-11-21T17:20:39.117+00:00"
    Contract.model_validate_json(json.dumps(run))


def test_restore_points_span_the_snapshots() -> None:
    points = run_of(JOB, read_snapshots(OLD), "restic", UNKNOWN)["restore_points"]
    assert points["count"] == 2
    assert points["oldest_at"].startswith("2026-11-21T17:19:48.300")
    assert points["newest_at"].startswith("2026-11-21T18:19:48.950")


@pytest.mark.parametrize(
    ("repository", "expected_medium", "shown"),
    [
        ("/srv/repo", "local", "/srv/repo"),
        (r"D:\backup#1", "local", r"D:\backup#1"),
        ("sftp:backup@nas:/srv/repo", "nas", "sftp:nas:/srv/repo"),
        ("sftp://backup:geheim@nas:2222//srv/repo", "nas", "sftp://nas:2222//srv/repo"),
        ("rest:https://dentist:geheim@host:8000/x/", "cloud", "rest:https://host:8000/x/"),
        ("rest:https://dentist:geh@im@host/x", "cloud", "rest:https://host/x"),
        ("s3:https://AKIA:geheim@s3.example.net/b", "cloud", "s3:https://s3.example.net/b"),
        ("s3:https://s3.example.net/b?token=geheim", "cloud", "s3:https://s3.example.net/b"),
        ("b2:bucket:path", "cloud", "b2:bucket:path"),
        ("rclone:remote:path", "cloud", "rclone:remote:path"),
        ("rclone::s3,secret_access_key=geheim:bucket", "cloud", "rclone::s3"),
    ],
)
def test_an_address_is_shown_without_credentials(repository: str, expected_medium: str, shown: str) -> None:
    assert (medium(repository), location(repository)) == (expected_medium, shown)
    assert has_password(repository) == ("geh" in repository)


def test_a_complaint_is_shown_without_credentials() -> None:
    repository = "rest:https://dentist:geheim@host/x"
    complaint = f"Fatal: {repository}: Get https://dentist:geheim@host/x/config: password geheim is wrong"
    assert "geheim" not in redact(complaint, repository)


def test_a_job_that_cannot_be_read_is_left_out_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def last_run(job: Job, state: Path) -> Backup:
        if job.name == "bad":
            raise ToolError("Fatal: wrong password or no key found")
        return run_of(job, read_snapshots(NEW), "restic", UNKNOWN)

    monkeypatch.setattr(looking, "_last_run", last_run)
    bad = JOB._replace(name="bad")
    assert [run["job"] for run in last_runs((bad, JOB), tmp_path)] == ["imaging"]
    assert capsys.readouterr().err.splitlines() == [
        "vigie-agent: backup job left out job=bad why=Fatal: wrong password or no key found"
    ]
    assert last_runs((bad,), tmp_path) == []


def test_without_restic_no_job_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert last_runs((JOB,), tmp_path) == []
    assert "No such file" in capsys.readouterr().err


def _fake_restic(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "restic").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "restic").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_hanging_repository_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_restic(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(looking, "_SNAPSHOTS_TIMEOUT_S", 0.2)
    assert last_runs((JOB,), tmp_path) == []
    assert "no answer within 0.2 s" in capsys.readouterr().err


def test_neither_key_nor_password_reaches_a_command_line_or_a_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_AGENT_KEY", "topsecret")
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "echo no")
    _fake_restic(tmp_path, monkeypatch, f'echo "$@" >> {tmp_path}/argv; env > {tmp_path}/env; exit 1')
    last_runs((JOB._replace(repository="rest:https://u:geheim@host/"),), tmp_path)
    assert "geheim" not in (tmp_path / "argv").read_text()
    env = (tmp_path / "env").read_text()
    assert "topsecret" not in env
    assert "RESTIC_PASSWORD_COMMAND" not in env
    assert "RESTIC_REPOSITORY=rest:https://u:geheim@host/" in env


def test_the_size_of_a_snapshot_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "snapshots").write_bytes(OLD)
    script = f"""echo "$1" >> {tmp_path}/asked
case $1 in
snapshots) cat {tmp_path}/snapshots;;
stats) echo '{{"total_size":400012,"total_file_count":6,"snapshots_count":1}}';;
version) echo restic 0.14.0 compiled with go1.19.8 on linux/amd64;;
esac"""
    _fake_restic(tmp_path, monkeypatch, script)
    runs = [last_runs((JOB,), tmp_path)[0] for _ in range(2)]
    assert [(run["tool"], run["bytes_total"]) for run in runs] == [("restic 0.14.0", 400012)] * 2
    assert (tmp_path / "asked").read_text().split().count("stats") == 1


@pytest.mark.parametrize("answer", ["", "{}", "null", "Fatal", '[{"id": "x"}]', '[{"time": "2026-11-21T17:19:48Z"}]'])
def test_an_unreadable_answer_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    _fake_restic(tmp_path, monkeypatch, f"echo '{answer}'")
    assert last_runs((JOB,), tmp_path) == []


def test_a_run_whose_size_cannot_be_found_out_is_still_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "snapshots").write_bytes(OLD)
    _fake_restic(tmp_path, monkeypatch, f"case $1 in stats) exit 1;; *) cat {tmp_path}/snapshots;; esac")
    (run,) = last_runs((JOB,), tmp_path)
    assert run["bytes_total"] is None
    assert "backup size unknown" in capsys.readouterr().err


def test_real_repositories_are_read_and_those_that_cannot_be_are_left_out(
    restic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{restic.parent}:{os.environ['PATH']}")
    good, empty = _real(tmp_path)
    (tmp_path / "wrong").write_text("wrong\n")
    wrong = good._replace(name="wrong", password_file=tmp_path / "wrong")
    missing = good._replace(name="missing", repository=str(tmp_path / "nowhere"))
    (run,) = last_runs((wrong, missing, empty, good), tmp_path)
    Contract.model_validate_json(json.dumps(run))
    assert (run["job"], run["bytes_total"], run["restore_points"]["count"]) == ("good", 200_000, 1)
    assert run["tool"].startswith("restic 0.")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "no snapshots" in lines[2]


def _real(folder: Path) -> tuple[Job, Job]:
    """A repository with one snapshot, and the same before it had any: making a key takes restic seconds."""
    (folder / "password").write_text("right\n")
    (folder / "x-ray").write_bytes(os.urandom(200_000))
    good, empty = (Job(name, str(folder / name), folder / "password", "local") for name in ("good", "empty"))
    _restic(good, "init")
    copytree(good.repository, empty.repository)
    _restic(good, "backup", str(folder / "x-ray"))
    return good, empty


def _restic(job: Job, *argv: str) -> None:
    where = ["--repo", job.repository, "--password-file", str(job.password_file)]
    subprocess.run(["restic", *where, *argv], check=True, capture_output=True)
