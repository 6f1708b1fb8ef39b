"""What ships: one file, which runs with any Python from 3.9 and brings nothing but the standard library."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from collector.agent.build import build_zipapp
from collector.model.heartbeat import Heartbeat
from tests.unit.test_agent_transport import listening

AGENT = Path(__file__).parents[2] / "collector/agent"
SOURCES = sorted(AGENT.rglob("*.py"))
MEMORY = 30 * 1024  # KiB; source: DESIGN, "Speed and size"


def _pythons() -> list[str]:
    """This one, and the oldest that practices have where pyenv brought it."""
    return [sys.executable, *map(str, sorted(Path.home().glob(".pyenv/versions/3.9*/bin/python3.9")))]


@pytest.mark.parametrize("python", _pythons())
def test_the_zipapp_runs_and_sends(looked: Path, tmp_path: Path, python: str) -> None:
    copytree(looked, tmp_path / "state")
    packed = build_zipapp(tmp_path / "vigie-agent.pyz")
    env = {"VIGIE_AGENT_KEY": "k3y", "PATH": os.environ["PATH"]}
    with listening() as collector:
        argv = [python, "-I", "-W", "error", str(packed), "run", "--once", "--server", collector.url]
        done = subprocess.run([*argv, "--state", str(tmp_path / "state")], env=env, capture_output=True, check=False)
    assert (done.returncode, collector.stored) == (0, [1]), done.stderr.decode()
    Heartbeat.model_validate_json(json.dumps(collector.requests[0][0]))


def test_the_zipapp_is_executable_keeps_exit_codes_and_leaves_its_builder_at_home(tmp_path: Path) -> None:
    packed = build_zipapp(tmp_path / "build" / "vigie-agent.pyz")
    done = subprocess.run([packed, "run", "--once"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"--server must be" in done.stderr
    assert b"build.py" not in packed.read_bytes()


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (build_zipapp(tmp_path / name) for name in ("a.pyz", "b.pyz"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(AGENT)))
def test_it_imports_the_standard_library_and_itself_only_in_the_syntax_of_3_9(source: Path) -> None:
    tree = ast.parse(source.read_text(), feature_version=(3, 9))
    own = len(source.relative_to(AGENT).parts)  # more dots would lead out of the agent
    for node in ast.walk(tree):
        assert getattr(node, "level", 0) <= own
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= sys.stdlib_module_names
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names


# ru_maxrss would be our own: it survives exec. VmHWM is of the new program.
LONG_QUEUE = """
import json, ssl, sys
from pathlib import Path
from shutil import copytree
from collector.agent.settings import Settings
from collector.agent.sending.spool import Spool
from collector.agent.watch import send
ssl.create_default_context()
here = Path(sys.argv[2])
spool = Spool(here)
row = {"id": "x" * 40, "severity": "important", "released_at": None, "title": "y" * 60}
for seq in range(1, 1_101):
    beat = {"id": str(seq), "seq": seq, "queued": 0, "sent_at": "x", "patches": {"missing": [row] * 50}}
    (here / "spool" / f"{seq:016d}.json").write_text(json.dumps(beat))
print(send(Settings(sys.argv[1], None, here, 300, 900, "server", ()), spool).end.value)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_stays_small_while_it_sends_a_long_queue(tmp_path: Path) -> None:
    """Over a thousand rich heartbeats, with TLS loaded as in earnest."""
    with listening() as collector:
        env = {**os.environ, "VIGIE_AGENT_KEY": "k3y"}
        argv = [sys.executable, "-c", LONG_QUEUE, collector.url, str(tmp_path)]
        said = subprocess.run(argv, env=env, capture_output=True, check=True).stdout.split()
    assert (said[0], len(collector.stored)) == (b"settled", 1_100)
    assert int(said[1]) < MEMORY
