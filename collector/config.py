"""Settings: read once, at the composition roots alone, from the environment. Unknown ones are refused."""

import base64
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl, Field, RedisDsn, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "VIGIE_"
# Read by the practice's agent, which shares the prefix and nothing else.
AGENT_PREFIX = "VIGIE_AGENT_"

Port = Annotated[int, Field(ge=1, le=65_535)]


class SettingsError(Exception):
    """A setting is unknown, missing or malformed; the message names it and the way out."""


class Settings(BaseSettings):
    """Each field is the environment variable of its name in capitals behind `VIGIE_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: SecretStr = Field(description="PostgreSQL with or without TimescaleDB: postgresql://...")
    redis_url: RedisDsn | None = Field(
        None, repr=False, description="Redis for ticks; without it workers sweep by themselves"
    )
    host: str = Field("127.0.0.1", description="address that a process listens on")
    trusted_proxies: str = Field(
        "127.0.0.1", description="proxies whose X-Forwarded-For is believed: addresses or networks, comma-separated"
    )
    collector_port: Port = Field(8710, description="port of the collector")
    api_port: Port = Field(8720, description="port of the api")
    worker_port: Port = Field(8730, description="port of the worker's health and metrics")
    public_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8720"),
        description="where people reach the api; with https cookies are secure",
    )
    collector_url: AnyHttpUrl = Field(
        AnyHttpUrl("http://127.0.0.1:8710"), description="where practices reach the collector: printed URLs begin so"
    )
    ticket_webhook_url: AnyHttpUrl | None = Field(
        None, repr=False, description="receiver of tickets; without it none are sent"
    )
    ticket_webhook_secret: SecretStr | None = Field(None, description="its Standard Webhooks secret: whsec_...")
    ticket_timeout: timedelta = Field(
        timedelta(seconds=10), gt=timedelta(0), description="how long a receiver may take (ISO 8601)"
    )
    templates: Path | None = Field(
        None, description="folder of your own templates for tickets and notices, as fr/ticket.txt"
    )
    watchdog_url: AnyHttpUrl | None = Field(
        None, repr=False, description="pinged after sweeps, `/fail` behind it where steps are overdue: Healthchecks"
    )
    database_pool: int = Field(8, ge=1, le=200, description="connections of each process")
    intake_queue: int = Field(
        5_000, ge=1, description="heartbeats in batches that wait for a commit before 503 is answered"
    )
    practice_rate: float = Field(50, gt=0, description="heartbeats a second that one practice may send for long")
    practice_burst: float = Field(
        10_000, gt=0, description="heartbeats that it may send at once: what its machines held back over an outage"
    )
    smtp_port: Port | None = Field(None, description="port that mail is taken on; without it none is")
    smtp_domain: str = Field(
        "localhost",
        max_length=190,
        pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$",
        description="domain of jobs' addresses",
    )
    smtp_certificate: Path | None = Field(None, description="certificate chain (PEM); with it STARTTLS is offered")
    smtp_key: Path | None = Field(None, description="its private key (PEM, not encrypted)")
    ping_body_limit: int = Field(
        100_000, ge=1, le=1_000_000, description="bytes of a ping that are read for figures; what is longer is cut off"
    )
    session_lifetime: timedelta = Field(
        timedelta(hours=12), gt=timedelta(0), description="how long a sign-in lasts (ISO 8601)"
    )
    log_format: Literal["console", "json"] = Field("console", description="how log lines look")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `read_settings` gives; it alone reads the environment."""
        return (init_settings,)

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            complete = parts.scheme in ("postgresql", "postgres") and (parts.port or 1) > 0
        except ValueError:
            complete = False
        if not complete:
            raise ValueError("must be like postgresql://user:password@host:5432/database")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, written: str) -> str:
        for proxy in written.split(","):
            try:
                ip_network(proxy.strip())
            except ValueError:
                raise ValueError("must be addresses or networks, like 127.0.0.1,10.0.0.0/8") from None
        return written

    @field_validator("ticket_timeout", "session_lifetime", mode="before")
    @classmethod
    def _is_iso_8601(cls, written: object) -> object:
        if isinstance(written, str) and not re.match(r"[+-]?(P|\d+:)", written, re.IGNORECASE):
            raise ValueError("write it as ISO 8601: PT10S, PT15M, PT12H, P1D")
        return written

    @property
    def cookies_are_secure(self) -> bool:
        """Where people reach us over HTTPS, a cookie never goes without it."""
        return self.public_url.scheme == "https"

    @field_validator("ticket_webhook_secret")
    @classmethod
    def _is_standard_webhooks(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            prefix, _, encoded = secret.get_secret_value().partition("_")
            if prefix != "whsec" or not _is_base64(encoded):
                raise ValueError("must be whsec_ and base64, as Standard Webhooks says")
        return secret

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.smtp_certificate is None) != (self.smtp_key is None):
            raise ValueError("VIGIE_SMTP_CERTIFICATE and VIGIE_SMTP_KEY go together")
        return self

    @model_validator(mode="after")
    def _webhook_is_signed(self) -> Self:
        if self.ticket_webhook_url and not self.ticket_webhook_secret:
            raise ValueError("VIGIE_TICKET_WEBHOOK_SECRET is required with VIGIE_TICKET_WEBHOOK_URL")
        return self


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except ValueError:
        return False


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process; refuses to go on with one that nobody reads."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    ours = [name for name in environment if name.upper().startswith(PREFIX)]
    given = [name for name in ours if not name.upper().startswith(AGENT_PREFIX)]
    if unknown := sorted(name for name in given if name.upper() not in known):
        raise SettingsError(f"unknown setting {', '.join(unknown)}; known are: {', '.join(sorted(known))}")
    try:
        return Settings.model_validate({name.upper().removeprefix(PREFIX).lower(): environment[name] for name in given})
    except ValidationError as error:
        raise SettingsError("; ".join(_said(problem["loc"], problem["msg"]) for problem in error.errors())) from None


def _said(where: tuple[int | str, ...], message: str) -> str:
    """The setting and what is wrong with it, never its value: it may be a secret."""
    name = f"{PREFIX}{str(where[0]).upper()}: " if where else ""
    return f"{name}{message.removeprefix('Value error, ')}"
