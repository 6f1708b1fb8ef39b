"""Alerts to an Alertmanager that a test plays: what they say, and that what lasts is told again by one worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response

from collector.delivery import resending
from collector.delivery.alertmanager import INTERVALS, Alertmanager, alert_of
from collector.delivery.channel import DeliveryError, Telling
from collector.delivery.outlets import Outlets, always
from collector.delivery.resending import AT_ONCE, Outcome, Resends, resend
from collector.delivery.rounds import LOOK_UP_EVERY
from collector.delivery.written import Pen, Templates
from collector.metrics import WorkerMetrics, new_registry
from collector.model.channels import AlertmanagerChannel
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentState, Told
from collector.model.message import Notice, NoticeKind
from collector.store.incidents import put_incidents
from collector.store.outbox import Parcel
from collector.store.told import ToldIncident
from tests.factories import HOUR, MINUTE, NOW, PRACTICE, finding, incident
from tests.integration.house import House, enrol, message, notice, until
from tests.integration.receivers import served

NAME = "board"
RESEND = timedelta(seconds=30)
PEN = Pen("fr", "Europe/Paris", "https://vigie.example/", Templates())
Alert = Mapping[str, Any]


async def _at_once() -> None: ...


@dataclass
class Board:
    """Keeps the alerts of each request, and answers with each status in its turn; the last one for ever."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[list[Alert]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] = _at_once

    async def take(self, request: Request) -> Response:
        self.headers.append(dict(request.headers))
        self.requests.append(await request.json())
        await self.meanwhile()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(status_code=status, headers={"retry-after": "7"})


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    board = Board()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/under/api/v2/alerts", board.take, methods=["POST"], response_model=None)
    async with served(app) as url:
        board.url = f"{url}/under/"
        yield board


@asynccontextmanager
async def opened(board: Board, secret: str | None = None, **more: object) -> AsyncIterator[Alertmanager]:
    spec = AlertmanagerChannel.model_validate({"kind": "alertmanager", "url": board.url, "resend": RESEND, **more})
    async with httpx.AsyncClient() as client:
        yield Alertmanager(NAME, client, spec, secret, PEN)


def parcel(kind: NoticeKind = NoticeKind.RAISED, incident_id: UUID | None = None, **more: object) -> Parcel:
    told = notice(PRACTICE, incident_id or uuid4(), kind, datetime.now(UTC) - HOUR)
    line = told.incident.model_copy(update={"facts": {"job": "daily", "endpoint": "SRV-01"}, **more})
    return _of(told.model_copy(update={"incident": line}))


def _of(told: Notice) -> Parcel:
    return Parcel(PRACTICE, uuid4(), 1, None, NOW, told)


def alert(one: Parcel, until_: datetime = NOW + HOUR) -> Alert:
    assert isinstance(one.message, Notice)
    return alert_of(ToldIncident(one.message.practice, one.message.incident), until_, PEN)


def ends(one: Alert) -> datetime:
    return datetime.fromisoformat(one["endsAt"])


def test_an_alert_says_what_it_is_about_and_where_to_look() -> None:
    one = parcel()
    said = alert(one)
    url = f"https://vigie.example/noc/incidents/{one.message.about}"
    assert said["labels"] == {
        "alertname": "backup_missed", "practice": "Cabinet Test", "subject": "job:-:daily", "severity": "critical",
        "machine": "SRV-01", "job": "daily",
    }  # fmt: skip
    assert said["annotations"]["summary"] == "Sauvegarde manquée\N{NO-BREAK SPACE}: daily sur SRV-01 (Cabinet Test)"
    assert "\n" in said["annotations"]["description"]
    assert said["generatorURL"] == said["annotations"]["url"] == url


def test_it_is_the_same_alert_from_first_to_last_and_another_when_it_grows_worse() -> None:
    incident_id = uuid4()
    raised, over = parcel(incident_id=incident_id), parcel(NoticeKind.RESOLVED, incident_id)
    changed = parcel(incident_id=incident_id, reason="still_running", since=NOW)
    assert alert(raised)["labels"] == alert(changed)["labels"] == alert(over)["labels"]
    worse = parcel(incident_id=incident_id, severity=Severity.WARNING)
    assert alert(worse)["labels"] != alert(raised)["labels"]


def test_what_has_no_machine_or_job_has_no_empty_label() -> None:
    assert alert(parcel(facts={"job": ""}))["labels"].keys() == {"alertname", "practice", "subject", "severity"}


