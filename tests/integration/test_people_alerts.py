"""Alerts to an Alertmanager: what they say, and what becomes of a notice."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from collector.delivery.alertmanager import INTERVALS, alert_of
from collector.delivery.channel import DeliveryError, Telling
from collector.model.finding import Severity
from collector.model.incident import IncidentState
from collector.model.message import Notice, NoticeKind
from collector.store.outbox import Parcel
from collector.store.told import ToldIncident
from tests.factories import HOUR, MINUTE, NOW, PRACTICE
from tests.integration.board import PEN, RESEND, Alert, Board, ends, opened
from tests.integration.house import message, notice


def parcel(kind: NoticeKind = NoticeKind.RAISED, incident_id: UUID | None = None, **more: object) -> Parcel:
    told = notice(PRACTICE, incident_id or uuid4(), kind, datetime.now(UTC) - HOUR)
    line = told.incident.model_copy(update={"facts": {"job": "daily", "endpoint": "SRV-01"}, **more})
    return _of(told.model_copy(update={"incident": line}))


def _of(told: Notice) -> Parcel:
    return Parcel(PRACTICE, uuid4(), 1, None, NOW, told)


def alert(one: Parcel, until_: datetime = NOW + HOUR) -> Alert:
    assert isinstance(one.message, Notice)
    return alert_of(ToldIncident(one.message.practice, one.message.incident), until_, PEN)


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
