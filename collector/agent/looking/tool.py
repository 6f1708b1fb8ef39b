"""Running the system's own tools: in C locale, with a time limit, without our secrets."""

from __future__ import annotations

import os
import subprocess

from ..ground.errors import ToolError

_NOT_FOR_CHILDREN = ("VIGIE_AGENT_KEY",)
_LINE = 2_000  # characters of a tool's complaint; cut shorter only after it is redacted


def environment(**more: str) -> dict[str, str]:
    """Ours, less our key, in a language that parsers know."""
    ours = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
    return {**ours, "LC_ALL": "C", "LANGUAGE": "C", **more}


def ask(argv: list[str], env: dict[str, str], timeout_s: float) -> bytes:
    """What the tool prints. Raises ToolError with its first complaint when it fails, hangs or is missing."""
    try:
        done = subprocess.run(
            argv, env=env, timeout=timeout_s, capture_output=True, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise ToolError(f"no answer within {timeout_s:g} s") from late
    except OSError as missing:
        raise ToolError(f"{argv[0]}: {missing.strerror}") from missing
    if done.returncode != 0:
        raise ToolError(_complaint(done.stderr) or f"exit code {done.returncode}")
    return done.stdout


def _complaint(stderr: bytes) -> str:
    """The line that says why: the first fatal one, else the last."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("Fatal", "E:"))]
    return (fatal or lines[-1:] or [""])[0][:_LINE]
