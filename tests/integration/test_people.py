"""Notices to people by apprise: to a real HTTP server and a real mail server, as short as the service wants them."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from structlog.testing import capture_logs

from collector.delivery.apprise_service import LONGEST_TITLE, AppriseService, UnknownServiceError, fitted
from collector.delivery.channel import DeliveryError, Telling
from collector.delivery.pace import MOST_SINGLES
from collector.delivery.written import Pen, Templates, Written
from collector.model.channels import Language
from collector.model.finding import Severity
from collector.model.message import Notice, NoticeKind
from collector.store.outbox import Parcel
from tests.factories import NOW, PRACTICE
from tests.integration.house import message, notice, until
from tests.integration.post_office import post_office
from tests.integration.receivers import served

TOKEN = "t0ken-that-nobody-may-read"


@dataclass
class Board:
    """A service that keeps what it is told; `statuses` are its answers in turn, then all is well."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        self.told.append(await request.json())
        await self.opened.wait()
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async with _board() as opened:
        yield opened


@asynccontextmanager
async def _board() -> AsyncIterator[Board]:
    board = Board()
    board.opened.set()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/{path:path}", board.take, methods=["POST"], response_model=None)
    async with served(app) as url:
        board.url = f"{url.replace('http', 'json')}/{TOKEN}"
        yield board


def service(url: str, language: Language = "fr") -> AppriseService:
    pen = Pen(language, "Europe/Paris", "https://vigie.example", Templates())
    return AppriseService("room", url, timedelta(seconds=10), pen)


def parcel(kind: NoticeKind = NoticeKind.RAISED, severity: Severity = Severity.CRITICAL) -> Parcel:
    told = notice(PRACTICE, uuid4(), kind)
    return _of(told.model_copy(update={"incident": told.incident.model_copy(update={"severity": severity})}))


def _of(told: Notice) -> Parcel:
    return Parcel(PRACTICE, uuid4(), 1, None, NOW, told)


async def test_a_notice_is_told_in_the_channels_language_with_its_link(board: Board) -> None:
    one = parcel()
    await service(board.url).deliver(one)
    await service(board.url, "en").deliver(one)
    french, english = board.told
    assert french["title"].startswith("[Vigie] Cabinet Test : ")
    assert english["title"].startswith("[Vigie] Cabinet Test: ")
    for told in board.told:
        assert told["message"].endswith(f"https://vigie.example/noc/incidents/{one.message.about}")


@pytest.mark.parametrize(
    ("kind", "severity", "shown"),
    [
        (NoticeKind.RAISED, Severity.CRITICAL, "failure"),
        (NoticeKind.REPEATED, Severity.WARNING, "warning"),
        (NoticeKind.RAISED, Severity.NOTICE, "info"),
        (NoticeKind.RESOLVED, Severity.CRITICAL, "success"),
    ],
)
async def test_a_service_shows_how_bad_it_is(board: Board, kind: NoticeKind, severity: Severity, shown: str) -> None:
    await service(board.url).deliver(parcel(kind, severity))
    assert [told["type"] for told in board.told] == [shown]


async def test_many_notices_are_one_message_as_bad_as_the_worst_that_lasts(board: Board) -> None:
    told = service(board.url)
    assert isinstance(told, Telling)
    over = parcel(NoticeKind.RESOLVED)
    await told.deliver_many([over, parcel(severity=Severity.NOTICE), parcel(severity=Severity.WARNING)])
    await told.deliver_many([over, over])
    assert [one["type"] for one in board.told] == ["warning", "success"]
    assert "3 messages" in board.told[0]["title"]


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_what_a_service_refuses_is_tried_again(board: Board, status: int) -> None:
    board.statuses = [status]
    with pytest.raises(DeliveryError, match=f"^answered {status}$") as raised:
        await service(board.url).deliver(parcel())
    assert not raised.value.permanent
    await service(board.url).deliver(parcel())


async def test_a_service_that_is_away_is_tried_again() -> None:
    with pytest.raises(DeliveryError, match=r"^apprise could not send it$") as raised:
        await service("json://127.0.0.1:1/").deliver(parcel())
    assert not raised.value.permanent


async def test_a_ticket_is_none_of_its_business(board: Board) -> None:
    ticket = Parcel(PRACTICE, uuid4(), 1, None, NOW, message(PRACTICE, uuid4(), 1))
    with pytest.raises(DeliveryError) as raised:
        await service(board.url).deliver(ticket)
    assert raised.value.permanent
    assert board.told == []


