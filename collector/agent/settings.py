"""What the agent runs with: the command line over the file over the defaults, read once and checked.

The file is an INI: `[vigie]`, and a `[restic:NAME]` for each backup job. Unknown names are refused, not ignored.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from configparser import Error, RawConfigParser, SectionProxy
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from .ground.contract import JOB_LENGTH, LONGEST_INTERVAL_S, MEDIA, ROLES
from .ground.errors import ConfigurationError
from .looking.endpoint import guessed_role
from .looking.repository import has_password, medium
from .looking.restic import Job
from .options import Options

VIGIE = ("server", "key_file", "state", "interval_s", "look_s", "role")
RESTIC = ("repository", "password_file", "medium", "offline")
INTERVAL_S = 300
LOOK_S = 900  # patches and backups are looked at this often; heartbeats in between are bare
KEY_VARIABLE = "VIGIE_AGENT_KEY"

_RESTIC = "restic:"
_LOOPBACK = re.compile(r"localhost|::1|127(\.\d{1,3}){3}")
# What RFC 6750 (section 2.1) lets stand behind "Bearer"; anything else could forge a header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


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
    file, jobs = _read_file(Path(options.config)) if options.config else ({}, ())
    key_file = options.key_file or file.get("key_file", "")
    return Settings(
        server="" if options.show else _server(options.server or file.get("server", ""), options.insecure_http),
        key_file=Path(key_file) if key_file else None,
        state=Path(options.state or file.get("state", "") or default_state()),
        interval_s=_seconds("interval_s", options.interval_s or file.get("interval_s", ""), INTERVAL_S),
        look_s=_seconds("look_s", file.get("look_s", ""), LOOK_S),
        role=_role(options.role or file.get("role", "")),
        jobs=_with_typed_job(jobs, options),
    )


def read_key(key_file: Path | None) -> str:
    """From a file or the environment, never from a command line that every user can read. Read before each
    sending, so that a renewed key is taken up without a restart."""
    try:
        key = key_file.read_text(encoding="utf-8") if key_file else os.environ.get(KEY_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise ConfigurationError(f"cannot read the key file {key_file}") from unreadable
    if not key.strip():
        raise ConfigurationError(f"no key: give --key-file or {KEY_VARIABLE}")
    if not _TOKEN.fullmatch(key.strip()):
        raise ConfigurationError("the key holds a character that no key has")
    return key.strip()


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
    if not 1 <= seconds <= LONGEST_INTERVAL_S:
        raise ConfigurationError(f"{name} must be a whole number of seconds from 1 to {LONGEST_INTERVAL_S}")
    return seconds


def _role(stated: str) -> str:
    role = stated or guessed_role()
    if role not in ROLES:
        raise ConfigurationError(f"role must be one of {', '.join(ROLES)}")
    return role


def _with_typed_job(jobs: tuple[Job, ...], options: Options) -> tuple[Job, ...]:
    if options.restic_repository:
        if has_password(options.restic_repository):
            raise ConfigurationError("--restic-repository holds a password, which every user could read; use --config")
        jobs = (*jobs, _job(options.job, options.restic_repository, options.restic_password_file))
    if len({job.name for job in jobs}) != len(jobs):
        raise ConfigurationError("two backup jobs have the same name")
    return jobs


def _read_file(path: Path) -> tuple[dict[str, str], tuple[Job, ...]]:
    """The `[vigie]` section and the jobs. Without interpolation: a percent sign in an address is one."""
    parser = RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError, Error) as unreadable:
        raise ConfigurationError(f"cannot read {path}: {str(unreadable).splitlines()[0]}") from unreadable
    jobs = [name for name in parser.sections() if name.startswith(_RESTIC)]
    _refuse_unknown(f"{path}: section", parser.sections(), ["vigie", *jobs])
    vigie = dict(parser["vigie"]) if parser.has_section("vigie") else {}
    _refuse_unknown(f"{path}: [vigie]", vigie, VIGIE)
    return vigie, tuple(_job_of(parser[name]) for name in jobs)


def _job_of(section: SectionProxy) -> Job:
    _refuse_unknown(f"[{section.name}]", section, RESTIC)
    try:
        offline = section.getboolean("offline", fallback=False)
    except ValueError as wrong:
        raise ConfigurationError(f"[{section.name}]: offline must be yes or no") from wrong
    repository, password_file, stated = (section.get(name, "") for name in RESTIC[:3])
    return _job(section.name[len(_RESTIC) :], repository, password_file, stated, offline)


def _job(name: str, repository: str, password_file: str, stated_medium: str = "", offline: bool = False) -> Job:
    """A checked job, from the file or from the command line."""
    if not (name.strip() and len(name) <= JOB_LENGTH and name.isprintable()):
        raise ConfigurationError(f"a job's name needs 1 to {JOB_LENGTH} printable characters")
    if not repository or not password_file:
        raise ConfigurationError(f"job {name}: repository and password_file are both needed")
    if stated_medium and stated_medium not in MEDIA:
        raise ConfigurationError(f"job {name}: medium must be one of {', '.join(MEDIA)}")
    return Job(name.strip(), repository, Path(password_file), stated_medium or medium(repository), offline)


def _refuse_unknown(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ConfigurationError(f"{where} unknown: {', '.join(unknown)}")
