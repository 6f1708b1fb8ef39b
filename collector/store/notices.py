"""What the database tells collectors while they run: which key or practice changed."""

from collections.abc import Callable

from collector.store.connect import Connection, Line

# Where the triggers of 0001.tenancy.sql speak: `key:<key id>` or `practice:<practice id>`.
_CHANNEL = "vigie_keys"
_TELL = "SELECT pg_notify($1, $2)"


async def listen(conn: Line, hear: Callable[[str], None]) -> None:
    """From now on `hear` is called with each payload, in the order of the commits that told it."""

    def heard(_conn: object, _pid: int, _channel: str, payload: object) -> None:
        hear(str(payload))

    await conn.add_listener(_CHANNEL, heard)


async def tell(conn: Connection, payload: str) -> None:
    """Say something on that channel to all who listen."""
    await conn.execute(_TELL, _CHANNEL, payload)
