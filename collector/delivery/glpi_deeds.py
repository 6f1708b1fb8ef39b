"""What people did to our tickets in GLPI, and its numbers for how a ticket stands."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

from collector.delivery.answers import RefusedError
from collector.delivery.glpi_rest import CHANGED, STATUS, Actor, Criterion, Followup, LogLine, Rest, Row
from collector.delivery.polling import Look, Read, happening
from collector.delivery.tickets import GoneError
from collector.model.happening import Deed
from collector.store.ticket_remotes import Polled

# How a ticket stands; source: GLPI's CommonITILObject.
IN_WORK, SOLVED, CLOSED = 2, 5, 6
OVER = frozenset({SOLVED, CLOSED})
ASSIGNED = 2  # an actor's part; 1 is the requester's, 3 an observer's; source: GLPI's CommonITILActor

# GLPI dates a change by when its request began, and commits it when that ends.
OVERLAP = timedelta(seconds=30)
# Tickets that are read in one look, three requests each, which a slow GLPI answers within LONGEST_LOOK; the others are
# read in the next.
MOST_READ = 200
DATE = "%Y-%m-%d %H:%M:%S"  # in a zone that GLPI does not tell: only ever compared with its own

# "glpi (27)" in the documentation of its log ("get sub items"); the form is translated, and some languages have other
# brackets or no space. Whoever acts as another is named last.
_PERSON = re.compile(r"^(?P<name>.*?)\s*[(（](?P<user>\d+)[)）]$")


@dataclass(frozen=True)
class Seen:
    """How far a ticket has been read: the highest numbers of what belongs to it, and when it had changed last."""

    followup: int = 0
    actor: int = 0
    log: int = 0
    changed: str = ""

    @classmethod
    def parsed(cls, written: str) -> "Seen":
        followup, actor, log, changed = written.split("/")
        return cls(int(followup), int(actor), int(log), changed)

    def __str__(self) -> str:
        return f"{self.followup}/{self.actor}/{self.log}/{self.changed}"


async def look(rest: Rest, watched: Sequence[Polled], cursor: str | None) -> Look:
    """What people did to tickets that changed since an instant of GLPI's, the cursor.

    Those that are new to us are read whatever they changed: they were made before we knew what they are called.
    """
    rows = await _changed(rest, cursor)
    ours = {int(one.remote_id): one for one in watched}
    touched = [row for row in rows if row.id in ours and _is_fresh(row, ours[row.id], cursor)]
    now_read = touched[:MOST_READ]
    new_ones = [one for one in watched if one.seen is None and int(one.remote_id) not in {row.id for row in touched}]
    read = [await _read_if_there(rest, ours[row.id], row.changed or "") for row in now_read]
    read += [await _read_if_there(rest, one, "") for one in new_ones[: MOST_READ - len(now_read)]]
    last = now_read if len(now_read) < len(touched) else rows
    return Look([one for one in read if one.seen != one.ticket.seen], (last[-1].changed if last else None) or cursor)


async def _changed(rest: Rest, cursor: str | None) -> Sequence[Row]:
    """In the order in which they changed; at the very first look only the last one, from which the next goes on."""
    if not cursor:
        return await rest.search([], by=CHANGED, newest=True, limit=1)
    since = datetime.strptime(cursor, DATE) - OVERLAP  # noqa: DTZ007 - in GLPI's own zone, as it came
    return await rest.search([Criterion(CHANGED, "morethan", since.strftime(DATE))], by=CHANGED)


def _is_fresh(row: Row, ticket: Polled, cursor: str | None) -> bool:
    """Within the overlap most have been read as they are; what changed at the very last may have changed again."""
    return ticket.seen is None or Seen.parsed(ticket.seen).changed != row.changed or row.changed == cursor


async def _read_if_there(rest: Rest, ticket: Polled, changed: str) -> Read:
    """One that was deleted, or moved out of our sight, must not keep the others from being read.

    Where the ticket is there and its history is not, we lack a right: that is for people to mend.
    """
    try:
        return await _read(rest, ticket, changed)
    except RefusedError as error:
        if error.of_this_alone and not await _is_there(rest, ticket):
            return Read(ticket, (), ticket.seen or str(Seen()))
        raise


async def _is_there(rest: Rest, ticket: Polled) -> bool:
    try:
        await rest.status(int(ticket.remote_id))
    except GoneError:
        return False
    except RefusedError as error:
        if error.of_this_alone:
            return False
        raise
    return True


async def _read(rest: Rest, ticket: Polled, changed: str) -> Read:
    number = int(ticket.remote_id)
    before = Seen.parsed(ticket.seen) if ticket.seen else Seen()
    every = await asyncio.gather(rest.followups(number), rest.actors(number))
    # Last: whoever was given the ticket by then stands in it.
    log = sorted(await rest.log(number), key=lambda line: line.id)
    followups = sorted((one for one in every[0] if one.id > before.followup), key=lambda one: one.id)
    actors = sorted((one for one in every[1] if one.id > before.actor), key=lambda one: one.id)
    us, names = await rest.who_we_are(), _names(log)
    now = datetime.now(UTC)  # GLPI tells no zone with its times: a deed counts from when it is read
    told = [
        *_taken(actors, log, us),
        *_commented(followups, us, names),
        *_turned([line for line in log if line.id > before.log], us),
    ]
    seen = Seen(
        max([before.followup, *(one.id for one in followups)]),
        max([before.actor, *(one.id for one in actors)]),
        max([before.log, *(one.id for one in log)]),
        changed or before.changed,
    )
    return Read(ticket, tuple(happening(ticket, *one[:3], now, one[3]) for one in told), str(seen))


_Told = tuple[str, Deed, str, str]  # event id, deed, by whom, what was said


def _taken(actors: Sequence[Actor], log: Sequence[LogLine], us: int) -> list[_Told]:
    """By whom people gave it to: what a rule of GLPI's gives out is logged as ours, and nobody knows of it yet."""
    given = [_person(line.new) for line in log if line.of == "User" and _person(line.by).user not in (us, 0)]
    names = {person.user: person.name for person in given}
    return [
        (f"actor {one.id}", Deed.TAKEN, names[one.user], "")
        for one in actors
        if one.kind == ASSIGNED and one.user in names and one.user != us
    ]


