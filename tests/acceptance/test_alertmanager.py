"""A real Alertmanager: an incident burns there for as long as it lasts here, and ends when it does."""

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request

from deploy.demo.stack import Stack
from deploy.local import Server, UnavailableError
from deploy.local.account import Account
from deploy.local.server import free_port
from tests.acceptance import debian_packages
from tests.acceptance.conftest import Provider, eventually, ran, vigie
from tests.acceptance.process import Process
from tests.conftest import Database
from tests.integration.receivers import served

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
PROGRAM = "/usr/bin/prometheus-alertmanager"
PRACTICE, JOB = "Cabinet Pessac", "daily"
# Shorter than what is tested: nothing here may live by it.
CONFIGURATION = """
global: {{resolve_timeout: 5s}}
route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}/hook"}}]}}]
"""


@dataclass
class Hook:
    """Where Alertmanager sends what it makes of our alerts."""

    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: Request) -> None:
        self.told += (await request.json())["alerts"]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/hook", hook.take, methods=["POST"], response_model=None)
    async with served(app) as hook.url:
        yield hook


@contextmanager
def _running(folder: Path, hook: Hook) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = folder / "alertmanager.yml"
    settings.write_text(CONFIGURATION.format(url=hook.url))
    command = [
        PROGRAM, f"--config.file={settings}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with Server(command, folder, Account(os.geteuid(), os.getegid()), lambda _: _ready(url), signal.SIGTERM):
        yield url


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=10).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def alertmanager(tmp_path: Path, hook: Hook) -> Iterator[str]:
    """It looks for its templates in /usr/share: it must be installed."""
    try:
        debian_packages.install(Path(PROGRAM), ["prometheus-alertmanager"])
    except UnavailableError as error:
        pytest.skip(f"no Alertmanager here: {error}")
    with _running(tmp_path, hook) as url:
        yield url


async def _alert(url: str) -> dict[str, Any] | None:
    """The only one that burns."""
    async with httpx.AsyncClient() as client:
        alerts = (await client.get(f"{url}/api/v2/alerts")).raise_for_status().json()
    assert len(alerts) <= 1, "one incident is one alert"
    return alerts[0] if alerts else None


async def _configure(provider: Provider, url: str, folder: Path) -> None:
    channel = {"kind": "alertmanager", "url": url, "resend": "10s", "language": "en"}
    escalation = {
        "channels": {"board": channel},
        "policies": {"standard": [{"notify": "board"}]},
        "default": "standard",
    }
    file = folder / "escalation.yaml"
    file.write_text(json.dumps(escalation))  # JSON is YAML
    await vigie(provider, "apply", str(file), "--yes")


async def test_an_incident_burns_there_while_it_lasts_here_whatever_is_killed(
    alertmanager: str, hook: Hook, database: Database, tmp_path: Path
) -> None:
    async with (
        Process("collector", tmp_path, database.url) as collector,
        Process("worker", tmp_path, database.url) as worker,
    ):
        stack = Stack(database.url, collector.url, "", worker.url, "", tmp_path)
        provider = Provider(stack, "")
        await _configure(provider, alertmanager, tmp_path)
        machine = await provider.machine(PRACTICE)
        await provider.schedule(machine.enrolled, JOB, every=HOUR, grace=SECOND)
        await machine.report(ran(JOB, "failed"))

        lit = await eventually(lambda: _alert(alertmanager), "an alert")
        incident = await _incident(database)
        assert lit["labels"] == {
            "alertname": "backup_failed", "practice": PRACTICE, "severity": "critical", "subject": incident["subject"],
            "machine": "SRV-01", "job": JOB,
        }  # fmt: skip
        assert PRACTICE in lit["annotations"]["summary"]
        assert lit["generatorURL"] == lit["annotations"]["url"]
        assert lit["generatorURL"].endswith(f"/noc/incidents/{incident['incident_id']}")
        assert _instant(lit["startsAt"]) == _to_the_millisecond(incident["since"])

        worker.kill()
        await worker.start()
        ends_at = _instant(lit["endsAt"])

        async def outlived() -> dict[str, Any] | None:
            alert = await _alert(alertmanager)
            assert alert, "it lasts"
            return alert if datetime.now(UTC) > ends_at else None

        still = await eventually(outlived, "what is told again outlives its end")
        assert still["startsAt"] == lit["startsAt"]
        assert still["fingerprint"] == lit["fingerprint"]
        assert [one["status"] for one in hook.told] == ["firing"]

        await machine.report(ran(JOB))

        async def over() -> dict[str, Any] | None:
            return next((one for one in hook.told if one["status"] == "resolved"), None)

        ended = await eventually(over, "an alert that is over")
        assert await _alert(alertmanager) is None
        resolved_at = (await _incident(database))["resolved_at"]
        assert _to_the_millisecond(_instant(ended["endsAt"])) == _to_the_millisecond(resolved_at), "it did not run out"


async def _incident(database: Database) -> dict[str, Any]:
    (row,) = await database.owner.fetch("SELECT * FROM vigie.incident")
    assert isinstance(row, asyncpg.Record)
    return dict(row)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _to_the_millisecond(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1_000 * 1_000)


async def test_a_trial_passes(alertmanager: str, hook: Hook, database: Database, tmp_path: Path) -> None:
    provider = Provider(Stack(database.url, "", "", "", "", tmp_path), "")
    await _configure(provider, alertmanager, tmp_path)
    assert "board works" in await vigie(provider, "channel", "test", "board")
    assert await _alert(alertmanager) is None
