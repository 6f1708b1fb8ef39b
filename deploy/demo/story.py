"""The story as a list of steps, each checked against the real HTTP interfaces."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

ON_TIME_S = 2.0
POLL_S = 0.25


@dataclass(frozen=True)
class Scene:
    """Where the story is watched from."""

    api: httpx.AsyncClient  # carries an operator's token
    browser: httpx.AsyncClient  # has signed in to the NOC page
    receiver: httpx.AsyncClient
    practices: int
    hero: str
    hero_id: str
    link: str

    async def get(self, path: str) -> list[dict[str, Any]]:
        response = await self.api.get(path)
        response.raise_for_status()
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def hero_incident(self) -> dict[str, Any] | None:
        incidents = await self.get(f"/v1/incidents?practice_id={self.hero_id}&limit=10")
        missed = [one for one in incidents if one["rule"] == "backup_missed"]
        return missed[0] if missed else None

    async def hero_ticket(self) -> dict[str, Any] | None:
        tickets = (await self.receiver.get("/tickets")).raise_for_status().json()
        return next((one for one in tickets if one["practice"] == self.hero), None)


@dataclass(frozen=True)
class Step:
    """Something that must happen; `seen` says what was seen once it did, None until then."""

    name: str
    seen: Callable[[Scene], Awaitable[str | None]]


async def _heartbeats_arrive(scene: Scene) -> str | None:
    practices = await scene.get("/v1/practices?limit=500")
    silent = [one["name"] for one in practices if one["reason"] == "never_reported"]
    return None if silent or len(practices) < scene.practices else f"{len(practices)} practices report"


async def _incident_opens(scene: Scene) -> str | None:
    incident = await scene.hero_incident()
    if incident is None:
        return None
    late = (_instant(incident["opened_at"]) - _instant(incident["since"])).total_seconds()
    if late > ON_TIME_S:
        raise AssertionError(f"the incident opened {late:.2f} s after its deadline")
    return f"{incident['facts'].get('job')} of {scene.hero}, {late:.2f} s after its deadline"


async def _ticket_arrives(scene: Scene) -> str | None:
    ticket = await scene.hero_ticket()
    return f"“{ticket['title']}”" if ticket and ticket["state"] == "open" else None


async def _noc_turns_red(scene: Scene) -> str | None:
    return "critical, on top" if await _noc_state(scene) == "critical" else None


async def _status_turns_red(scene: Scene) -> str | None:
    return f"/status/{scene.link[:6]}…" if await _status_state(scene) == "critical" else None


async def _backup_succeeds(scene: Scene) -> str | None:
    incident = await scene.hero_incident()
    return f"incident {incident['resolution']}" if incident and incident["state"] == "resolved" else None


async def _ticket_closes(scene: Scene) -> str | None:
    ticket = await scene.hero_ticket()
    if ticket is None or ticket["state"] != "resolved":
        return None
    if ticket["sequences"] != list(range(1, len(ticket["sequences"]) + 1)):
        raise AssertionError(f"the ticket's events came out of order: {ticket['sequences']}")
    return " → ".join(event.removeprefix("ticket.") for event in ticket["events"])


async def _pages_turn_green(scene: Scene) -> str | None:
    """The NOC page lists who needs somebody: those that are well have gone from it."""
    green = await _noc_state(scene) is None and await _status_state(scene) == "ok"
    return "off the NOC's list, green on its own page" if green else None


STORY = (
    Step("heartbeats arrive", _heartbeats_arrive),
    Step("a backup is missed, its incident opens on time", _incident_opens),
    Step("a ticket arrives at the receiver", _ticket_arrives),
    Step("the NOC page turns red", _noc_turns_red),
    Step("the practice's status page turns red", _status_turns_red),
    Step("the backup succeeds, the incident is resolved", _backup_succeeds),
    Step("the ticket closes", _ticket_closes),
    Step("both pages are green again", _pages_turn_green),
)


async def tell(scene: Scene, happened: Callable[[Step, str], None]) -> None:
    """Wait for each step in its order, and say so."""
    for step in STORY:
        while (seen := await step.seen(scene)) is None:  # noqa: ASYNC110 - other processes do the work
            await asyncio.sleep(POLL_S)
        happened(step, seen)


async def _noc_state(scene: Scene) -> str | None:
    page = (await scene.browser.get("/noc")).raise_for_status().text
    return _attribute(page, f'id="practice-{scene.hero_id}"', "data-state")


async def _status_state(scene: Scene) -> str | None:
    page = (await scene.browser.get(f"/status/{scene.link}?lang=fr")).raise_for_status().text
    return _attribute(page, "<main", "data-state")


def _attribute(page: str, marker: str, name: str) -> str | None:
    """The attribute of the element that carries the marker."""
    at = page.find(marker)
    tag = page[page.rfind("<", 0, at + 1) : page.find(">", at)] if at >= 0 else ""
    _, found, rest = tag.partition(f'{name}="')
    return rest.partition('"')[0] if found else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
