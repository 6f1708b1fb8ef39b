"""What the events of a scenario tell, as reports that arrive when ours would: at once, or after our outage."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from collector.model.clock import clock_skew
from collector.model.heartbeat import Sections
from collector.model.report import Report, Source
from collector.scenario.amounts import turn
from collector.scenario.happenings import (
    AgentChanged,
    Alerted,
    Backup,
    CopyForm,
    Patched,
    Pinged,
    Protected,
    RestoreTested,
    Started,
)
from collector.scenario.lives import Uptime
from collector.scenario.stage import PRACTICE_ID, MisplacedError, Placed, Stage, endpoint_id

Section = dict[str, object]
_PINGED = {"success": "success", "failed": "failed", "started": "running"}


@dataclass(frozen=True)
class Teller:
    """One repetition of an event: its instants are read against it, and told by its endpoint's clock."""

    stage: Stage
    placed: Placed
    number: int
    endpoint: str

    @property
    def at(self) -> datetime:
        return self.placed.instants[self.number]

    def ours(self, written: str, name: str) -> datetime:
        return self.placed.read(self.stage.clock, written, name, self.at)

    def theirs(self, written: str | None, name: str) -> datetime | None:
        """By the endpoint's clock, as it is when this is told."""
        return None if written is None else self.ours(written, name) - self.stage.lag(self.endpoint, self.at)

    def turn(self, values: tuple[int, ...]) -> int | None:
        return turn(values, self.number)


def reports(stage: Stage, uptimes: Mapping[str, Uptime]) -> Iterator[Report]:
    """In no order. What is told by an endpoint that never comes back after our outage never comes."""
    for placed in stage.events:
        for number, at in enumerate(placed.instants):
            if isinstance(placed.event, Pinged):
                yield from _pinged(stage, placed, placed.event, at)
            elif name := _teller(stage, placed):
                yield from _report(Teller(stage, placed, number, name), uptimes.get(name))
    for uptime in uptimes.values():
        for span in uptime.spans:
            yield from _arriving(stage, uptime, uptime.name, span.up_from, Sections())


def _teller(stage: Stage, placed: Placed) -> str | None:
    event = placed.event
    if isinstance(event, Backup | Started | RestoreTested | Alerted | AgentChanged):
        return stage.the_endpoint(placed, event.endpoint)
    if isinstance(event, Patched):
        return stage.the_endpoint(placed, event.patches, "patches")
    return stage.the_endpoint(placed, event.protection, "protection") if isinstance(event, Protected) else None


def _report(teller: Teller, uptime: Uptime | None) -> Iterator[Report]:
    event = teller.placed.event
    arrives = getattr(event, "arrives", None)
    received = teller.ours(arrives, "arrives") if arrives else None
    sections = Sections.model_validate(_section(teller), strict=False)
    yield from _arriving(teller.stage, uptime, teller.endpoint, teller.at, sections, received)


def _arriving(
    stage: Stage, uptime: Uptime | None, name: str, at: datetime, sections: Sections, received: datetime | None = None
) -> Iterator[Report]:
    received = received or _arrival(stage, uptime, at)
    if received is None:
        return
    sent_at = at - stage.lag(name, at)
    clock_at = received - stage.lag(name, received)
    yield Report(
        heartbeat_id=uuid5(PRACTICE_ID, f"{name}|{at}|{received}|{sections!r}"),
        endpoint_id=endpoint_id(name),
        received_at=received,
        sent_at=sent_at,
        skew=clock_skew(received, sent_at=sent_at, queued=0, clock_at=clock_at),
        endpoint=stage.identity(name, at),
        sections=sections,
    )


def _arrival(stage: Stage, uptime: Uptime | None, at: datetime) -> datetime | None:
    """What an agent held back comes in its order, evenly over the time of catching up."""
    outage = stage.away(at)
    if outage is None:
        return at
    if uptime is None:
        return outage.gap.end
    back = uptime.back_after(outage)
    if back is None:
        return None
    return back + outage.catching_up * ((at - outage.gap.start) / (outage.gap.end - outage.gap.start))


