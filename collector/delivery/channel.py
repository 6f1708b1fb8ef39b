"""What every way out has in common."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

from collector.store.outbox import Parcel


class DeliveryError(Exception):
    """The receiver did not take a message.

    `retry_after` is its own wish, if it had one. What is `permanent` will never be taken, however often it is tried.
    """

    def __init__(self, reason: str, retry_after: timedelta | None = None, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.permanent = permanent


class NotYetError(DeliveryError):
    """Not the receiver's failure: something has to settle first."""


class Channel(Protocol):
    """One receiver. `timeout` bounds one delivery; the claim's lease is longer, so that none runs twice at once."""

    @property
    def name(self) -> str: ...

    @property
    def timeout(self) -> timedelta: ...

    async def deliver(self, parcel: Parcel) -> None:
        """Return once the receiver has it for good. Raises DeliveryError."""


@runtime_checkable
class Telling(Channel, Protocol):
    """A channel that tells people: many notices that wait together come as one."""

    async def deliver_many(self, parcels: Sequence[Parcel]) -> None:
        """Notices in their order, as one message. Return once the receiver has it for good. Raises DeliveryError."""
