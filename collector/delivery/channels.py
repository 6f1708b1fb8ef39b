"""The ways out that are configured, ready to be used: one line a kind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

import httpx
from pydantic import AnyHttpUrl, SecretStr

from collector.delivery.alertmanager import Alertmanager
from collector.delivery.apprise_service import AppriseService, UnknownServiceError
from collector.delivery.channel import Channel
from collector.delivery.glpi import Glpi
from collector.delivery.polling import Poll
from collector.delivery.request_tracker import RequestTracker
from collector.delivery.ticket_mail import TicketMail, UntrustedError
from collector.delivery.ticket_webhook import TicketWebhook
from collector.delivery.tickets import Remotes, Tickets, TicketSystem
from collector.delivery.written import Pen, Templates, write_ticket
from collector.logs import logger
from collector.model.book import TICKETS, Book
from collector.model.channels import (
    AlertmanagerChannel,
    AppriseChannel,
    ChannelSpec,
    GlpiChannel,
    MailChannel,
    RequestTrackerChannel,
    Secret,
    WebhookChannel,
)
from collector.secrets import MissingSecretError, place, read_secret, read_signing_key

_log = logger("delivery")


class TicketReceiver(NamedTuple):
    """What VIGIE_TICKET_WEBHOOK_URL names: the ticket system of whoever has configured no other."""

    url: str
    secret: str
    timeout: timedelta

    @classmethod
    def of(cls, url: AnyHttpUrl | None, secret: SecretStr | None, timeout: timedelta) -> "TicketReceiver | None":
        """None where the settings name none."""
        return cls(str(url), secret.get_secret_value(), timeout) if url and secret else None


@dataclass(frozen=True)
class Outfit:
    """What channels are made with; `zone` is the provider's, in which times are told."""

    client: httpx.AsyncClient
    remotes: Remotes
    public_url: str
    zone: str
    templates: Templates


class UnopenedError(Exception):
    """A channel cannot be used as it is configured; the message says why, and never a secret."""


def open_channels(book: Book, outfit: Outfit, receiver: TicketReceiver | None) -> Mapping[str, Channel]:
    """Every channel of the book that can be used, by name; what is left out is logged with its reason."""
    opened: dict[str, Channel] = {}
    if receiver:
        opened[TICKETS] = TicketWebhook(
            TICKETS, outfit.client, receiver.url, receiver.secret, outfit.public_url, receiver.timeout
        )
    for name, spec in book.channels.items():
        try:
            opened[name] = open_channel(name, spec, outfit)
        except Exception as error:  # noqa: BLE001 - one that cannot be opened must not close the others
            opened.pop(name, None)
            reason = str(error) if isinstance(error, UnopenedError) else type(error).__name__
            _log.error("a channel is left out", channel=name, kind=spec.kind, reason=reason)
    return opened


def open_channel(name: str, spec: ChannelSpec, outfit: Outfit) -> Channel:
    """Raises UnopenedError."""
    try:
        return _opened(name, spec, outfit)
    except (MissingSecretError, UntrustedError) as error:
        raise UnopenedError(str(error)) from None


def _opened(name: str, spec: ChannelSpec, outfit: Outfit) -> Channel:
    pen = Pen(spec.language, outfit.zone, outfit.public_url, outfit.templates)
    match spec:
        case WebhookChannel():
            key = read_signing_key(spec.secret)
            return TicketWebhook(name, outfit.client, str(spec.url), key, outfit.public_url, spec.timeout)
        case RequestTrackerChannel():
            return _tickets(name, RequestTracker(outfit.client, spec, read_secret(spec.token)), spec, outfit, pen)
        case GlpiChannel():
            glpi = Glpi(outfit.client, spec, read_secret(spec.user_token), _read_if(spec.app_token))
            return _tickets(name, glpi, spec, outfit, pen)
        case MailChannel():
            return TicketMail(name, spec, _read_if(spec.password), pen)
        case AppriseChannel():
            return _service(name, spec, pen)
        case AlertmanagerChannel():
            return Alertmanager(name, outfit.client, spec, _read_if(spec.password), pen)


def _read_if(secret: Secret | None) -> str | None:
    return read_secret(secret) if secret else None


def _service(name: str, spec: AppriseChannel, pen: Pen) -> AppriseService:
    try:
        return AppriseService(name, read_secret(spec.url), spec.timeout, pen)
    except UnknownServiceError as error:
        raise UnopenedError(f"{place(spec.url)} is {error}") from None


def _tickets(name: str, system: TicketSystem, spec: ChannelSpec, outfit: Outfit, pen: Pen) -> Tickets:
    return Tickets(name, system, outfit.remotes, partial(write_ticket, pen=pen), spec.timeout)


def open_polls(book: Book, channels: Mapping[str, Channel]) -> Iterable[Poll]:
    """Those of the opened channels that are asked what people did there."""
    for name, channel in channels.items():
        match book.channels.get(name), channel:
            case RequestTrackerChannel() | GlpiChannel() as spec, Tickets(system=RequestTracker() | Glpi() as system):
                if spec.poll:
                    yield Poll(name, system, spec.poll)
