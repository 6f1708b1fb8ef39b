"""Tickets in a real Request Tracker 5: what our words do there, and what people's come back as."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from collector.delivery.channel import DeliveryError
from collector.delivery.polling import Look
from collector.delivery.request_tracker import RequestTracker
from collector.delivery.tickets import GoneError, NotMadeError, Remote
from collector.delivery.written import Written
from collector.model.channels import RequestTrackerChannel, Secret
from collector.model.message import TicketMessage
from collector.store.ticket_remotes import Polled
from tests.acceptance.request_tracker import (
    CUSTOMER_FIELD,
    KEY_FIELD,
    QUEUE,
    TECHNICIAN,
    RequestTrackerServer,
    Technician,
)
from tests.factories import PRACTICE
from tests.integration.house import message

WRITTEN = Written("Sauvegarde manquée: l'été sur SRV-01", "Rien depuis hier.\nÀ voir: \\'x\\'")
FRENCH = "Je m'en occupe, ça vient"


@pytest.fixture
def server(request_tracker: RequestTrackerServer) -> RequestTrackerServer:
    return request_tracker


@pytest.fixture
def technician(server: RequestTrackerServer) -> Technician:
    return server.technician()


@pytest.fixture
async def tracker(server: RequestTrackerServer) -> AsyncIterator[RequestTracker]:
    async with _tracker(server) as tracker:
        yield tracker


@asynccontextmanager
async def _tracker(
    server: RequestTrackerServer, token: str | None = None, **changes: object
) -> AsyncIterator[RequestTracker]:
    spec = RequestTrackerChannel.model_validate({
        "kind": "request_tracker", "url": server.url, "token": Secret(env="RT_TOKEN"), "queue": QUEUE,
        "customer_field": CUSTOMER_FIELD, "timeout": timedelta(seconds=30), **changes,
    })  # fmt: skip
    async with httpx.AsyncClient() as client:
        yield RequestTracker(client, spec, token or server.token)


def _ticket() -> TicketMessage:
    return message(PRACTICE, uuid4(), 1).model_copy(update={"customer": "C-0042"})


async def _opened(tracker: RequestTracker) -> tuple[TicketMessage, Remote]:
    told = _ticket()
    return told, await tracker.open(told, WRITTEN, str(uuid4()))


def _polled(told: TicketMessage, remote: Remote, seen: str | None = None) -> Polled:
    return Polled(told.practice_id, told.ticket_id, remote.remote_id, remote.url, seen)


async def test_a_ticket_is_made_with_its_key_and_found_by_it(tracker: RequestTracker, technician: Technician) -> None:
    told, remote = await _opened(tracker)
    made = technician.ticket(remote.remote_id)
    assert made["Subject"] == WRITTEN.subject
    assert made["Queue"]["id"]
    assert {one["name"]: one["values"] for one in made["CustomFields"]} == {
        KEY_FIELD: [str(told.ticket_id)],
        CUSTOMER_FIELD: ["C-0042"],
    }
    assert technician.texts(remote.remote_id) == [WRITTEN.body]
    assert await tracker.find(told.ticket_id) == [remote]


async def test_nothing_is_found_by_a_key_that_no_ticket_carries(tracker: RequestTracker) -> None:
    await _opened(tracker)
    assert await tracker.find(uuid4()) == []


async def test_a_text_that_is_there_is_not_added_again(tracker: RequestTracker, technician: Technician) -> None:
    told, remote = await _opened(tracker)
    first, second = Written("", "First"), Written("", "Second")
    await tracker.append(remote, told, first, "key-1")
    await tracker.append(remote, told, first, "key-1")
    await tracker.append(remote, told, second, "key-11")
    await tracker.append(remote, told, first, "key-1")
    assert technician.texts(remote.remote_id)[1:] == ["First", "Second"]


async def test_it_is_resolved_and_reopened_each_with_its_text(tracker: RequestTracker, technician: Technician) -> None:
    told, remote = await _opened(tracker)
    for _ in range(2):
        await tracker.resolve(remote, told, Written("", "Over"), "key-2")
        assert technician.ticket(remote.remote_id)["Status"] == "resolved"
    for _ in range(2):
        await tracker.reopen(remote, told, Written("", "Back"), "key-3")
        assert technician.ticket(remote.remote_id)["Status"] == "open"
    assert technician.texts(remote.remote_id)[1:] == ["Over", "Back"]


@pytest.mark.parametrize(
    ("theirs", "ours", "after", "texts"),
    [
        ("rejected", "resolve", "rejected", 0),
        ("stalled", "resolve", "resolved", 1),
        ("stalled", "reopen", "stalled", 1),
        ("rejected", "reopen", "open", 1),
    ],
)
async def test_a_state_that_people_gave_it_is_left_where_it_will_do(
    theirs: str, ours: str, after: str, texts: int, tracker: RequestTracker, technician: Technician
) -> None:
    told, remote = await _opened(tracker)
    technician.make(remote.remote_id, theirs)
    await getattr(tracker, ours)(remote, told, WRITTEN, "key-4")
    assert technician.ticket(remote.remote_id)["Status"] == after
    assert len(technician.texts(remote.remote_id)) == 1 + texts


async def test_a_double_is_linked_and_rejected_and_no_longer_found(
    tracker: RequestTracker, technician: Technician
) -> None:
    told, original = await _opened(tracker)
    double = await tracker.open(told, WRITTEN, "key-5")
    assert await tracker.find(told.ticket_id) == [original, double]
    for _ in range(2):
        await tracker.link(double, original)
        assert await tracker.find(told.ticket_id) == [original]
    assert technician.ticket(double.remote_id)["Status"] == "rejected"
    assert ("refers-to", original.remote_id) in technician.links(double.remote_id)


async def test_another_ticket_that_people_merged_ours_into_is_theirs_to_close(
    tracker: RequestTracker, technician: Technician
) -> None:
    told, remote = await _opened(tracker)
    other = technician.create({})
    technician.merge(remote.remote_id, other)
    for _ in range(2):
        await tracker.resolve(remote, told, Written("", "Over"), "key-12")
    assert technician.ticket(other)["Status"] == "new"
    assert technician.texts(other).count("Over") == 1


async def test_one_that_was_deleted_is_gone(
    server: RequestTrackerServer, tracker: RequestTracker, technician: Technician
) -> None:
    told, remote = await _opened(tracker)
    technician.make(remote.remote_id, "deleted")
    with pytest.raises(GoneError):
        await tracker.append(remote, told, WRITTEN, "key-6")
    with pytest.raises(GoneError):
        await tracker.resolve(Remote("999999"), told, WRITTEN, "key-6")
    assert await tracker.find(told.ticket_id) == []


async def test_a_wrong_address_is_no_deleted_ticket(server: RequestTrackerServer) -> None:
    async with _tracker(server, url=f"{server.url}/elsewhere") as lost:
        with pytest.raises(DeliveryError, match="404") as refused:
            await lost.append(Remote("1"), _ticket(), WRITTEN, "key-7")
        assert not isinstance(refused.value, GoneError)


@pytest.mark.parametrize(
    ("token", "changes", "said"),
    [
        ("1-31-00000000000000000000000000000000", {}, "401"),
        (None, {"queue": "Nowhere"}, "queue 'Nowhere': answered 40"),
        (None, {"key_field": "elsewhere"}, "no custom field elsewhere"),
        (None, {"customer_field": "unknown"}, "no custom field unknown"),
        (None, {"url": "http://127.0.0.1:9"}, "cannot be reached: ConnectError"),
    ],
)
async def test_what_people_must_mend_makes_no_ticket_and_is_tried_again(
    token: str | None, changes: dict[str, object], said: str, server: RequestTrackerServer, technician: Technician
) -> None:
    told = _ticket()
    async with _tracker(server, token, **changes) as amiss:
        with pytest.raises(NotMadeError, match=said) as refused:
            await amiss.open(told, WRITTEN, "key-8")
    assert not refused.value.permanent
    assert technician.tickets(str(told.ticket_id)) == []


async def test_a_refusal_does_not_tell_the_token(server: RequestTrackerServer) -> None:
    token = "1-31-00000000000000000000000000000001"
    async with _tracker(server, token) as amiss:
        with pytest.raises(DeliveryError) as refused:
            await amiss.find(uuid4())
    assert token not in str(refused.value)


async def _looked(tracker: RequestTracker, polled: Polled, cursor: str | None) -> tuple[list[tuple[str, ...]], Look]:
    look = await tracker.look([polled], cursor)
    return [(one.deed.value, one.by, one.said) for read in look.read for one in read.happenings], look


async def test_what_people_do_comes_back_once_and_ours_does_not(
    tracker: RequestTracker, technician: Technician
) -> None:
    told, remote = await _opened(tracker)
    await tracker.append(remote, told, WRITTEN, "key-9")
    deeds, look = await _looked(tracker, _polled(told, remote), None)
    assert deeds == []
    [read] = look.read

    technician.take(remote.remote_id)
    technician.comment(remote.remote_id, FRENCH)
    technician.make(remote.remote_id, "stalled")
    technician.make(remote.remote_id, "resolved")
    technician.make(remote.remote_id, "open")
    await tracker.resolve(remote, told, WRITTEN, "key-10")
    deeds, look = await _looked(tracker, _polled(told, remote, read.seen), look.cursor)
    assert deeds == [
        ("taken", TECHNICIAN, ""), ("commented", TECHNICIAN, FRENCH), ("closed", TECHNICIAN, ""),
        ("reopened", TECHNICIAN, ""),
    ]  # fmt: skip
    [read] = look.read
    assert {one.ticket_id for one in read.happenings} == {told.ticket_id}
    assert len({one.event_id for one in read.happenings}) == len(deeds)

    again, _ = await _looked(tracker, _polled(told, remote, read.seen), look.cursor)
    assert again == []


async def test_a_ticket_that_is_new_to_us_is_read_from_its_beginning(
    tracker: RequestTracker, technician: Technician
) -> None:
    told, remote = await _opened(tracker)
    technician.make(remote.remote_id, "resolved")
    cursor = (await tracker.look([], None)).cursor
    deeds, _ = await _looked(tracker, _polled(told, remote), cursor)
    assert deeds == [("closed", TECHNICIAN, "")]


async def test_what_people_do_where_they_merged_it_to_comes_back(
    tracker: RequestTracker, technician: Technician
) -> None:
    told, remote = await _opened(tracker)
    other = technician.create({})
    technician.comment(other, "Before")
    _, look = await _looked(tracker, _polled(told, remote), None)
    [read] = look.read
    technician.merge(remote.remote_id, other)
    technician.take(other)
    deeds, look = await _looked(tracker, _polled(told, remote, read.seen), look.cursor)
    assert deeds == [("taken", TECHNICIAN, "")]
    [read] = look.read
    technician.comment(other, FRENCH)
    technician.make(remote.remote_id, "resolved")
    deeds, look = await _looked(tracker, _polled(told, remote, read.seen), look.cursor)
    assert deeds == [("commented", TECHNICIAN, FRENCH), ("closed", TECHNICIAN, "")]
    [read] = look.read
    assert (await _looked(tracker, _polled(told, remote, read.seen), look.cursor))[0] == []


async def test_what_was_let_go_again_is_nobodys(tracker: RequestTracker, technician: Technician) -> None:
    told, remote = await _opened(tracker)
    technician.take(remote.remote_id)
    technician.let_go(remote.remote_id)
    assert (await _looked(tracker, _polled(told, remote), None))[0] == []


async def test_strangers_tickets_are_nobodys_business(tracker: RequestTracker, technician: Technician) -> None:
    told, remote = await _opened(tracker)
    look = await tracker.look([_polled(told, remote)], None)
    other = technician.create({})
    technician.comment(other, "Something else")
    deeds, _ = await _looked(tracker, _polled(told, remote, look.read[0].seen), look.cursor)
    assert deeds == []
