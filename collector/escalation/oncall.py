"""The book as it is asked at an instant: whether the provider is open, who is on call, whom a name reaches."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from collector.model.book import Book, Rota
from collector.model.escalation import Action, When
from collector.model.incident import Told
from collector.model.open_time import OpenTime, on_the_wall
from collector.model.value import earliest

# Beginnings and ends of hours and overrides: who is not there within so many is there never.
_TURNS_AHEAD = 1_000


class Roster:
    """Prepared once for a version of the book."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._hours = OpenTime(book.hours, book.zone)

    def fits(self, when: When, at: datetime) -> bool:
        return when is When.ALWAYS or self._hours.opening(at).is_open == (when is When.IN_HOURS)

    def next_fit(self, when: When, at: datetime) -> datetime | None:
        """The first instant from `at` on in this part of the day; none if that never comes."""
        reached: datetime | None = at
        while reached is not None and not self.fits(when, reached):
            reached = self._hours.opening(reached).until
        return reached

    def on_call(self, rota: str, at: datetime) -> str | None:
        """Who is on call by a rota; an override stands above its turns and its hours, the later one above the rest."""
        of = self.book.rotas[rota]
        for one in reversed(of.overrides):
            if one.since <= at < one.until:
                return one.person
        return _in_turn(of, at) if self.fits(of.covers, at) else None

    def reached(self, to: tuple[str, ...], action: Action, at: datetime) -> tuple[Told, ...]:
        """The channels by which these names are reached, each once."""
        return tuple({told.channel: told for name in to for told in self._ways(name, action, at, ())}.values())

    def somebody_from(self, to: tuple[str, ...], action: Action, at: datetime) -> datetime | None:
        """The first instant from `at` on at which any of these names reaches somebody; none if that never comes."""
        reached: datetime | None = at
        for _ in range(_TURNS_AHEAD):
            if reached is None or self.reached(to, action, reached):
                return reached
            reached = earliest(self._turning(name, reached, ()) for name in to)
        return None

    def _ways(self, name: str, action: Action, at: datetime, within: tuple[str, ...]) -> Iterator[Told]:
        if name in self.book.teams and name not in within:
            for member in self.book.teams[name]:
                yield from self._ways(member, action, at, (*within, name))
            return
        person = self.on_call(name, at) if name in self.book.rotas else name
        if person and person in self.book.people:
            yield from (Told(channel=way, person=person) for way in self.book.people[person].ways(action))
        elif name in self.book.channels:
            yield Told(channel=name)

    def _turning(self, name: str, at: datetime, within: tuple[str, ...]) -> datetime | None:
        """When it may next be somebody else, or somebody at all, that a name reaches."""
        if name in self.book.teams and name not in within:
            return earliest(self._turning(one, at, (*within, name)) for one in self.book.teams[name])
        if name not in self.book.rotas:
            return None
        of = self.book.rotas[name]
        changes = [self._hours.opening(at).until if of.covers is not When.ALWAYS else None]
        changes += [edge for one in of.overrides for edge in (one.since, one.until)]
        return earliest(change for change in changes if change is not None and change > at)


def _in_turn(rota: Rota, at: datetime) -> str:
    """The turn of the local day on which the last handover was."""
    day = at.astimezone(ZoneInfo(rota.zone)).date()
    if at < on_the_wall(day, rota.handover, rota.zone):
        day -= timedelta(days=1)
    return rota.people[(day - rota.begins).days // rota.turn_days % len(rota.people)]
