"""What people did to our tickets in Request Tracker, read from its transactions."""

from collections.abc import Sequence

from collector.delivery.answers import RefusedError
from collector.delivery.polling import Look, Read, happening
from collector.delivery.request_tracker_rest import PAGE, Rest, Transaction
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

# RT's own doings follow from ours or from what somebody did. A ticket that is nobody's by now was not taken.
_BY_PEOPLE = (
    "Creator != '__CurrentUser__' AND Creator != 'RT_System'"
    " AND (Type = 'Comment' OR Type = 'Correspond' OR Type = 'Status' OR"
    " (Type = 'Set' AND Field = 'Owner' AND TicketOwner != 'Nobody' AND TicketOwner != '__CurrentUser__'))"
)


async def look(rest: Rest, watched: Sequence[Polled], cursor: str | None) -> Look:
    """What people did since a transaction, the cursor, to whatever ticket: one search, however many are watched.

    Those that are new to us are read from their beginning: they were made before we knew what they are called.
    """
    newest = await _newest(rest)
    rows, until = await _by_people(rest, "id > 0", max(min(int(cursor or newest), newest) - OVERLAP, 0), newest)
    known = {int(one.remote_id): one for one in watched if one.seen is not None}
    touched = sorted({row.ticket for row in rows if row.ticket in known})
    read = [await _read(rest, known[ticket], rows, None) for ticket in touched]
    new_ones = [one for one in watched if one.seen is None][:NEW_ONES]
    for start in range(0, len(new_ones), NEW_AT_ONCE):
        read += await _read_new(rest, new_ones[start : start + NEW_AT_ONCE], newest)
    return Look([one for one in read if one.seen != one.ticket.seen], str(until))


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
    ours = [row for row in rows if row.ticket == int(ticket.remote_id) and row.id > int(ticket.seen or 0)]
    found = [await _happening(rest, ticket, row, deed) for row in ours if (deed := deed_of(row))]
    last = until if until is not None else max([row.id for row in ours], default=int(ticket.seen or 0))
    return Read(ticket, tuple(found), str(last))


def deed_of(row: Transaction) -> Deed | None:
    """None for a step between two states that are both open, or both closed."""
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
    said = await _said(rest, row) if deed is Deed.COMMENTED else ""
    return happening(ticket, f"transaction {row.id}", deed, row.creator.id, row.at, said)