def test_one_that_is_over_ended_when_it_was_and_never_before_it_began() -> None:
    lasting = {"state": IncidentState.OPEN, "resolved_at": None, "since": NOW}
    over = {**lasting, "state": IncidentState.RESOLVED, "resolved_at": NOW + MINUTE}
    reopened = {**over, "state": IncidentState.OPEN}
    early = {**over, "resolved_at": NOW - MINUTE}
    found = [ends(alert(parcel(**fields))) for fields in (lasting, over, reopened, early)]  # type: ignore[arg-type]
    assert found == [NOW + HOUR, NOW + MINUTE, NOW + HOUR, NOW]


async def test_a_notice_lights_it_for_a_few_intervals_and_its_end_puts_it_out(board: Board) -> None:
    incident_id = uuid4()
    async with opened(board) as channel:
        began = datetime.now(UTC)
        await channel.deliver(parcel(incident_id=incident_id))
        await channel.deliver(parcel(NoticeKind.REPEATED, incident_id))
        await channel.deliver(parcel(NoticeKind.RESOLVED, incident_id))
        done = datetime.now(UTC)
    raised, repeated, over = (ends(one) for (one,) in board.requests)
    assert began + INTERVALS * RESEND <= raised <= repeated <= done + INTERVALS * RESEND
    assert over < began


async def test_many_notices_are_one_request_with_the_last_word_of_each_incident(board: Board) -> None:
    first, second = uuid4(), uuid4()
    async with opened(board) as channel:
        assert isinstance(channel, Telling)
        raised = [parcel(incident_id=first), parcel(incident_id=second, subject="job:-:other")]
        await channel.deliver_many([*raised, parcel(NoticeKind.RESOLVED, first)])
    (request,) = board.requests
    now = datetime.now(UTC)
    assert [ends(one) > now for one in request] == [False, True]


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (401, False), (404, False), (429, False), (500, False), (503, False)]
)
async def test_what_it_refuses_for_good_is_not_tried_again(board: Board, status: int, permanent: bool) -> None:
    board.statuses = [status]
    async with opened(board) as channel:
        with pytest.raises(DeliveryError, match=f"^answered {status}$") as raised:
            await channel.deliver(parcel())
    assert raised.value.permanent is permanent
    assert raised.value.retry_after == timedelta(seconds=7)


async def test_one_that_is_away_is_tried_again() -> None:
    async with opened(Board(url="http://127.0.0.1:1/")) as channel:
        with pytest.raises(DeliveryError, match=r"^no answer: ConnectError$") as raised:
            await channel.deliver(parcel())
    assert not raised.value.permanent


async def test_a_ticket_is_none_of_its_business(board: Board) -> None:
    async with opened(board) as channel:
        with pytest.raises(DeliveryError) as raised:
            await channel.deliver(Parcel(PRACTICE, uuid4(), 1, None, NOW, message(PRACTICE, uuid4(), 1)))
    assert raised.value.permanent
    assert board.requests == []


async def test_it_signs_in_where_it_must(board: Board) -> None:
    async with opened(board, "secret", username="vigie", password={"env": "AM"}) as channel, opened(board) as open_:
        await channel.deliver(parcel())
        await open_.deliver(parcel())
    assert [one.get("authorization") for one in board.headers] == ["Basic dmlnaWU6c2VjcmV0", None]


async def lasts(house: House, *incidents: Incident) -> None:
    """Incidents of a practice of their own."""
    practice_id = (await enrol(house)).practice.practice_id
    async with house.worker.acquire() as conn:
        await put_incidents(conn, [(practice_id, one) for one in incidents])


def told(job: str = "daily", *channels: str, **more: object) -> Incident:
    names = channels or (NAME,)
    one = incident(finding(job=job, since=NOW), told=tuple(Told(channel=one) for one in names))
    return one.model_copy(update=more)


async def resolve(house: House) -> None:
    await house.owner.execute("UPDATE incident SET state = 'resolved', resolved_at = now(), told = '[]'")


async def due_again(house: House) -> None:
    """As if the interval were over."""
    await house.owner.execute("UPDATE poll SET due_at = now()")


async def test_what_it_was_told_of_and_lasts_is_told_again(house: House, board: Board) -> None:
    over = {"state": IncidentState.RESOLVED, "resolved_at": NOW}
    await lasts(
        house,
        told("mine"), told("acknowledged", state=IncidentState.ACKNOWLEDGED), told("ours", "sms", NAME),
        told("another's", "sms"), told("nobody's").model_copy(update={"told": ()}), told("over", **over),
    )  # fmt: skip
    async with opened(board) as channel:
        now = datetime.now(UTC)
        assert await resend(house.worker, channel) is Outcome.TAKEN
    (request,) = board.requests
    assert sorted(one["labels"]["subject"].rpartition(":")[2] for one in request) == ["acknowledged", "mine", "ours"]
    assert {one["labels"]["practice"] for one in request} == {"Cabinet Test"}
    assert all(ends(one) >= now + INTERVALS * RESEND for one in request)


