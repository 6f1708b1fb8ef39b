"""The real Request Tracker 5 of Debian, with a database and a configuration of its own, on the loopback."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local import Server
from deploy.local.account import Account
from deploy.local.command import output_of
from deploy.local.server import free_port
from tests.acceptance import debian_packages

PACKAGES = ("msmtp-mta", "rt5-db-sqlite", "rt5-standalone", "request-tracker5", "dbconfig-sqlite3")
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
SETUP_DATABASE = "/usr/sbin/rt-setup-database-5"
SETUP = Path(__file__).with_name("request_tracker_setup.pl")
QUEUE = "L'alerte"  # TicketSQL must be written right for it
KEY_FIELD, CUSTOMER_FIELD = "dedup_key", "customer"
TECHNICIAN = "paul"

# Europe/Paris: RT reads a date in its user's zone, which is not ours.
CONFIGURATION = """
Set($rtname, 'rt.test'); Set($Organization, 'rt.test');
Set($WebDomain, '127.0.0.1'); Set($WebPort, {port}); Set($WebPath, '');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '{folder}/rt.sqlite3'); Set($DatabaseAdmin, '');
$RT::MasonDataDir = '{folder}/mason'; $RT::MasonSessionDir = '{folder}/sessions';
Set($LogToSyslog, ''); Set($LogToSTDERR, 'error'); Set($Timezone, 'Europe/Paris'); Set($MailCommand, 'testfile');
1;
"""


@dataclass(frozen=True)
class RequestTrackerServer:
    """Where it answers, and who may speak to it."""

    url: str
    token: str
    technician_token: str

    def technician(self) -> "Technician":
        return Technician(self.url, self.technician_token)


class Technician:
    """Somebody who works on tickets there."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=f"{url}/REST/2.0/", headers={"authorization": f"token {token}"}, timeout=30
        )

    def tickets(self, key: str) -> list[dict[str, Any]]:
        """Those that carry a key, whatever became of them, oldest first."""
        asked = {"query": f"'CF.{{{KEY_FIELD}}}' = '{key}'", "orderby": "id"}
        found: list[dict[str, Any]] = self._client.get("tickets", params=asked).raise_for_status().json()["items"]
        return [self.ticket(one["id"]) for one in found]

    def all_tickets(self) -> list[dict[str, Any]]:
        found = self._client.get("tickets", params={"query": "id > 0", "orderby": "id", "per_page": 100})
        return [self.ticket(one["id"]) for one in found.raise_for_status().json()["items"]]

    def ticket(self, ticket: str | int) -> dict[str, Any]:
        read: dict[str, Any] = self._client.get(f"ticket/{ticket}").raise_for_status().json()
        return read

    def texts(self, ticket: str | int) -> list[str]:
        """All that was written in it, oldest first."""
        asked = {"fields": "Content", "per_page": "100"}
        items = self._client.get(f"ticket/{ticket}/attachments", params=asked).raise_for_status().json()["items"]
        return [item["Content"] for item in sorted(items, key=lambda item: int(item["id"])) if item["Content"]]

    def links(self, ticket: str | int) -> list[tuple[str, str]]:
        return [
            (one["ref"], str(one["id"])) for one in self.ticket(ticket)["_hyperlinks"] if one.get("type") == "ticket"
        ]

    def comment(self, ticket: str | int, text: str) -> None:
        self._client.post(
            f"ticket/{ticket}/comment", json={"Content": text, "ContentType": "text/plain"}
        ).raise_for_status()

    def take(self, ticket: str | int) -> None:
        self._client.put(f"ticket/{ticket}/take", json={}).raise_for_status()

    def let_go(self, ticket: str | int) -> None:
        self._client.put(f"ticket/{ticket}/untake", json={}).raise_for_status()

    def make(self, ticket: str | int, status: str) -> None:
        self._client.put(f"ticket/{ticket}", json={"Status": status}).raise_for_status()
        assert self.ticket(ticket)["Status"] == status

    def merge(self, ticket: str | int, into: str | int) -> None:
        self._client.put(f"ticket/{ticket}", json={"MergeInto": str(into)}).raise_for_status()

    def create(self, fields: dict[str, str]) -> str:
        made = self._client.post("ticket", json={"Queue": QUEUE, "Subject": "By hand", "CustomFields": fields})
        return str(made.raise_for_status().json()["id"])


def install() -> None:
    debian_packages.install(SERVER, PACKAGES)


@contextmanager
def running_request_tracker(folder: Path) -> Iterator[RequestTrackerServer]:
    """A new one with a queue, a service user and a technician."""
    port = free_port()
    settings = folder / "RT_SiteConfig.pm"
    settings.write_text(CONFIGURATION.replace("{port}", str(port)).replace("{folder}", str(folder)))
    for own_folder in ("none", "mason", "sessions"):  # Debian's are the web server's alone
        (folder / own_folder).mkdir()
    own = ["/usr/bin/env", f"RT_SITE_CONFIG={settings}", f"RT_SITE_CONFIG_DIR={folder / 'none'}"]
    output_of([*own, SETUP_DATABASE, "--action", "init", "--skip-create"])
    tokens = _set_up(own)
    url = f"http://127.0.0.1:{port}"
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command = [*own, "/usr/bin/perl", str(SERVER), "--server", "Starlet", *where, "--max-workers", "3"]
    account = Account(os.geteuid(), os.getegid())
    with Server(command, folder, account, lambda _: _answers(url, tokens["vigie"]), signal.SIGTERM):
        yield RequestTrackerServer(url, tokens["vigie"], tokens[TECHNICIAN])


def _set_up(own: Sequence[str]) -> dict[str, str]:
    printed = output_of([*own, "/usr/bin/perl", SETUP, QUEUE, KEY_FIELD, CUSTOMER_FIELD])
    return dict(line.split() for line in printed.splitlines())


def _answers(url: str, token: str) -> bool:
    try:
        return httpx.get(f"{url}/REST/2.0/rt", headers={"authorization": f"token {token}"}, timeout=30).is_success
    except httpx.HTTPError:
        return False