def _pinged(stage: Stage, placed: Placed, event: Pinged, at: datetime) -> Iterator[Report]:
    if stage.away(at):
        return
    on: UUID | None = None
    if event.endpoint is not None:
        on = endpoint_id(stage.the_endpoint(placed, event.endpoint))
    running = event.status == "started"
    run = {
        "job": event.ping, "tool": "ping", "status": _PINGED[event.status],
        "started_at": at if running else None, "finished_at": None if running else at,
    }  # fmt: skip
    yield Report(
        heartbeat_id=uuid5(PRACTICE_ID, f"ping|{on}|{event.ping}|{at}"),
        source=Source.PING,
        endpoint_id=on,
        received_at=at,
        sent_at=at,
        sections=Sections.model_validate({"backups": [run]}, strict=False),
    )


def _section(teller: Teller) -> Section:
    event = teller.placed.event
    if isinstance(event, Backup):
        return {"backups": [_backup(teller, event)]}
    if isinstance(event, Started):
        start = teller.theirs("now", "at")
        run = {
            "job": event.started,
            "tool": event.tool,
            "run_id": event.run_id,
            "status": "running",
            "started_at": start,
        }
        return {"backups": [run]}
    if isinstance(event, RestoreTested):
        test = {"job": event.restore_test, "level": event.level, "status": event.status}
        return {"restore_tests": [{**test, "tested_at": teller.theirs(event.tested, "tested")}]}
    if isinstance(event, Patched):
        return {"patches": _patches(teller, event)}
    if isinstance(event, Protected):
        return {"protection": _products(teller, event)}
    return {"alerts": [_alert(teller, event)]} if isinstance(event, Alerted) else {}


def _backup(teller: Teller, event: Backup) -> Section:
    finished = teller.theirs(event.finished or "now", "finished")
    started = teller.theirs(event.started, "started")
    if event.took is not None and finished is not None:
        if started is not None:
            raise MisplacedError((*teller.placed.steps, "took"), "give either took or started")
        started = finished - event.took
    points = teller.turn(event.restore_points)
    return {
        "job": event.backup, "tool": event.tool, "run_id": event.run_id, "status": turn(event.status, teller.number),
        "started_at": started, "finished_at": finished, "message": event.message,
        "bytes_total": teller.turn(event.bytes_total), "bytes_added": teller.turn(event.bytes_added),
        "files_total": teller.turn(event.files_total), "files_changed": teller.turn(event.files_changed),
        "restore_points": {"count": points} if points is not None else None,
        "copies": [_copy(teller, one) for one in event.copies],
    }  # fmt: skip


def _copy(teller: Teller, copy: CopyForm) -> Section:
    return {
        "medium": copy.medium, "location": copy.location, "offline": copy.offline,
        "media_id": turn(copy.media_id, teller.number),
        "immutable_until": teller.theirs(copy.immutable_until, "copies"),
        "verified_at": teller.theirs(copy.verified_at, "copies"),
        "deleted_at": teller.theirs(copy.deleted_at, "copies"),
    }  # fmt: skip


def _patches(teller: Teller, event: Patched) -> Section:
    missing = [
        {"id": f"KB{number}", "severity": one.severity, "released_at": teller.theirs(one.released, "missing")}
        for number, one in enumerate(event.missing, start=5_000_001)
    ]
    return {
        "scanned_at": teller.theirs(event.scanned, "scanned"),
        "missing": missing,
        "last_installed_at": teller.theirs(event.last_installed, "last_installed"),
        "reboot_required_since": teller.theirs(event.reboot_required_since, "reboot_required_since"),
    }


def _products(teller: Teller, event: Protected) -> list[Section]:
    return [
        {**one.model_dump(exclude={"signatures"}), "signatures_at": teller.theirs(one.signatures, "products")}
        for one in event.products
    ]


def _alert(teller: Teller, event: Alerted) -> Section:
    """An alert keeps the instant at which it was first told of."""
    return {
        "id": event.id or event.alert, "name": event.alert, "severity": event.severity, "category": event.category,
        "status": event.status, "at": teller.theirs("now", "at"),
    }  # fmt: skip