@pytest.mark.parametrize(
    "url", ["nonsense", f"nope://{TOKEN}", "tgram://bad", f"json://a/{TOKEN},json://b", f"json://a nope://{TOKEN}"]
)
def test_what_is_no_url_of_one_service_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UnknownServiceError) as raised:
        service(url)
    assert TOKEN not in str(raised.value)


async def test_no_log_tells_its_tokens(board: Board) -> None:
    """Whoever listens at the root, at whatever level."""
    heard: list[str] = []
    handler = logging.Handler(level=0)
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(0)
    try:
        logging.getLogger("tests").debug("somebody listens")
        with capture_logs() as logs:
            for url, status in ((board.url, 200), (board.url, 500), (f"json://127.0.0.1:1/{TOKEN}", 0)):
                board.statuses = [status]
                with pytest.raises(DeliveryError) if status != 200 else capture_logs():
                    await service(url).deliver(parcel())
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    assert "somebody listens" in heard
    assert not [line for line in (*heard, *map(str, logs)) if TOKEN in line]


async def test_one_that_hangs_takes_a_few_threads_and_no_more(board: Board) -> None:
    told = service(f"{board.url}?rto=60")
    board.opened.clear()
    waiting = [asyncio.create_task(told.deliver(parcel())) for _ in range(MOST_SINGLES)]
    await until(lambda: _is(len(board.told) == MOST_SINGLES))
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with pytest.raises(DeliveryError, match="still under way"):
        await told.deliver(parcel())
    assert all(one.daemon for one in threading.enumerate() if one.name == "apprise")
    board.opened.set()
    await until(lambda: _is(not any(one.name == "apprise" for one in threading.enumerate())))
    await told.deliver(parcel())
    assert len(board.told) == MOST_SINGLES + 1


async def _is(so: bool) -> bool:
    return so


async def test_it_goes_by_mail_too() -> None:
    async with post_office() as office:
        url = f"mailto://localhost:{office.port}?from=vigie@a.example&to=ada@a.example&mode=insecure&format=text"
        await service(url).deliver(parcel())
    (mail,) = office.kept
    assert office.envelopes[0][1] == ["ada@a.example"]
    assert "Cabinet Test" in mail["Subject"]
    assert "https://vigie.example/noc/incidents/" in mail.get_content()


def test_no_process_waits_for_apprise_before_it_is_used() -> None:
    check = """
import sys, api.app, collector.intake.app, collector.worker
from collector.cli.commands import commands
commands()
sys.exit('apprise' in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


LINK = "https://vigie.example/noc/incidents/7d1f3c52-7f43-4a37-9d3c-0d7d64a1c0aa"
TEXT = f"No run has ended.\nCabinet Test, since noon, critical.\n{LINK}"
BEFORE_LINK = len(TEXT) - len(LINK) - 1


@pytest.mark.parametrize(
    ("title", "text", "titles", "room", "expected"),
    [
        ("A" * LONGEST_TITLE, TEXT, 250, 32_768, Written("A" * LONGEST_TITLE, TEXT)),
        ("A" * (LONGEST_TITLE + 1), "text", 250, 32_768,
         Written("A" * (LONGEST_TITLE - 3) + "...", "A" * (LONGEST_TITLE + 1) + "\n\ntext")),
        ("A" * 51, "text", 50, 32_768, Written("A" * 47 + "...", "A" * 51 + "\n\ntext")),
        ("Title", TEXT, 0, 5 + 2 + len(TEXT), Written("Title", TEXT)),
        ("Title", TEXT, 0, 5 + 2 + len(TEXT) - 1, Written("Title", f"{TEXT[: BEFORE_LINK - 4]}...\n{LINK}")),
        ("A" * LONGEST_TITLE, TEXT, 0, 160, Written("A" * LONGEST_TITLE, f"No...\n{LINK}")),
        ("Title", TEXT, 0, 5 + 2 + len(LINK) + 4, Written("Title", LINK)),
        ("Title", TEXT, 0, 5 + 2 + len(LINK), Written("Title", LINK)),
        ("Title", TEXT, 0, 5 + 2 + len(LINK) - 1, Written("Title", TEXT[: len(LINK) - 1])),
        ("Title", TEXT, 0, 3, Written("Title", "")),
    ],
)  # fmt: skip
def test_a_text_is_cut_so_that_its_link_stays(title: str, text: str, titles: int, room: int, expected: Written) -> None:
    cut = fitted(Written(title, text), titles, room)
    assert cut == expected
