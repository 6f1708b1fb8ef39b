"""What is asked of Request Tracker, and how its transactions are read: without one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import httpx
import pytest

from collector.delivery.answers import Door, RefusedError, retry_after
from collector.delivery.channel import DeliveryError
from collector.delivery.request_tracker_deeds import NEW_AT_ONCE, OVERLAP, deed_of, look
from collector.delivery.request_tracker_rest import PAGE, Rest, Ticket, Transaction, quoted
from collector.delivery.tickets import GoneError, NotMadeError
from collector.model.happening import Deed
from collector.store.ticket_remotes import Polled
from tests.factories import NOW

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.mark.parametrize(
    ("text", "written"),
    [("plain", "'plain'"), ("L'alerte", "'L\\'alerte'"), ("a\\", "'a\\\\'"), ("\\' OR id > 0", "'\\\\\\' OR id > 0'")],
)
def test_no_text_ends_its_own_quotes(text: str, written: str) -> None:
    assert quoted(text) == written


@pytest.mark.parametrize(
    ("kind", "old", "new", "deed"),
    [
        ("Comment", "", "", Deed.COMMENTED),
        ("Correspond", "", "", Deed.COMMENTED),
        ("Set", "6", "33", Deed.TAKEN),
        ("Status", "new", "resolved", Deed.CLOSED),
        ("Status", "stalled", "rejected", Deed.CLOSED),
        ("Status", "open", "deleted", Deed.CLOSED),
        ("Status", "resolved", "open", Deed.REOPENED),
        ("Status", "rejected", "new", Deed.REOPENED),
        ("Status", "new", "open", None),
        ("Status", "open", "of their own", None),
        ("Status", "resolved", "rejected", None),
    ],
)
def test_a_transaction_is_a_deed(kind: str, old: str, new: str, deed: Deed | None) -> None:
    assert deed_of(_row(1, kind=kind, old=old, new=new)) is deed


def _row(number: int, ticket: int = 1, kind: str = "Comment", old: str = "", new: str = "") -> Transaction:
    return Transaction.model_validate({
        "id": number, "ObjectId": ticket, "Type": kind, "OldValue": old, "NewValue": new, "Creator": {"id": "paul"},
        "Created": NOW,
    })  # fmt: skip


@dataclass
class History:
    """RT's transactions, and which were asked for."""

    rows: list[Transaction]
    asked: list[str] = field(default_factory=list)
    refuses: dict[int, int] = field(default_factory=dict)  # with which status, by transaction
    merged: dict[int, int] = field(default_factory=dict)  # into which ticket, by ticket
    gone: Exception | None = None

    async def ticket(self, number: int) -> Ticket:
        if self.gone:
            raise self.gone
        return Ticket.model_validate({"id": self.merged.get(number, number), "Status": "open"})

    async def transactions(self, query: str, *, newest: bool = False, limit: int = PAGE) -> Sequence[Transaction]:
        self.asked.append(query)
        if newest:
            return self.rows[-1:]
        start = int(query.partition(" AND id > ")[2].split()[0])
        wanted = query.partition(") AND ")[0]
        fits = [row for row in self.rows if "ObjectId" not in wanted or f"ObjectId = {row.ticket} " in f"{wanted} "]
        return [row for row in fits if row.id > start][:limit]

    async def words_of(self, transaction: Transaction) -> str:
        if status := self.refuses.get(transaction.id):
            raise RefusedError(status, "")
        return f"words {transaction.id}"


def _watched(number: int, seen: str | None = None) -> Polled:
    return Polled(UUID(int=1), UUID(int=1000 + number), str(number), None, seen)


async def _numbers(history: History, watched: Sequence[Polled], cursor: str | None) -> tuple[list[str], str | None]:
    found = await look(cast("Rest", history), watched, cursor)
    return [one.event_id.split()[1] for read in found.read for one in read.happenings], found.cursor


async def test_what_was_committed_late_is_read_within_the_overlap() -> None:
    history = History([_row(5_000), _row(5_000 + OVERLAP)])
    assert await _numbers(history, [_watched(1, "4")], str(5_000 + OVERLAP)) == (["6000"], "6000")
    assert await _numbers(history, [_watched(1, "4")], str(5_000 + OVERLAP - 1)) == (["5000", "6000"], "6000")


async def test_a_ticket_is_read_after_what_was_seen_of_it() -> None:
    history = History([_row(10), _row(11), _row(12, ticket=2)])
    assert await _numbers(history, [_watched(1, "10")], "12") == (["11"], "12")


