"""Settings: every one documented, an unknown or malformed one refused by name, and no secret ever shown."""

import os
from datetime import timedelta

import pytest
from pydantic import ValidationError

from collector.config import PREFIX, Settings, SettingsError, read_settings

DATABASE = "postgresql://vigie:s3cret@db/vigie"
WEBHOOK_SECRET = "whsec_czNjcmV0"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VIGIE_DATABASE_URL", DATABASE)


def refusal(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    return str(refused.value)


def test_only_the_database_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().database_url.get_secret_value() == DATABASE
    monkeypatch.delenv("VIGIE_DATABASE_URL")
    assert refusal(monkeypatch).startswith("VIGIE_DATABASE_URL: ")


def test_unknown_setting_is_refused_by_name_beside_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, VIGIE_DATABSE_URL="postgresql://s3cret")
    assert said.startswith("unknown setting VIGIE_DATABSE_URL; known are: ")
    assert "VIGIE_DATABASE_URL" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("name", ["VIGIE_AGENT_KEY", "VIGIE_AGENT_ANYTHING", "VIGIES", "PATH2"])
def test_what_is_not_ours_is_not_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert read_settings()


MALFORMED = [
    ("VIGIE_DATABASE_URL", "mysql://s3cret@db"),
    ("VIGIE_REDIS_URL", "http://s3cret"),
    ("VIGIE_COLLECTOR_PORT", "0"),
    ("VIGIE_API_PORT", "65536"),
    ("VIGIE_WORKER_PORT", "s3cret"),
    ("VIGIE_TRUSTED_PROXIES", ""),
    ("VIGIE_TRUSTED_PROXIES", "127.0.0.1,s3cret"),
    ("VIGIE_TRUSTED_PROXIES", "10.0.0.1/8"),
    ("VIGIE_PUBLIC_URL", "s3cret"),
    ("VIGIE_TICKET_WEBHOOK_URL", "ftp://s3cret"),
    ("VIGIE_TICKET_WEBHOOK_SECRET", "s3cret"),
    ("VIGIE_TICKET_WEBHOOK_SECRET", "whsec_s3cret!"),
    ("VIGIE_TICKET_WEBHOOK_SECRET", "whsec_"),
    ("VIGIE_TICKET_TIMEOUT", "s3cret"),
    ("VIGIE_DATABASE_POOL", "0"),
    ("VIGIE_DATABASE_POOL", "201"),
    ("VIGIE_INTAKE_QUEUE", "0"),
    ("VIGIE_DATABASE_POOL", "s3cret"),
    ("VIGIE_LOG_FORMAT", "s3cret"),
    ("VIGIE_SMTP_PORT", "0"),
    ("VIGIE_SMTP_DOMAIN", "s3cret domain"),
    ("VIGIE_SMTP_DOMAIN", "s3cret."),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_malformed_setting_is_named_and_its_value_is_not_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    said = refusal(monkeypatch, **{name: value})
    assert said.startswith(f"{name}: ")
    assert "s3cret" not in said


@pytest.mark.parametrize("name", ["VIGIE_TICKET_TIMEOUT", "VIGIE_SESSION_LIFETIME"])
@pytest.mark.parametrize("value", ["PT0S", "-PT10S"])
def test_duration_is_longer_than_nothing(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert refusal(monkeypatch, **{name: value}).startswith(f"{name}: ")


def test_every_malformed_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, VIGIE_API_PORT="0", VIGIE_LOG_FORMAT="xml")
    assert "VIGIE_API_PORT: " in said
    assert "VIGIE_LOG_FORMAT: " in said


def test_tickets_are_sent_signed_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://tickets.example/hook"
    assert "VIGIE_TICKET_WEBHOOK_SECRET is required" in refusal(monkeypatch, VIGIE_TICKET_WEBHOOK_URL=url)
    monkeypatch.setenv("VIGIE_TICKET_WEBHOOK_SECRET", WEBHOOK_SECRET)
    assert str(read_settings().ticket_webhook_url) == url


@pytest.mark.parametrize("written", ["PT30S", "00:00:30"])
def test_duration_is_read_as_iso_8601_or_as_a_clock(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("VIGIE_TICKET_TIMEOUT", written)
    assert read_settings().ticket_timeout == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VIGIE_DATABASE_URL", DATABASE),
        ("VIGIE_TICKET_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("VIGIE_REDIS_URL", "redis://:czNjcmV0@redis:6379/0"),
        ("VIGIE_TICKET_WEBHOOK_URL", "https://tickets.example/hook/czNjcmV0"),
    ],
)
def test_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("VIGIE_TICKET_WEBHOOK_SECRET", WEBHOOK_SECRET)
    monkeypatch.setenv(name, value)
    settings = read_settings()
    for shown in (repr(settings), str(settings)):
        assert "s3cret" not in shown
        assert "czNjcmV0" not in shown


def test_settings_are_read_from_the_environment_that_is_given() -> None:
    given = read_settings({"VIGIE_DATABASE_URL": "postgresql://given", "VIGIE_API_PORT": "9000"})
    assert (given.database_url.get_secret_value(), given.api_port) == ("postgresql://given", 9000)


def test_unknown_setting_is_refused_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("vigie_api_port", "9000")
    assert read_settings().api_port == 9000
    assert "vigie_api_prot" in refusal(monkeypatch, vigie_api_prot="9000")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        read_settings().api_port = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, one in Settings.model_fields.items() if not one.description] == []


def test_a_certificate_goes_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "go together" in refusal(monkeypatch, VIGIE_SMTP_CERTIFICATE="/tls/chain.pem")
    monkeypatch.setenv("VIGIE_SMTP_KEY", "/tls/key.pem")
    assert read_settings().smtp_key
