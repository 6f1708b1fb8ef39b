"""Ways out: ticket systems, people's phones and boards, and where each one's secret is read."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AnyHttpUrl,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from collector.model.duration import Duration
from collector.model.value import Name, Value

Language = Literal["fr", "en"]
# One address, without a name: what stands in a header and in the envelope.
Address = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\x00-\x20@,;<>\x7f]+@[^\x00-\x20@,;<>\x7f]+$")]


# As it is to be written. What is stored is read as it is: a book in force can always be loaded.
WholePath = Annotated[Path, WithJsonSchema({"type": "string", "format": "path", "pattern": "^/"})]


class Secret(Value):
    """Where a secret is read when it is needed: never in a file of configuration, never in the database."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    env: Name | None = None
    """The environment variable that holds it."""
    file: WholePath | None = None
    """The file that holds it, alone."""

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret stands in one place: name either `env` or `file`")
        if self.env and self.env.upper().startswith("VIGIE_"):
            raise ValueError("names that begin with VIGIE_ are kept for settings; call the variable something else")
        return self


# A message has one day, and may have to wait for this several times.
Settle = Annotated[Duration, Field(le=timedelta(hours=1))]
# A look costs a ticket system several requests, and workers look for their turn each second.
Poll = Annotated[Duration, Field(ge=timedelta(seconds=1))]


class _Channel(Value):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=2))] = timedelta(seconds=10)
    """How long one delivery may take."""
    rate: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """Deliveries a minute at most."""
    language: Language = "fr"
    """Of what is written there."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return tuple(value for _, value in self if isinstance(value, Secret))


class WebhookChannel(_Channel):
    """Tickets to any receiver of webhooks, signed as Standard Webhooks says."""

    kind: Literal["webhook"]
    url: AnyHttpUrl
    secret: Secret
    """`whsec_...`"""
    inbound: Secret | None = None
    """`whsec_...` of what comes back: closed, taken, commented."""


class RequestTrackerChannel(_Channel):
    """Tickets in Request Tracker 5 (REST 2.0)."""

    kind: Literal["request_tracker"]
    url: AnyHttpUrl
    """Where RT answers; `/REST/2.0/` is added."""
    token: Secret
    queue: Name
    key_field: Name = "dedup_key"
    """A custom field of the queue's tickets (one value) that keeps each ticket's key."""
    customer_field: Name | None = None
    """A custom field for the practice's customer number."""
    settle: Settle = timedelta(seconds=5)
    """How long after a create its ticket may still be missing from a search."""
    poll: Poll | None = timedelta(minutes=1)
    """How often what people did to tickets is fetched."""


class GlpiChannel(_Channel):
    """Tickets in GLPI (REST API)."""

    kind: Literal["glpi"]
    url: AnyHttpUrl
    """Where GLPI answers; `/apirest.php/` is added."""
    app_token: Secret | None = None
    user_token: Secret
    entity: int | None = None
    """Of practices without a customer number of their own; a practice's customer number is its entity."""
    settle: Settle = timedelta(seconds=5)
    poll: Poll | None = timedelta(minutes=1)


class MailChannel(_Channel):
    """Mail, threaded by ticket: every helpdesk takes it."""

    kind: Literal["mail"]
    host: Name
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    """587 with STARTTLS, 465 with TLS from the first byte."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    authority: WholePath | None = None
    """The certificate authority (PEM) of a server of one's own; else those that the system trusts."""
    sender: Address
    to: Address
    username: Name | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _signs_in_safely(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.password and self.security == "none":
            raise ValueError("a password needs `security: starttls` or `tls`, or anybody on the way can read it")
        return self


class AppriseChannel(_Channel):
    """People and tools by any of apprise's services."""

    kind: Literal["apprise"]
    url: Secret
    """An apprise URL: it holds tokens, so it is a secret."""


class AlertmanagerChannel(_Channel):
    """Alerts to a Prometheus Alertmanager (API v2), sent again until they are resolved."""

    kind: Literal["alertmanager"]
    url: AnyHttpUrl
    rate: Annotated[int, Field(ge=1, le=60_000)] | None = 600
    """Requests a minute at most: nobody's phone rings, it groups what it sends by itself."""
    resend: Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(minutes=4))] = timedelta(minutes=1)
    """How often what lasts is sent again; an alert ends by itself after four times that."""
    username: Name | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _signs_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        return self


TicketChannel = WebhookChannel | RequestTrackerChannel | GlpiChannel | MailChannel
PeopleChannel = MailChannel | AppriseChannel | AlertmanagerChannel
ChannelSpec = Annotated[
    WebhookChannel | RequestTrackerChannel | GlpiChannel | MailChannel | AppriseChannel | AlertmanagerChannel,
    Field(discriminator="kind"),
]
TICKET_KINDS = frozenset({"webhook", "request_tracker", "glpi", "mail"})
PEOPLE_KINDS = frozenset({"mail", "apprise", "alertmanager"})
