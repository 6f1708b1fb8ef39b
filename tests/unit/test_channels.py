"""The configured ways out: each kind opens, and one that cannot be used is left out alone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError
from structlog.testing import capture_logs

from collector.delivery.alertmanager import Alertmanager
from collector.delivery.apprise_service import AppriseService
from collector.delivery.channels import Outfit, TicketReceiver, UnopenedError, open_channel, open_channels, open_polls
from collector.delivery.remotes import RememberedRemotes
from collector.delivery.ticket_mail import TicketMail
from collector.delivery.ticket_webhook import TicketWebhook, webhook_body
from collector.delivery.tickets import Tickets
from collector.delivery.trial import trial_tickets
from collector.delivery.written import Templates
from collector.model.book import TICKETS, Book
from collector.model.channels import AlertmanagerChannel, ChannelSpec, MailChannel
from tests.factories import NOW

KEY = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
RECEIVER = TicketReceiver("https://settings.example/hook", KEY, timedelta(seconds=10))
SPEC: TypeAdapter[Any] = TypeAdapter(ChannelSpec)
WEBHOOK = {"kind": "webhook", "url": "https://a.example/hook", "secret": {"env": "DESK_KEY"}, "timeout": "7s"}
RT = {"kind": "request_tracker", "url": "https://rt.example", "queue": "Vigie", "token": {"env": "DESK_TOKEN"}}
GLPI = {"kind": "glpi", "url": "https://glpi.example", "user_token": {"env": "DESK_TOKEN"}}
MAIL = {"kind": "mail", "host": "mail.example", "sender": "vigie@a.example", "to": "desk@a.example"}
ROOM = {"kind": "apprise", "url": {"env": "ROOM"}}
BOARD = {"kind": "alertmanager", "url": "http://alertmanager.example:9093"}


@pytest.fixture
async def outfit(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outfit]:
    monkeypatch.setenv("DESK_KEY", KEY)
    monkeypatch.setenv("ROOM", "ntfys://t0ken@ntfy.example/backups")
    monkeypatch.setenv("DESK_TOKEN", "t0ken")
    async with httpx.AsyncClient() as client:
        yield Outfit(client, RememberedRemotes(), "https://vigie.example", "Europe/Paris", Templates())


def book(**channels: object) -> Book:
    return Book.model_validate({"channels": channels})


@pytest.mark.parametrize(
    ("spec", "kind"),
    [(WEBHOOK, TicketWebhook), (RT, Tickets), (GLPI, Tickets), (MAIL, TicketMail), (ROOM, AppriseService),
     (BOARD, Alertmanager)],
)  # fmt: skip
async def test_each_kind_opens_under_its_name_with_its_timeout(
    outfit: Outfit, spec: dict[str, object], kind: type
) -> None:
    channel = open_channel("desk", SPEC.validate_python({**spec, "timeout": "7s"}), outfit)
    assert isinstance(channel, kind)
    assert (channel.name, channel.timeout) == ("desk", timedelta(seconds=7))


async def test_one_that_cannot_be_used_is_left_out_alone_and_said(outfit: Outfit) -> None:
    with capture_logs() as logs:
        opened = open_channels(book(good=MAIL, bad={**WEBHOOK, "secret": {"env": "NOT_THERE"}}), outfit, None)
    assert opened.keys() == {"good"}
    (line,) = logs
    assert (line["channel"], line["reason"]) == ("bad", "environment variable NOT_THERE is not set")


async def test_a_service_that_apprise_does_not_know_is_left_out_and_its_url_not_told(
    outfit: Outfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOM", "nowhere://t0ken@example/")
    with capture_logs() as logs:
        assert open_channels(book(room=ROOM), outfit, None) == {}
    (line,) = logs
    assert line["reason"] == "environment variable ROOM is not a URL of one service that apprise knows"


async def test_the_settings_receiver_is_called_tickets_until_the_book_has_one_of_that_name(outfit: Outfit) -> None:
    assert open_channels(Book(), outfit, None) == {}
    assert isinstance(open_channels(book(desk=MAIL), outfit, RECEIVER)[TICKETS], TicketWebhook)
    assert isinstance(open_channels(book(tickets=MAIL), outfit, RECEIVER)[TICKETS], TicketMail)
    unset = {**WEBHOOK, "secret": {"env": "NOT_THERE"}}
    assert TICKETS not in open_channels(book(tickets=unset), outfit, RECEIVER)


async def test_ticket_systems_that_tell_nothing_are_asked_as_often_as_the_book_says(outfit: Outfit) -> None:
    said = book(rt={**RT, "poll": "2m"}, glpi=GLPI, silent={**RT, "poll": None}, mail=MAIL)
    polls = {poll.channel: poll.every for poll in open_polls(said, open_channels(said, outfit, None))}
    assert polls == {"rt": timedelta(minutes=2), "glpi": timedelta(minutes=1)}


async def test_an_authority_that_is_not_there_is_said(outfit: Outfit, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for missing in ("none.pem", "empty.pem"):
        with pytest.raises(UnopenedError, match=f"authority {tmp_path / missing}"):
            open_channel("desk", SPEC.validate_python({**MAIL, "authority": str(tmp_path / missing)}), outfit)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sender": "Vigie <v@a.example>"}, "sender"),
        ({"to": "a@a.example, b@a.example"}, "to"),
        ({"to": "a@a.example\nBcc: c@a.example"}, "to"),
        ({"username": "v"}, "go together"),
        ({"password": {"env": "P"}}, "go together"),
        ({"username": "v", "password": {"env": "P"}, "security": "none"}, "anybody on the way"),
    ],
)
def test_mail_that_could_go_wrong_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MailChannel.model_validate(MAIL | wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"resend": "9s"}, "resend"),
        ({"resend": "241s"}, "resend"),
        ({"username": "v"}, "go together"),
        ({"password": {"env": "P"}}, "go together"),
    ],
)
def test_an_alertmanager_that_could_go_wrong_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AlertmanagerChannel.model_validate(BOARD | wrong)


def test_a_webhook_leads_to_the_incident_that_matters_most() -> None:
    (opened, _) = trial_tickets(NOW)
    url = f"https://vigie.example/noc/incidents/{opened.incidents[0].incident_id}"
    assert url in webhook_body(opened, "https://vigie.example/")
    bare = opened.model_copy(update={"incidents": ()})
    assert f"https://vigie.example/noc?practice={opened.practice_id}" in webhook_body(bare, "https://vigie.example")


@pytest.mark.parametrize("spec", [{**ROOM, "url": {"file": "secrets/room"}}, {**MAIL, "authority": "~/ca.pem"}])
def test_a_book_in_force_is_loaded_whatever_its_paths(spec: dict[str, object]) -> None:
    assert book(way=spec).channels.keys() == {"way"}
