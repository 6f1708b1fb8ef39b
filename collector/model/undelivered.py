"""What could not be delivered, as the provider is told of it."""

from datetime import datetime, timedelta

from collector.model.value import Value

UNDELIVERED = "undelivered"
# A ticket system that is being updated is back before; whoever should have been told can still be told otherwise.
HELD_FOR = timedelta(minutes=15)


class DeadLetters(Value):
    """The messages of one channel that were given up, the first of them `since` then; `error` is of the last.

    Where none was given up, those that are `held`: each has waited for longer than HELD_FOR, and is tried on.
    """

    channel: str
    count: int
    since: datetime
    error: str
    held: bool = False
