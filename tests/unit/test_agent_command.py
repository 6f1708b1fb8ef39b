"""From the command line and the file to an exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from collector.agent import command, main, settings, watch
from collector.agent.ground.clock import now
from collector.agent.ground.contract import LARGEST, Heartbeat, Sections
from collector.agent.ground.errors import ConfigurationError
from collector.agent.ground.fields import encode
from collector.agent.ground.identity import endpoint_id, only_agent
from collector.agent.heartbeat import compose
from collector.agent.looking.restic import Job
from collector.agent.options import parse
from collector.agent.sending.spool import Spool
from collector.agent.settings import Settings, read_settings
from collector.model.heartbeat import Heartbeat as Contract
from tests.unit.test_agent_transport import Collector, always, listening, refuses, stores_all

HERE = ["run", "--server", "https://vigie.example.net"]


@pytest.fixture(autouse=True)
def _looks_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_state: Path, _jobs: tuple[Job, ...]) -> Sections:
        return {}

    for module in (watch, command):
        monkeypatch.setattr(module, "look", nothing)
    monkeypatch.setenv("VIGIE_AGENT_KEY", "k3y")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening() as made:
        yield made


def _once(collector: Collector, state: Path, *more: str) -> int:
    return main(["run", "--once", "--server", collector.url, "--state", str(state), *more])


def test_once_sends_and_exits_with_zero(collector: Collector, tmp_path: Path) -> None:
    assert [_once(collector, tmp_path / "new") for _ in range(2)] == [0, 0]
    assert collector.stored == [1, 2]
    assert len({items[0]["endpoint"]["id"] for items in collector.requests}) == 1
    for items in collector.requests:
        Contract.model_validate_json(json.dumps(items[0]))


@pytest.mark.parametrize(("status", "code"), [(503, 1), (429, 1), (401, 2), (403, 2), (404, 2)])
def test_once_tells_held_from_misconfigured(collector: Collector, tmp_path: Path, status: int, code: int) -> None:
    collector.reply = always(status)
    assert _once(collector, tmp_path) == code
    collector.reply = stores_all
    assert _once(collector, tmp_path) == 0
    assert collector.stored == [1, 2]


def test_what_is_refused_for_good_does_not_hold_the_next(collector: Collector, tmp_path: Path) -> None:
    collector.reply = refuses(1)
    assert [_once(collector, tmp_path) for _ in range(2)] == [0, 0]


def test_a_full_disk_is_not_sent(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_spool: Spool, _heartbeat: Heartbeat) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", full)
    assert _once(collector, tmp_path) == 1
    assert "No space left" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["", "two words", "line\nInjected: yes", "clé"])
def test_without_a_sound_key_nothing_is_written(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("VIGIE_AGENT_KEY", key)
    assert _once(collector, tmp_path) == 2
    assert not (tmp_path / "spool").exists()


def test_the_key_file_goes_before_the_environment(collector: Collector, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    assert _once(collector, tmp_path / "state", "--key-file", str(tmp_path / "key")) == 0
    assert collector.headers[0]["Authorization"] == "Bearer from-file"
    assert _once(collector, tmp_path / "state", "--key-file", str(tmp_path / "none")) == 2


def test_a_second_agent_says_so_and_exits(
    collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with only_agent(tmp_path):
        assert _once(collector, tmp_path) == 2
    assert "another agent runs" in capsys.readouterr().err


def test_print_shows_a_valid_heartbeat_and_uses_nothing_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_agent(tmp_path):
        assert main(["run", "--print", "--state", str(tmp_path)]) == 0
    Contract.model_validate_json(capsys.readouterr().out)
    assert (tmp_path / "seq").read_text() == "0\n"
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ("https://vigie.example.net/base/", True),
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000", True),
        ("http://[::1]:8000", True),
        ("http://vigie.example.net", False),
        ("http://127.0.0.1.example.net", False),
        ("http://localhost.example.net", False),
        ("https://user:pw@vigie.example.net", False),
        ("https://vigie.example.net:port", False),
        ("vigie.example.net", False),
        ("", False),
    ],
)
def test_the_key_travels_over_tls_or_not_at_all(server: str, allowed: bool) -> None:
    options = parse(["run", "--server", server])
    if allowed:
        assert read_settings(options).server == server.rstrip("/")
        return
    with pytest.raises(ConfigurationError, match="--server"):
        read_settings(options)


def test_plain_http_elsewhere_is_allowed_only_when_said() -> None:
    options = parse(["run", "--server", "http://10.0.0.1", "--insecure-http"])
    assert read_settings(options).server == "http://10.0.0.1"


def test_the_file_is_read_and_the_command_line_goes_before_it(tmp_path: Path) -> None:
    file = tmp_path / "agent.ini"
    file.write_text("""\
