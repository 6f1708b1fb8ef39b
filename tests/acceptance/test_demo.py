"""`make demo FOR=...` as a person runs it: the whole story, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS = 8


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("VIGIE_", "MAKE", "MFLAGS"))}


def test_the_story_happens_within_its_time() -> None:
    told = subprocess.run(
        ["make", "demo", "FOR=90s"], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("✓") == STEPS, told.stdout


def test_a_story_that_cannot_happen_in_time_says_which_step_and_fails() -> None:
    vigie = Path(sys.executable).parent / "vigie"
    told = subprocess.run(
        [vigie, "demo", "--for", "3s"], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "not within 0:00:03" in told.stdout


def test_ctrl_c_stops_all_it_started() -> None:
    demo = subprocess.Popen(
        [Path(sys.executable).parent / "vigie", "demo"], cwd=ROOT, env=_environment(), stdout=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("metrics"):
            break
    started = _descendants(demo.pid)
    assert len(started) >= 6, "database, Redis, receiver, collector, worker, api, agent"
    demo.send_signal(signal.SIGINT)
    assert demo.wait(30) == 0
    demo.stdout.close()
    assert not [pid for pid in started if _alive(pid)]


def _descendants(pid: int) -> list[int]:
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _read(task / "children").split()
    ]
    return children + [deeper for child in children for deeper in _descendants(child)]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    """Within a second: a process that was just reaped may still be listed."""
    for _ in range(10):
        if "State:\tZ" in _read(Path(f"/proc/{pid}/status")) or not Path(f"/proc/{pid}").exists():
            return False
        time.sleep(0.1)
    return True
