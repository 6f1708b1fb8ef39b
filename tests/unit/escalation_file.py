"""An escalation.yaml to begin with, pieces of others, and what is read from them."""

import pytest

from collector.configuration.faults import Fault, FaultyError
from collector.configuration.read import Files, read_files
from collector.model.book import Book

FIRST = """
hours: {mon-fri: "08:30-18:30"}
channels:
  helpdesk: {kind: request_tracker, url: "https://rt.example.org", queue: Backups, token: {env: RT_TOKEN}}
  anna-sms: {kind: apprise, url: {env: ANNA_SMS}}
  ben-sms: {kind: apprise, url: {file: /run/secrets/ben}}
people:
  anna: anna-sms
  ben: {page: [ben-sms], language: en}
rotas:
  on-call: {people: [anna, ben], begins: 2026-01-05, covers: after_hours}
policies:
  standard:
    - ticket
    - {page: on-call, after: 15m, repeat: 15m, when: after_hours}
"""


def read(text: str) -> Files:
    return read_files([("escalation.yaml", text)])


def book(text: str) -> Book:
    found = read(text).book
    assert found is not None
    return found


def faults(text: str) -> list[Fault]:
    with pytest.raises(FaultyError) as raised:
        read(text)
    return list(raised.value.faults)


def the_fault(text: str) -> tuple[int | None, str]:
    (fault,) = faults(text)
    return fault.place.line if fault.place else None, str(fault)


CHANNEL = "channels:\n  c: "
PEOPLE = "channels: {c: {kind: apprise, url: {env: C}}}\npeople: {anna: c, ben: c}\n"
ROTA = PEOPLE + "rotas:\n  r: "
POLICY = PEOPLE + "policies:\n  p:\n    - "


ROUTES = "policies: {p: [ticket], q: []}\ndefault: p\nroutes:\n"
