"""What could not be delivered, as the provider is told of it."""

from datetime import datetime

from collector.model.value import Value

UNDELIVERED = "undelivered"


class DeadLetters(Value):
    """The messages of one channel that were given up, the first of them `since` then; `error` is of the last."""

    channel: str
    count: int
    since: datetime
    error: str
