"""What a ping's URL says, as clients of Healthchecks write it: which job, what happened, which run."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl

from collector.model.slug import SLUG

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_EXIT_CODE = re.compile(r"[0-9]{1,10}", re.ASCII)
_HIGHEST_EXIT_CODE = 255
_MOST_FIELDS = 50


class Action(StrEnum):
    SUCCESS = "success"
    START = "start"
    FAIL = "fail"
    LOG = "log"


class NotAPingError(Exception):
    """The message is the answer that clients know."""


@dataclass(frozen=True)
class Ping:
    """`key` is a job's UUID if there is no slug; `exit_code` is that of a run that told one."""

    key: str
    slug: str | None = None
    action: Action = Action.SUCCESS
    exit_code: int | None = None
    run_id: str | None = None
    create: bool = False


def read_ping(path: str, query: str) -> Ping:
    """Raises NotAPingError. `path` is what follows `/ping/`; a slash behind a bare UUID is let pass."""
    key, *steps = path.split("/")
    if _UUID.fullmatch(key):
        slug, steps = None, [] if steps == [""] else steps
    elif not steps:
        raise NotAPingError("invalid uuid format" if not key.startswith("vgs_") else "invalid url format")
    else:
        slug, *steps = steps
        if not SLUG.fullmatch(slug):
            raise NotAPingError("invalid url format")
    action, exit_code = _action(steps)
    run_id, create = _query(query)
    return Ping(key, slug, action, exit_code, run_id, create)


def _action(steps: list[str]) -> tuple[Action, int | None]:
    if not steps:
        return Action.SUCCESS, None
    if len(steps) > 1:
        raise NotAPingError("invalid url format")
    if steps[0] in (Action.START, Action.FAIL, Action.LOG):
        return Action(steps[0]), None
    if not _EXIT_CODE.fullmatch(steps[0]) or int(steps[0]) > _HIGHEST_EXIT_CODE:
        raise NotAPingError("invalid url format")
    exit_code = int(steps[0])
    return Action.FAIL if exit_code else Action.SUCCESS, exit_code


def _query(query: str) -> tuple[str | None, bool]:
    """The run's id and whether to create; of what is said twice the last counts."""
    try:
        said = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise NotAPingError("invalid url format") from None
    run_id = said.get("rid")
    if run_id is not None and not _UUID.fullmatch(run_id.lower()):
        raise NotAPingError("invalid uuid format")
    return run_id.lower() if run_id else None, said.get("create") == "1"
