"""The INI file: `[vigie]`, and a `[restic:NAME]` for each backup job. Unknown names are refused, not ignored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigurationError
from .job import Job
from .repository import medium
from .wire import JOB_LENGTH, MEDIA

if TYPE_CHECKING:
    from configparser import RawConfigParser, SectionProxy

VIGIE = ("server", "key_file", "state", "interval_s", "look_s", "role")
RESTIC = ("repository", "password_file", "medium", "offline")
_RESTIC = "restic:"


def read(path: Path) -> tuple[dict[str, str], tuple[Job, ...]]:
    """The `[vigie]` section and the jobs."""
    parser = _parse(path)
    known = [name for name in parser.sections() if name == "vigie" or name.startswith(_RESTIC)]
    _refuse_unknown(f"{path}: section", parser.sections(), known)
    jobs = tuple(_job(name[len(_RESTIC) :], parser[name]) for name in known if name != "vigie")
    vigie = dict(parser["vigie"]) if parser.has_section("vigie") else {}
    _refuse_unknown(f"{path}: [vigie]", list(vigie), VIGIE)
    return vigie, jobs


def _parse(path: Path) -> RawConfigParser:
    """Without interpolation: a percent sign in an address is one."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError, Error) as unreadable:
        raise ConfigurationError(f"cannot read {path}: {str(unreadable).splitlines()[0]}") from unreadable
    return parser


def _job(name: str, section: SectionProxy) -> Job:
    _refuse_unknown(f"[{section.name}]", list(section), RESTIC)
    try:
        offline = section.getboolean("offline", fallback=False)
    except ValueError as wrong:
        raise ConfigurationError(f"[{section.name}]: offline must be yes or no") from wrong
    return job(
        name, section.get("repository", ""), section.get("password_file", ""), section.get("medium", ""), offline
    )


def job(name: str, repository: str, password_file: str, stated_medium: str = "", offline: bool = False) -> Job:
    """A checked job, from the file or from the command line."""
    if not (name.strip() and len(name) <= JOB_LENGTH and name.isprintable()):
        raise ConfigurationError(f"a job's name needs 1 to {JOB_LENGTH} printable characters")
    if not repository or not password_file:
        raise ConfigurationError(f"job {name}: repository and password_file are both needed")
    if stated_medium and stated_medium not in MEDIA:
        raise ConfigurationError(f"job {name}: medium must be one of {', '.join(MEDIA)}")
    return Job(name.strip(), repository, Path(password_file), stated_medium or medium(repository), offline)


def _refuse_unknown(where: str, names: list[str], known: tuple[str, ...] | list[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ConfigurationError(f"{where} unknown: {', '.join(unknown)}")