@pytest.mark.parametrize("status", [403, 404])
async def test_words_that_are_withheld_keep_nothing_else_from_being_read(status: int) -> None:
    history = History([_row(10), _row(11)], refuses={10: status})
    found = await look(cast("Rest", history), [_watched(1, "4")], "9")
    assert [one.said for read in found.read for one in read.happenings] == ["", "words 11"]


async def test_what_people_do_to_the_ticket_that_ours_was_merged_into_comes_back() -> None:
    before, merger, since = _row(9, ticket=7), _row(10, kind="AddLink"), _row(12, ticket=7, kind="Set")
    history = History([before, merger, _row(11, ticket=8), since], merged={1: 7})
    found = await look(cast("Rest", history), [_watched(1, "5")], "9")
    assert [one.event_id for read in found.read for one in read.happenings] == ["transaction 12 for 1"]
    assert [read.seen for read in found.read] == ["12/7"]
    history.rows += [_row(13, ticket=7, kind="Status", old="open", new="resolved"), _row(14, ticket=8)]
    found = await look(cast("Rest", history), [_watched(1, "12/7"), _watched(2, "12/7")], "12")
    assert [one.event_id for read in found.read for one in read.happenings] == [
        "transaction 13 for 1", "transaction 13 for 2",
    ]  # fmt: skip
    assert [read.seen for read in found.read] == ["13/7", "13/7"]


async def test_a_ticket_that_is_merged_on_is_followed() -> None:
    history = History([_row(20, ticket=7, kind="AddLink"), _row(21, ticket=9)], merged={1: 9})
    found = await look(cast("Rest", history), [_watched(1, "12/7")], "20")
    assert [read.seen for read in found.read] == ["21/9"]
    assert [one.event_id for read in found.read for one in read.happenings] == ["transaction 21 for 1"]


async def test_what_was_done_there_before_ours_came_is_not_done_to_ours() -> None:
    """Ticket 6 was merged into ours, ours into 7, and 7 into 9, all between two looks."""
    into_ours, merger = _row(10, kind="AddLink", new="rt://6"), _row(12, kind="AddLink", new="rt://7")
    another, came = _row(14, ticket=9, kind="AddLink", new="rt://8"), _row(20, ticket=9, kind="AddLink", new="rt://7")
    comments = [_row(11, ticket=9), _row(13, ticket=9), _row(15, ticket=9), _row(21, ticket=9)]
    rows = sorted([into_ours, merger, another, came, *comments], key=lambda row: row.id)
    assert await _numbers(History(rows, merged={1: 9}), [_watched(1, "5")], "21") == (["21"], "21")


async def test_a_merger_into_ours_says_nothing_of_when_ours_went() -> None:
    rows = [_row(10, kind="AddLink"), _row(11, ticket=7), _row(12, kind="AddLink"), _row(13, ticket=7)]
    assert await _numbers(History(rows, merged={1: 7}), [_watched(1, "5")], "13") == (["13"], "13")


async def test_one_that_we_may_not_see_is_followed_once_we_may() -> None:
    history = History([_row(20, kind="AddLink"), _row(21, ticket=7)], merged={1: 7}, gone=RefusedError(403, ""))
    found = await look(cast("Rest", history), [_watched(1, "12")], "20")
    assert [read.seen for read in found.read] == ["19"]
    history.gone = None
    found = await look(cast("Rest", history), [_watched(1, "19")], found.cursor)
    assert [read.seen for read in found.read] == ["21/7"]
    assert [one.event_id for read in found.read for one in read.happenings] == ["transaction 21 for 1"]


async def test_one_that_another_was_merged_into_stays_where_it_is() -> None:
    history = History([_row(20, kind="AddLink"), _row(21)])
    assert await _numbers(history, [_watched(1, "12")], "20") == (["21"], "21")


@pytest.mark.parametrize("gone", [GoneError("deleted"), RefusedError(403, ""), RefusedError(404, "")])
async def test_one_that_went_where_we_see_nothing_keeps_no_other_from_being_read(gone: Exception) -> None:
    history = History([_row(20, kind="AddLink"), _row(21, ticket=2)], gone=gone)
    assert await _numbers(history, [_watched(1, "12"), _watched(2, "12")], "20") == (["21"], "21")


async def test_words_that_cannot_be_had_now_are_asked_for_again() -> None:
    with pytest.raises(RefusedError):
        await look(cast("Rest", History([_row(10)], refuses={10: 401})), [_watched(1, "4")], "9")


