"""Notices to people by any service that apprise knows: team rooms, phones, gateways for SMS.

None of them takes an idempotency key: what is tried again after its time was up may arrive twice.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING

from collector.delivery.channel import DeliveryError
from collector.delivery.pace import MOST_SINGLES
from collector.delivery.written import Pen, Written, write_digest, write_notice
from collector.model.finding import Severity
from collector.model.message import Notice, NoticeKind
from collector.store.outbox import Parcel

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult

# Characters. With an incident's address, which takes as many, it fits into one SMS of 160 (3GPP TS 23.038).
LONGEST_TITLE = 80
_CUT = "..."  # an ellipsis of one character would halve what an SMS holds
_BREAK = "\r\n"  # what apprise puts between title and text where a service knows no title
_CHATTY = ("apprise", "urllib3")  # what they log may hold tokens: it goes nowhere
_STATUS = re.compile(r"error=([45]\d\d)\b")
_KINDS = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.NOTICE: "info"}


class UnknownServiceError(Exception):
    """Apprise makes nothing of a URL; which one is not said, since it holds tokens."""


class AppriseService:
    """One service. Apprise waits for it in a thread of its own, which may outlast the delivery that began it."""

    def __init__(self, name: str, url: str, timeout: timedelta, pen: Pen) -> None:
        """Raises UnknownServiceError."""
        self.name = name
        self.timeout = timeout
        self._url = url
        self._pen = pen
        self._threads = threading.BoundedSemaphore(MOST_SINGLES)
        _service(url)

    async def deliver(self, parcel: Parcel) -> None:
        notice = _notice(parcel)
        await self._tell(write_notice(notice, self._pen), _kind([notice]))

    async def deliver_many(self, parcels: Sequence[Parcel]) -> None:
        notices = [_notice(parcel) for parcel in parcels]
        await self._tell(write_digest(notices, self._pen), _kind(notices))

    async def _tell(self, written: Written, kind: str) -> None:
        if not self._threads.acquire(blocking=False):
            raise DeliveryError("earlier messages are still under way")
        await asyncio.wrap_future(_begin(lambda: self._send(written, kind)))

    def _send(self, written: Written, kind: str) -> None:
        """A service of its own for each message: it keeps the time of its last one, and no two threads may share it."""
        from apprise import NotifyFormat, NotifyType

        try:
            service = _service(self._url)
            fitting = fitted(written, service[0].title_maxlen, service[0].body_maxlen)
            result = service.notify(
                body=fitting.body, title=fitting.subject, notify_type=NotifyType(kind), body_format=NotifyFormat.TEXT
            )
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises may say its URL
            raise DeliveryError(f"apprise raised {type(error).__name__}") from None
        finally:
            self._threads.release()
        if not result:
            raise DeliveryError(_reason(result))


def _service(url: str) -> "Apprise":
    """Read anew, which takes a millisecond. The first time takes half a second, so it is not imported at the top."""
    from apprise import Apprise, AppriseAsset

    for chatty in _CHATTY:
        logging.getLogger(chatty).propagate = False
    # With `async_mode` or a time-out of its own it would go on in a pool that our end waits for.
    asset = AppriseAsset(app_id="Vigie", app_desc="Vigie", async_mode=False, service_timeout=0, storage_mode="memory")
    service = Apprise(asset=asset)
    if not service.add(url) or len(service) != 1:
        raise UnknownServiceError("not a URL of one service that apprise knows")
    return service


def _begin(do: Callable[[], None]) -> Future[None]:
    """A daemon: one that never comes back takes no place in a pool of threads, and does not hold up our end."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="apprise", daemon=True).start()
    return future


def _notice(parcel: Parcel) -> Notice:
    if not isinstance(parcel.message, Notice):
        raise DeliveryError("takes notices, no tickets", permanent=True)
    return parcel.message


def _kind(notices: Sequence[Notice]) -> str:
    """As apprise calls it: services show it as a colour or a sign."""
    lasting = [notice.incident.severity for notice in notices if notice.kind is not NoticeKind.RESOLVED]
    return _KINDS[min(lasting, key=lambda severity: severity.rank)] if lasting else "success"


def _reason(result: "AppriseResult") -> str:
    """Its own words could name tokens; a status cannot."""
    for entry in result.logs():
        if found := _STATUS.search(entry.message):
            return f"answered {found[1]}"
    return "apprise could not send it"


def fitted(written: Written, title_room: int, text_room: int) -> Written:
    """As much as a service takes, with the link that a text ends with; a service without titles has no room for one."""
    longest = min(title_room, LONGEST_TITLE) if title_room > 0 else LONGEST_TITLE
    title = _shortened(written.subject, longest)
    text = written.body.strip()
    if title != written.subject:
        text = f"{written.subject}\n\n{text}"
    return Written(title, _with_its_end(text, text_room - len(title) - len(_BREAK)))


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - len(_CUT)].rstrip() + _CUT


def _with_its_end(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    head, _, end = text.rpartition("\n")
    if len(end) > room:
        return text[: max(room, 0)]
    left = room - len(end) - len(_CUT) - 1
    return f"{head[:left].rstrip()}{_CUT}\n{end}" if left > 0 else end
