"""What receivers said last when they did not take a message."""

from collections.abc import Mapping

from collector.store.connect import Connection

_LAST_ERRORS = """
    SELECT DISTINCT ON (channel) channel, last_error FROM outbox
    WHERE sent_at IS NULL AND last_error IS NOT NULL ORDER BY channel, tried_at DESC NULLS LAST
"""


async def last_errors(conn: Connection) -> Mapping[str, str]:
    """By channel, of what is not sent; a message that was taken in the end forgets its errors."""
    return {row["channel"]: row["last_error"] for row in await conn.fetch(_LAST_ERRORS)}