async def test_more_than_a_page_is_read_to_its_end() -> None:
    history = History([_row(number) for number in range(1, 2 * PAGE + 2)])
    numbers, cursor = await _numbers(history, [_watched(1, "0")], "1")
    assert numbers == [str(number) for number in range(1, 2 * PAGE + 2)]
    assert cursor == str(2 * PAGE + 1)


async def test_each_look_comes_on_however_much_there_is() -> None:
    history = History([_row(number) for number in range(1, 5_001)])
    seen, cursor = "0", "1"
    for _ in range(4):
        found = await look(cast("Rest", history), [_watched(1, seen)], cursor)
        seen, cursor = found.read[0].seen, str(found.cursor)
    assert (seen, cursor) == ("5000", "5000")


async def test_a_restored_database_that_counts_lower_is_read_on() -> None:
    history = History([_row(100), _row(101)])
    numbers, cursor = await _numbers(history, [_watched(1, "100")], "9000")
    assert (numbers, cursor) == (["101"], "101")


async def test_new_tickets_are_asked_for_many_at_once() -> None:
    history = History([_row(number, ticket=number) for number in range(1, 2 * NEW_AT_ONCE + 1)])
    watched = [_watched(number) for number in range(1, 2 * NEW_AT_ONCE + 1)]
    found = await look(cast("Rest", history), watched, None)
    assert sorted(one.event_id for read in found.read for one in read.happenings) == sorted(
        f"transaction {number}" for number in range(1, 2 * NEW_AT_ONCE + 1)
    )
    assert {read.seen for read in found.read} == {str(2 * NEW_AT_ONCE)}
    assert len([query for query in history.asked if "ObjectId" in query]) == 2


def _answering(status: int, headers: dict[str, str], body: str) -> Answer:
    return lambda _: httpx.Response(status, headers=headers, text=body)


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (401, {"content-type": "application/json"}, '{"message":"Unauthorized"}', 'answered 401: {"message":"Una'),
        (403, {"content-type": "application/json"}, '{"message":\n"No"}', 'answered 403: {"message": "No"}'),
        (422, {"content-type": "text/html"}, "<html>", "answered 422$"),
        (429, {"retry-after": "7"}, "", "answered 429$"),
    ],
)
async def test_a_refusal_has_made_nothing(status: int, headers: dict[str, str], body: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said.replace("{", r"\{")) as refused:
        await _asked(_answering(status, headers, body))
    assert isinstance(refused.value, NotMadeError)
    assert not refused.value.permanent
    assert refused.value.retry_after == (timedelta(seconds=7) if status == 429 else None)


@pytest.mark.parametrize("status", [302, 500, 502, 503])
async def test_of_another_answer_nobody_knows_what_became(status: int) -> None:
    with pytest.raises(DeliveryError, match=f"answered {status}") as unknown:
        await _asked(_answering(status, {}, ""))
    assert not isinstance(unknown.value, NotMadeError)


@pytest.mark.parametrize(
    ("raised", "made_nothing"),
    [
        (httpx.ConnectError, True),
        (httpx.ConnectTimeout, True),
        (httpx.PoolTimeout, True),
        (httpx.ReadTimeout, False),
        (httpx.WriteError, False),
        (httpx.RemoteProtocolError, False),
    ],
)
async def test_what_was_never_sent_has_made_nothing(raised: type[httpx.TransportError], made_nothing: bool) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise raised("the text may name a secret")

    with pytest.raises(DeliveryError, match=raised.__name__) as failed:
        await _asked(fail)
    assert isinstance(failed.value, NotMadeError) is made_nothing
    assert "secret" not in str(failed.value)


async def _asked(answer: Answer) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        return await Door(client, "http://rt.example", timedelta(seconds=1)).ask("POST", "ticket", {}, {})


@pytest.mark.parametrize(
    ("wish", "wait"),
    [
        ("", None), ("soon", None), ("0", timedelta(0)), ("90", timedelta(seconds=90)),
        ("999999999", timedelta(hours=12)), ("9" * 5_000, None),
        ("Sat, 21 Nov 2026 18:01:00 GMT", timedelta(minutes=1)),
        ("Sat, 21 Nov 2026 17:00:00 GMT", timedelta(0)),
    ],
)  # fmt: skip
def test_a_receivers_wish_is_seconds_or_a_date(wish: str, wait: timedelta | None) -> None:
    now = datetime(2026, 11, 21, 18, tzinfo=UTC)
    assert retry_after(httpx.Response(503, headers={"retry-after": wish} if wish else {}), now) == wait
