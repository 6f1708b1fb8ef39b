"""The provider's orders as they stand: read with every judgement, so that all workers follow at once."""

from datetime import datetime

from collector.escalation.oncall import Roster
from collector.escalation.orders import Orders
from collector.store.connect import Connection
from collector.store.escalation import load_book, newest_book_version
from collector.store.silences import lasting_silences

_rosters: dict[int, Roster] = {}


async def standing_orders(conn: Connection, now: datetime) -> Orders:
    """The escalation in force, and what is silenced."""
    return Orders(await roster_in_force(conn), await lasting_silences(conn, now))


async def roster_in_force(conn: Connection) -> Roster:
    """Prepared once for a version, which never changes."""
    version = await newest_book_version(conn)
    if version not in _rosters:
        book = await load_book(conn, version)
        _rosters.clear()
        _rosters[version] = Roster(book)
    return _rosters[version]
