"""Exactly one ticket in a ticket system that knows no idempotency keys."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from collector.delivery.channel import DeliveryError, NotYetError
from collector.delivery.written import Written
from collector.logs import logger
from collector.model.message import Notice, TicketEvent, TicketMessage
from collector.store.outbox import Parcel
from collector.store.ticket_remotes import KeptRemote

# A ticket that another went into is told by a message of its own, which may be on its way still.
WAITS_FOR_THE_OTHER = 3
SHORTLY = timedelta(seconds=5)

_log = logger("delivery")


class Remote(NamedTuple):
    """A ticket as its ticket system calls it."""

    remote_id: str
    url: str | None = None


class NotMadeError(DeliveryError):
    """A create was refused, or never reached the ticket system: it has certainly made nothing."""


class GoneError(DeliveryError):
    """The ticket system knows no such ticket any more: somebody deleted it."""


class TicketSystem(Protocol):
    """One kind of ticket system; what repeats `Tickets` sees to.

    Each ticket carries its key, our ticket's id, in a field that `find` searches by. `key` is the message's own, the
    same with every try. What is repeated changes nothing: a text that is there already, by `key`, is not added again;
    a ticket that is closed already is left alone by `resolve`, one that is open by `reopen`. Whoever cannot know that
    a create made nothing raises DeliveryError, else NotMadeError; what was deleted raises GoneError.
    """

    @property
    def settle(self) -> timedelta:
        """How long after a create was given up its ticket may still come to be, or be missing from a search."""

    async def open(self, message: TicketMessage, written: Written, key: str) -> Remote: ...

    async def append(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None: ...

    async def resolve(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None: ...

    async def reopen(self, remote: Remote, message: TicketMessage, written: Written, key: str) -> None: ...

    async def find(self, ticket_id: UUID) -> list[Remote]:
        """Those that carry the key, open or closed, oldest first; those that were deleted or linked are none."""

    async def link(self, duplicate: Remote, original: Remote) -> None:
        """Say in one that it is the other's double, and close it."""


