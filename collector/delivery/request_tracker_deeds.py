"""What people did to our tickets in Request Tracker, and to those that they merged ours into, from its transactions."""

from collections.abc import Sequence
from typing import NamedTuple

from collector.delivery.answers import RefusedError
from collector.delivery.polling import Look, Read, happening
from collector.delivery.request_tracker_rest import PAGE, Rest, Transaction
from collector.delivery.tickets import GoneError
from collector.model.happening import Deed, Happening
from collector.store.ticket_remotes import Polled

# RT's own lifecycle; what else a lifecycle has counts as open.
CLOSED = frozenset({"resolved", "rejected", "deleted"})
# RT numbers a transaction before it commits it, so what was under way at the last look lies a little behind: by more
# than RT writes while it makes one change.
OVERLAP = 1_000
# Pages of one search: more rows than OVERLAP, so that each look comes on.
PAGES = 20
# Tickets that are new to us, as many as one search names, and in one look; the others' turn comes with the next.
NEW_AT_ONCE = 50
NEW_ONES = 1_000

# The type of a transaction of both tickets of a merger.
LINKED = "AddLink"
# RT's own doings follow from ours or from what somebody did. A ticket that is nobody's by now was not taken.
_BY_PEOPLE = (
    "Creator != '__CurrentUser__' AND Creator != 'RT_System'"
    " AND (Type = 'Comment' OR Type = 'Correspond' OR Type = 'Status' OR"
    f" (Type = '{LINKED}' AND Field = 'MergedInto') OR"
    " (Type = 'Set' AND Field = 'Owner' AND TicketOwner != 'Nobody' AND TicketOwner != '__CurrentUser__'))"
)


class Seen(NamedTuple):
    """Up to which transaction a ticket has been read, and where it is: in itself, or in one that it was merged into."""

    until: int
    place: int

    @classmethod
    def of(cls, ticket: Polled) -> "Seen":
        until, _, place = (ticket.seen or "0").partition("/")
        return cls(int(until), int(place or ticket.remote_id))

    def written(self, ticket: Polled) -> str:
        return f"{self.until}/{self.place}" if self.place != int(ticket.remote_id) else str(self.until)


class Way(NamedTuple):
    """Where a ticket is now, what people did there since it came, and the merger that led where we see nothing."""

    place: int
    rows: Sequence[Transaction] = ()
    hidden_by: int | None = None


async def look(rest: Rest, watched: Sequence[Polled], cursor: str | None) -> Look:
    """What people did since a transaction, the cursor, to whatever ticket: one search, however many are watched.

    Those that are new to us are read from their beginning: they were made before we knew what they are called.
    """
    newest = await _newest(rest)
    rows, until = await _by_people(rest, "id > 0", max(min(int(cursor or newest), newest) - OVERLAP, 0), newest)
    touched = {row.ticket for row in rows}
    known = [one for one in watched if one.seen is not None and touched & {int(one.remote_id), Seen.of(one).place}]
    read = [await _read(rest, one, rows, None) for one in known]
    new_ones = [one for one in watched if one.seen is None][:NEW_ONES]
    for start in range(0, len(new_ones), NEW_AT_ONCE):
        read += await _read_new(rest, new_ones[start : start + NEW_AT_ONCE], newest)
    return Look([one for one in read if one.happenings or one.seen != one.ticket.seen], str(until))


async def _newest(rest: Rest) -> int:
    found = await rest.transactions("id > 0", newest=True, limit=1)
    return found[0].id if found else 0


async def _by_people(rest: Rest, which: str, start: int, newest: int) -> tuple[list[Transaction], int]:
    """Transactions after one, in order, and up to which one that is all."""
    rows: list[Transaction] = []
    for _ in range(PAGES):
        page = await rest.transactions(f"({which}) AND id > {rows[-1].id if rows else start} AND {_BY_PEOPLE}")
        rows += page
        if len(page) < PAGE:
            return rows, max(newest, rows[-1].id if rows else 0)
    return rows, rows[-1].id


async def _read_new(rest: Rest, tickets: Sequence[Polled], newest: int) -> list[Read]:
    these = " OR ".join(f"ObjectId = {int(one.remote_id)}" for one in tickets)
    rows, until = await _by_people(rest, these, 0, newest)
    return [await _read(rest, one, rows, until) for one in tickets]


async def _read(rest: Rest, ticket: Polled, rows: Sequence[Transaction], until: int | None) -> Read:
    """One ticket's share; without `until` it is read as far as its own last row."""
    seen = Seen.of(ticket)
    ours = [row for row in rows if row.ticket in (int(ticket.remote_id), seen.place) and row.id > seen.until]
    way = await _followed(rest, ticket, seen.place, ours)
    found = [await _happening(rest, ticket, row, deed) for row in (*ours, *way.rows) if (deed := deed_of(row))]
    last = max([until or 0, seen.until, *(row.id for row in (*ours, *way.rows))])
    if way.hidden_by is not None:
        last = way.hidden_by - 1
    return Read(ticket, tuple(found), Seen(last, way.place).written(ticket))


async def _followed(rest: Rest, ticket: Polled, place: int, ours: Sequence[Transaction]) -> Way:
    """Where people merged it to, and what they did there since.

    Before the last merger others may have been merged into ours. One that we may not see keeps no other from being
    read, and is looked for again.
    """
    mergers = [row for row in ours if row.kind == LINKED]
    if not mergers:
        return Way(place)
    try:
        moved_to = (await rest.ticket(int(ticket.remote_id))).id
    except GoneError:
        return Way(place)
    except RefusedError as error:
        if error.of_this_alone:
            return Way(place, hidden_by=mergers[-1].id)
        raise
    if moved_to == place:
        return Way(place)
    rows, _ = await _by_people(rest, f"ObjectId = {moved_to}", mergers[-1].id, mergers[-1].id)
    return Way(moved_to, _since_it_came(mergers, rows))


def _since_it_came(mergers: Sequence[Transaction], there: Sequence[Transaction]) -> Sequence[Transaction]:
    """Ours may have come by a ticket in between: a merger names the other ticket, on either side."""
    between = {one.new for one in mergers}
    came = next((row.id for row in there if row.kind == LINKED and row.new in between), 0)
    return [row for row in there if row.id > came]


def deed_of(row: Transaction) -> Deed | None:
    """None for a merger, and for a step between two states that are both open, or both closed."""
    if row.kind == LINKED:
        return None
    if row.kind in ("Comment", "Correspond"):
        return Deed.COMMENTED
    if row.kind == "Set":
        return Deed.TAKEN
    if (row.old in CLOSED) == (row.new in CLOSED):
        return None
    return Deed.CLOSED if row.new in CLOSED else Deed.REOPENED


async def _said(rest: Rest, row: Transaction) -> str:
    """Nothing where RT withholds it: one comment must not keep what people did elsewhere from being read."""
    try:
        return await rest.words_of(row)
    except RefusedError as error:
        if error.of_this_alone:
            return ""
        raise


async def _happening(rest: Rest, ticket: Polled, row: Transaction, deed: Deed) -> Happening:
    """One of a ticket that several of ours were merged into happened to each of them."""
    said = await _said(rest, row) if deed is Deed.COMMENTED else ""
    own = row.ticket == int(ticket.remote_id)
    event = f"transaction {row.id}" if own else f"transaction {row.id} for {ticket.remote_id}"
    return happening(ticket, event, deed, row.creator.id, row.at, said)
