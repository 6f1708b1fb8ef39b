"""The spans of life of a scenario's endpoints: cut where our outages, their clocks or their spools change them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.model.clock import SKEW_TOLERATED
from collector.scenario.happenings import Heartbeats, Lost
from collector.scenario.life import Loss, Span
from collector.scenario.stage import MisplacedError, Outage, Placed, Stage


@dataclass(frozen=True)
class Uptime:
    """What an endpoint sends, whether it reaches us or not."""

    name: str
    spans: tuple[Span, ...]

    def back_after(self, outage: Outage) -> datetime | None:
        """Its first heartbeat that we can store again, if it was up through the end of our outage."""
        end = outage.gap.end
        return next((span.beat_from(end) for span in self.spans if span.up_from < end <= span.up_to), None)


def uptimes(stage: Stage, until: datetime) -> dict[str, Uptime]:
    """Of every endpoint with heartbeats; one said to begin later ends the one before."""
    told: dict[str, list[Span]] = {}
    for placed in stage.events:
        if isinstance(placed.event, Heartbeats):
            for name in _named(stage, placed, placed.event):
                told.setdefault(name, []).append(_span(stage, placed, placed.event, name, until))
    return {name: Uptime(name, tuple(_apart(spans))) for name, spans in told.items()}


def _named(stage: Stage, placed: Placed, event: Heartbeats) -> Iterable[str]:
    if event.heartbeats == ("all",):
        return stage.endpoints
    return [stage.the_endpoint(placed, name, "heartbeats") for name in event.heartbeats]


def _span(stage: Stage, placed: Placed, event: Heartbeats, name: str, until: datetime) -> Span:
    end = placed.read(stage.clock, event.until, "until") if event.until else until
    if end < placed.instants[0]:
        raise MisplacedError((*placed.steps, "until"), "this lies before its beginning")
    interval = event.every or stage.endpoints[name].interval
    seconds = round(interval.total_seconds())
    if not 1 <= seconds <= 86_400:
        raise MisplacedError((*placed.steps, "every"), "heartbeats come each second at most and each day at least")
    span = Span(placed.instants[0], end, seconds, event.queued)
    return span.before(end + timedelta(microseconds=1)) or span


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """In order; where two overlap, the one that begins later (or was said later) holds from its beginning."""
    ordered = sorted(spans, key=lambda span: span.up_from)
    for span, following in zip(ordered, [*ordered[1:], None], strict=True):
        yield from _those(span if following is None else span.before(following.up_from))


def stored(stage: Stage, uptime: Uptime) -> tuple[Span, ...]:
    """What of it reaches us, with what the rows say: cut at our outages and at steps of its clock.

    An agent holds back what it could not send; until that has come its heartbeats say that others wait.
    """
    spans: Iterable[Span] = uptime.spans
    for outage in stage.outages:
        spans = [part for span in spans for part in _without(span, outage)]
    for step in stage.clock_steps(uptime.name):
        spans = [part for span in spans for part in _those(span.before(step), span.since(step))]
    return tuple(replace(span, skew_s=_skew(stage, uptime.name, span.up_from)) for span in spans)


def _without(span: Span, outage: Outage) -> Iterator[Span]:
    yield from _those(span.before(outage.gap.start))
    back = span.since(outage.gap.end)
    if back is None:
        return
    missed = (back.up_from - span.beat_from(outage.gap.start)) // timedelta(seconds=span.interval_s)
    if missed <= 0:
        yield back
        return
    caught_up = back.up_from + outage.catching_up
    yield from (replace(one, queued=missed) for one in _those(back.before(caught_up)))
    yield from _those(back.since(caught_up))


def _those(*spans: Span | None) -> Iterator[Span]:
    return (span for span in spans if span is not None)


def _skew(stage: Stage, name: str, at: datetime) -> int:
    lag = stage.lag(name, at)
    return 0 if abs(lag) <= SKEW_TOLERATED else round(lag.total_seconds())


def losses(stage: Stage, name: str) -> Iterator[Loss]:
    for placed in stage.events:
        if isinstance(placed.event, Lost) and stage.the_endpoint(placed, placed.event.endpoint) == name:
            yield from (Loss(at, placed.event.lost) for at in placed.instants)