def _commented(followups: Sequence[Followup], us: int, names: Mapping[int, str]) -> list[_Told]:
    return [
        (f"followup {one.id}", Deed.COMMENTED, names.get(one.user, f"user {one.user}"), plain(one.content or ""))
        for one in followups
        if one.user != us
    ]


def _turned(lines: Sequence[LogLine], us: int) -> list[_Told]:
    """By whom, if by somebody: GLPI's own doings and whoever is called in a way unknown to us have no number."""
    return [
        (f"log {line.id}", deed, person.name, "")
        for line in lines
        if (person := _person(line.by)).user not in (us, 0) and (deed := _turn(line)) is not None
    ]


def _turn(line: LogLine) -> Deed | None:
    """None for what is no change of state, or one between two that are both open, or both over."""
    if line.option != STATUS:
        return None
    before, after = _state(line.old), _state(line.new)
    if (before in OVER) == (after in OVER):
        return None
    return Deed.CLOSED if after in OVER else Deed.REOPENED


def _state(written: str | None) -> int:
    return int(written) if written and written.isdecimal() else 0


class _Somebody(NamedTuple):
    name: str
    user: int  # 0 for what is nobody's


def _person(written: str | None) -> _Somebody:
    found = _PERSON.match(written or "")
    return _Somebody(found["name"], int(found["user"])) if found else _Somebody(written or "", 0)


def _names(log: Sequence[LogLine]) -> Mapping[int, str]:
    """What the log calls people, by their numbers."""
    return {person.user: person.name for person in (_person(line.by) for line in log) if person.user}


def marker(key: str) -> str:
    """The line by which a text of ours is known again."""
    return f"Vigie {key}"


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the library's signature
        if tag in ("br", "p", "div", "li"):
            self.said.append("\n")

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def plain(html: str) -> str:
    """The words of a text that GLPI may have encoded once more for its own pages."""
    words = _Words()
    words.feed(unescape(html) if "<" not in html else html)
    words.close()
    return "\n".join(line for line in (line.strip() for line in "".join(words.said).splitlines()) if line)