async def test_it_is_told_by_one_worker_once_in_an_interval(house: House, board: Board) -> None:
    await lasts(house, told())
    async with opened(board) as channel:
        outcomes = await asyncio.gather(*(resend(house.worker, channel) for _ in range(4)))
        assert sorted(outcomes, key=str) == [None, None, None, Outcome.TAKEN]
        await due_again(house)
        assert await resend(house.worker, channel) is Outcome.TAKEN
    assert len(board.requests) == 2


async def test_one_turn_that_fails_leaves_the_next(house: House, board: Board) -> None:
    await lasts(house, told())
    board.statuses = [503, 200]
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.FAILED
        assert await resend(house.worker, channel) is None
        await due_again(house)
        assert await resend(house.worker, channel) is Outcome.TAKEN


async def test_one_that_hangs_is_left_when_its_interval_is_over(house: House, board: Board) -> None:
    await lasts(house, told())
    gate = asyncio.Event()
    board.meanwhile = lambda: _wait(gate)
    async with opened(board) as channel:
        channel.resend = timedelta(seconds=0.2)
        assert await resend(house.worker, channel) is Outcome.FAILED
        gate.set()


async def _wait(gate: asyncio.Event) -> None:
    await gate.wait()


async def test_what_was_resolved_meanwhile_is_put_out_again(house: House, board: Board) -> None:
    await lasts(house, told())
    board.meanwhile = lambda: resolve(house)
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.TAKEN
    (lit,), (ended,) = board.requests
    assert lit["labels"] == ended["labels"]
    assert ends(lit) > datetime.now(UTC) >= ends(ended)


async def test_many_are_told_in_batches(house: House, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending, "AT_ONCE", 2)
    assert AT_ONCE > 2
    await lasts(house, *(told(f"job {n}") for n in range(5)))
    async with opened(board) as channel:
        await resend(house.worker, channel)
    assert [len(request) for request in board.requests] == [2, 2, 1]
    assert len({one["labels"]["subject"] for request in board.requests for one in request}) == 5


async def test_where_nothing_lasts_nothing_is_sent(house: House, board: Board) -> None:
    async with opened(board) as channel:
        assert await resend(house.worker, channel) is Outcome.TAKEN
    assert board.requests == []


async def test_a_worker_tells_it_again_beside_delivering(house: House, board: Board) -> None:
    await lasts(house, told())
    registry = new_registry()
    async with opened(board) as channel:
        outlets = Outlets(house.worker, WorkerMetrics(registry), always([channel]))

        async def taken() -> bool:
            await outlets.send_off()
            counted = {"channel": NAME, "outcome": "taken"}
            return registry.get_sample_value("vigie_alert_resends_total", counted) == 1

        await until(taken)
        await outlets.close()
    assert len(board.requests) == 1


async def test_nobody_waits_for_one_that_hangs(house: House, board: Board) -> None:
    await lasts(house, told())
    gate = asyncio.Event()
    board.meanwhile = lambda: _wait(gate)
    async with opened(board) as channel:
        channel.resend = timedelta(hours=1)
        resends = Resends(house.worker, WorkerMetrics(new_registry()))
        resends.begin([channel])
        await until(lambda: _is(len(board.requests) == 1))
        channel.resend = timedelta(0)
        resends.begin([channel])
        await resends.close()
        gate.set()
    assert len(board.requests) == 1


async def test_whose_turn_it_is_is_not_asked_more_often_than_it_can_be(house: House, board: Board) -> None:
    assert LOOK_UP_EVERY < 1
    async with opened(board) as channel:
        resends = Resends(house.worker, WorkerMetrics(new_registry()))

        async def claimed() -> bool:
            return bool(await house.owner.fetchval("SELECT count(*) FROM poll"))

        resends.begin([channel])
        await until(claimed)
        await house.owner.execute("DELETE FROM poll")
        resends.begin([channel])
        await resends.close()
        assert not await claimed()


async def test_what_raises_is_counted_and_done_again(house: House, board: Board) -> None:
    await lasts(house, told())
    registry = new_registry()
    async with opened(board) as channel:
        channel.resend = timedelta(0)
        channel.tell = _raises  # type: ignore[method-assign,assignment]
        resends = Resends(house.worker, WorkerMetrics(registry))

        async def counted_twice() -> bool:
            resends.begin([channel])
            return (registry.get_sample_value("vigie_worker_failures_total", {"step": "resend"}) or 0) >= 2

        await until(counted_twice)
        await resends.close()


async def _raises(*_: object) -> None:
    raise KeyError


async def _is(so: bool) -> bool:
    return so