[vigie]
server = https://vigie.example.net
state = /var/lib/elsewhere
interval_s = 60
role = nas
[restic:dental database]
repository = sftp:nas:/backup/100%
password_file = /etc/restic.password
[restic:x-rays]
repository = /media/disk
password_file = /etc/restic.password
medium = usb
offline = yes
""")
    read = read_settings(parse(["run", "--config", str(file), "--role", "imaging"]))
    password = Path("/etc/restic.password")
    assert read == Settings(
        "https://vigie.example.net",
        None,
        Path("/var/lib/elsewhere"),
        60,
        settings.LOOK_S,
        "imaging",
        (
            Job("dental database", "sftp:nas:/backup/100%", password, "nas"),
            Job("x-rays", "/media/disk", password, "usb", offline=True),
        ),
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[vigie]\nserver_url = x\n", "server_url"),
        ("[borg:x]\n", "borg:x"),
        ("[vigie]\nrole = printer\n", "role"),
        ("[vigie]\ninterval_s = 0\n", "interval_s"),
        ("[vigie]\ninterval_s = 86401\n", "interval_s"),
        ("[restic:x]\nrepository = /r\n", "password_file"),
        ("[restic: ]\nrepository = /r\npassword_file = /p\n", "name"),
        ("[restic:x]\nrepository = /r\npassword_file = /p\nmedium = cd\n", "medium"),
        ("[restic:x]\nrepository = /r\npassword_file = /p\noffline = maybe\n", "offline"),
        ("no section\n", "cannot read"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "agent.ini"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=complaint):
        read_settings(parse([*HERE, "--config", str(file)]))


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--config", "/nowhere.ini"], "cannot read"),
        (["--restic-repository", "/r"], "password_file"),
        (["--restic-repository", "rest:https://u:p@h/", "--restic-password-file", "/p"], "every user could read"),
    ],
)
def test_a_wrong_command_line_is_refused(more: list[str], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_settings(parse([*HERE, *more]))


def test_the_help_names_every_setting_of_the_file_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", "--help"])
    text = capsys.readouterr().out
    for name in (*settings.VIGIE, *settings.RESTIC):
        assert f"  {name} = " in text
    assert f"(default: {settings.INTERVAL_S})" in text


def test_thousands_of_missing_patches_fit_the_contract_security_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sections: Sections = {
        "patches": {
            "scanned_at": "2026-11-21T18:00:00Z",
            "missing": [
                {"id": f"package{n}=1.{n}", "severity": "important", "released_at": None, "title": "x" * 60}
                for n in range(4_000)
            ],
            "last_installed_at": None,
            "reboot_required_since": None,
        }
    }
    read = read_settings(parse([*HERE, "--state", str(tmp_path)]))
    made = compose(read, endpoint_id(tmp_path), 1, now(), sections)
    assert len(encode(made)) <= LARGEST
    assert made["patches"]["missing"][0]["id"] == "package0=1.0"
    assert len(made["patches"]["missing"]) > 2_000
    assert "patches shortened" in capsys.readouterr().err
    Contract.model_validate_json(encode(made))


@pytest.mark.parametrize(("sign", "beats"), [(signal.SIGTERM, 2), (signal.SIGINT, 1)])
def test_for_ever_beats_each_interval_until_it_is_told_to_stop(
    collector: Collector, looked: Path, tmp_path: Path, sign: signal.Signals, beats: int
) -> None:
    copytree(looked, tmp_path, dirs_exist_ok=True)
    argv = [sys.executable, "-m", "collector.agent", "run", "--server", collector.url, "--interval-s", "1"]
    with subprocess.Popen([*argv, "--state", str(tmp_path)], stderr=subprocess.PIPE, env=dict(os.environ)) as agent:
        deadline = time.monotonic() + 60
        while len(collector.stored) < beats and time.monotonic() < deadline:
            time.sleep(0.05)
        agent.send_signal(sign)
        _, said = agent.communicate(timeout=30)
    assert agent.returncode == 0
    assert said.endswith(b"vigie-agent: stopped\n")
    assert collector.stored[:beats] == list(range(1, beats + 1))