class Remotes(Protocol):
    """Where it is kept what ticket systems call our tickets; each word is kept before the next step is taken."""

    async def load(self, practice_id: UUID, ticket_id: UUID) -> KeptRemote | None: ...

    async def ask(self, message: TicketMessage, channel: str, at: datetime) -> None: ...

    async def not_made(self, message: TicketMessage) -> None: ...

    async def keep(self, message: TicketMessage, channel: str, remote: Remote, at: datetime) -> None: ...

    async def looked(self, message: TicketMessage) -> None: ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Tickets:
    """The channel around a ticket system.

    1. Before a create is sent it is noted. A note without an answer is doubt: the try before was cut off, or died.
    2. In doubt the ticket is looked for by its key, until the time-out of the create and the system's settle time are
       over; only then is it asked for again.
    3. After a second create it is looked for once more when that has settled; doubles are linked and closed.
    4. A message of a ticket that was never opened there opens it, in its present state; a resolved one sends nothing.
    5. A ticket that somebody deleted there is opened anew, once.
    """

    def __init__(
        self,
        name: str,
        system: TicketSystem,
        remotes: Remotes,
        write: Callable[[TicketMessage], Written],
        timeout: timedelta,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.system = system
        self._remotes = remotes
        self._write = write
        self.now = now

    async def deliver(self, parcel: Parcel) -> None:
        message = parcel.message
        if isinstance(message, Notice):
            raise DeliveryError("takes tickets, no notices", permanent=True)
        kept = await self._remotes.load(message.practice_id, message.ticket_id)
        remote = _known(kept) or await self._found(message, kept)
        if remote is None:
            await self._open(message, kept, str(parcel.outbox_id))
            return
        if kept and kept.asks > 1:
            await self._look_for_doubles(message, kept, remote)
        await self._tell(message, remote, kept, parcel)

    async def _found(self, message: TicketMessage, kept: KeptRemote | None) -> Remote | None:
        """The ticket that an earlier try made. Only an opening that was never asked for needs no look."""
        doubtful = kept is not None and kept.asks > 0
        if message.event is TicketEvent.OPENED and not doubtful:
            return None
        found = await self.system.find(message.ticket_id)
        if not found:
            if kept and doubtful:
                self._wait_until_settled(kept, "looked for what an unanswered create may have made")
            return None
        original, *doubles = found
        await self._close(doubles, original)
        await self._remotes.keep(message, self.name, original, self.now())
        return original

    async def _open(self, message: TicketMessage, kept: KeptRemote | None, key: str) -> None:
        """What is over before it was ever told needs no ticket."""
        if message.event is TicketEvent.RESOLVED:
            return
        again = kept is not None and kept.remote_id is None and kept.asks > 0
        opening = message.model_copy(update={"event": TicketEvent.OPENED, "notes": _notes_of(message, kept)})
        await self._remotes.ask(message, self.name, self.now())
        try:
            remote = await self.system.open(opening, self._write(opening), key)
        except NotMadeError:
            await self._remotes.not_made(message)
            raise
        await self._remotes.keep(message, self.name, remote, self.now())
        if again:
            raise NotYetError("opened again after a create without an answer: looked for doubles soon", self._settling)

    async def _look_for_doubles(self, message: TicketMessage, kept: KeptRemote, remote: Remote) -> None:
        self._wait_until_settled(kept, "opened again after a create without an answer: looked for doubles soon")
        found = await self.system.find(message.ticket_id)
        await self._close([other for other in found if other.remote_id != remote.remote_id], remote)
        await self._remotes.looked(message)

    async def _close(self, doubles: Sequence[Remote], original: Remote) -> None:
        for double in doubles:
            _log.warning(
                "a double is linked and closed", channel=self.name, double=double.remote_id, of=original.remote_id
            )
            await self.system.link(double, original)

    async def _tell(self, message: TicketMessage, remote: Remote, kept: KeptRemote | None, parcel: Parcel) -> None:
        key = str(parcel.outbox_id)
        try:
            match message.event:
                case TicketEvent.OPENED:
                    return
                case TicketEvent.APPENDED:
                    await self.system.append(remote, message, self._write(message), key)
                case TicketEvent.REOPENED:
                    await self.system.reopen(remote, message, self._write(message), key)
                case TicketEvent.RESOLVED:
                    await self._resolve(message, remote, parcel)
        except GoneError:
            await self._replace(message, remote, kept, key)

    async def _resolve(self, message: TicketMessage, remote: Remote, parcel: Parcel) -> None:
        """One whose incidents went to another's ticket is linked to that, where it is in the same ticket system."""
        into = await self._merged_into(message, parcel)
        await self.system.resolve(remote, message, self._write(message), str(parcel.outbox_id))
        if into:
            await self.system.link(remote, into)

    async def _merged_into(self, message: TicketMessage, parcel: Parcel) -> Remote | None:
        if message.merged_into is None:
            return None
        kept = await self._remotes.load(message.practice_id, message.merged_into)
        into = _known(kept)
        if into is None and parcel.attempts <= WAITS_FOR_THE_OTHER:
            raise NotYetError("the ticket that it went into is not open there yet", SHORTLY)
        return into if kept and kept.channel == self.name else None

    async def _replace(self, message: TicketMessage, remote: Remote, kept: KeptRemote | None, key: str) -> None:
        """Opened anew once: whoever deletes that one too does not want it."""
        if kept and kept.replaced and message.event is not TicketEvent.RESOLVED:
            raise DeliveryError(f"{remote.remote_id} was deleted there, as was the one before it", permanent=True)
        _log.warning(
            "a ticket was deleted there", channel=self.name, remote=remote.remote_id, ticket=str(message.ticket_id)
        )
        gone = kept or KeptRemote(message.practice_id, message.ticket_id, self.name, None, None, self.now())
        await self._open(message, replace(gone, remote_id=remote.remote_id), key)

    def _wait_until_settled(self, kept: KeptRemote, why: str) -> None:
        left = kept.asked_at + self._settling - self.now()
        if left > timedelta(0):
            raise NotYetError(why, left)

    @property
    def _settling(self) -> timedelta:
        """From when a create was sent: we wait for its answer first, and for the ticket system after."""
        return self.timeout + self.system.settle


def _known(kept: KeptRemote | None) -> Remote | None:
    return Remote(kept.remote_id, kept.url) if kept and kept.remote_id else None


def _notes_of(message: TicketMessage, kept: KeptRemote | None) -> tuple[str, ...]:
    """A ticket that stands for one that was deleted says so."""
    gone = kept and (kept.remote_id or kept.replaced)
    return (*message.notes, f"opened anew: {gone} was deleted") if gone else message.notes
