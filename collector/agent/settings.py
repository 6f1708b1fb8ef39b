"""What the agent runs with: the command line over the file over the defaults, read once and checked."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from . import config_file
from .endpoint import guessed_role
from .errors import ConfigurationError
from .job import Job
from .options import Options
from .repository import has_password
from .wire import ROLES

INTERVAL_S = 300
LOOK_S = 900  # patches and backups are looked at this often; heartbeats in between are bare
_LONGEST_S = 86_400  # source: the collector's model, `interval_s`
_LOOPBACK = re.compile(r"localhost|::1|127(\.\d{1,3}){3}")


class Settings(NamedTuple):
    """`server` is empty where nothing is sent; seconds where a name says so."""

    server: str
    key_file: Path | None
    state: Path
    interval_s: int
    look_s: int
    role: str
    jobs: tuple[Job, ...]


def read_settings(options: Options) -> Settings:
    """Raises ConfigurationError, saying what to change."""
    file, jobs = config_file.read(Path(options.config)) if options.config else ({}, ())
    key_file = options.key_file or file.get("key_file", "")
    return Settings(
        server="" if options.show else _server(options.server or file.get("server", ""), options.insecure_http),
        key_file=Path(key_file) if key_file else None,
        state=Path(options.state or file.get("state", "") or default_state()),
        interval_s=_seconds("interval_s", options.interval_s or file.get("interval_s", ""), INTERVAL_S),
        look_s=_seconds("look_s", file.get("look_s", ""), LOOK_S),
        role=_role(options.role or file.get("role", "")),
        jobs=_jobs(options, jobs),
    )


def default_state() -> Path:
    """Where such a program keeps its state on this system."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "vigie-agent"
    if os.geteuid() == 0:
        return Path("/var/lib/vigie-agent")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "vigie-agent"


def _server(address: str, insecure_http: bool) -> str:
    """The key goes there: over TLS, or not off this machine."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise ConfigurationError("--server must be an address like https://vigie.example.net")
    if parts.scheme == "http" and not (insecure_http or _LOOPBACK.fullmatch(parts.hostname)):
        raise ConfigurationError("--server over plain http would send the key in clear; --insecure-http allows it")
    try:
        _ = parts.port
    except ValueError as wrong:
        raise ConfigurationError("--server has no valid port") from wrong
    return address.rstrip("/")


def _seconds(name: str, text: str, default: int) -> int:
    try:
        seconds = int(text) if text else default
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= _LONGEST_S:
        raise ConfigurationError(f"{name} must be a whole number of seconds from 1 to {_LONGEST_S}")
    return seconds


def _role(stated: str) -> str:
    role = stated or guessed_role()
    if role not in ROLES:
        raise ConfigurationError(f"role must be one of {', '.join(ROLES)}")
    return role


def _jobs(options: Options, from_file: tuple[Job, ...]) -> tuple[Job, ...]:
    jobs = from_file
    if options.restic_repository:
        if has_password(options.restic_repository):
            raise ConfigurationError("--restic-repository holds a password, which every user could read; use --config")
        jobs = (*jobs, config_file.job(options.job, options.restic_repository, options.restic_password_file))
    names = [job.name for job in jobs]
    if len(names) != len(set(names)):
        raise ConfigurationError("two backup jobs have the same name")
    return jobs
