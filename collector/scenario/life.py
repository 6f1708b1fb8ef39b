"""Spans of life instead of heartbeats: what the last heartbeat row of an endpoint would say at any instant."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from collector.model.snapshot import Gap, Sighting
from collector.model.value import earliest

# As collector/store/losses.py counts them, and as collector/store/listening.py tolerates.
LOSS_COUNTED = timedelta(days=1)
SHORTEST_OUTAGE = timedelta(seconds=3)


@dataclass(frozen=True)
class Span:
    """Heartbeats at `up_from` and each interval after it until `up_to`, all alike but for their time."""

    up_from: datetime
    up_to: datetime
    interval_s: int
    queued: int = 0
    skew_s: int | None = 0

    def last_beat(self, now: datetime) -> datetime:
        if now >= self.up_to:
            return self.up_to
        return self.up_from + (now - self.up_from) // self._interval * self._interval

    def beat_from(self, at: datetime) -> datetime:
        """The first heartbeat that is not before an instant, had it no end."""
        return self.up_from + max(0, -((self.up_from - at) // self._interval)) * self._interval

    def before(self, at: datetime) -> "Span | None":
        """What of it lies before an instant, its end at its last heartbeat there."""
        if self.up_from >= at:
            return None
        beats = (min(self.up_to, at - timedelta(microseconds=1)) - self.up_from) // self._interval
        return replace(self, up_to=self.up_from + beats * self._interval)

    def since(self, at: datetime) -> "Span | None":
        """What of it does not."""
        begins = self.beat_from(at)
        return replace(self, up_from=begins) if begins <= self.up_to else None

    @property
    def _interval(self) -> timedelta:
        return timedelta(seconds=self.interval_s)


@dataclass(frozen=True)
class Loss:
    """So many heartbeats were found missing at an instant."""

    at: datetime
    lost: int


class Life:
    """One endpoint's spans of life, and what it lost."""

    def __init__(self, spans: Iterable[Span], losses: Iterable[Loss] = ()) -> None:
        self.spans = tuple(sorted(spans, key=lambda span: span.up_from))
        self.losses = tuple(losses)
        self._begins = [span.up_from for span in self.spans]

    def sighting(self, now: datetime) -> Sighting | None:
        """As it stands in the series at this instant."""
        span = self._span(now)
        return self._seen(span, span.last_beat(now), now) if span else None

    def ahead(self, now: datetime) -> Sighting | None:
        """As if the heartbeats that will come until something of it changes had come already.

        What a rule waits for then is no silence that is not one: a life is played by its spans.
        """
        span = self._span(now)
        if span is None:
            return None
        lasts = span.up_from <= now < span.up_to
        return self._seen(span, span.up_to if lasts else span.last_beat(now), now)

    def lasts_at(self, at: datetime) -> bool:
        span = self._span(at)
        return span is not None and at <= span.up_to

    def turns(self) -> Iterable[datetime]:
        """When a worker is woken: the endpoint is there, back, or has caught up, or lacks heartbeats."""
        return [*self._begins, *(loss.at for loss in self.losses)]

    def _span(self, now: datetime) -> Span | None:
        known = bisect_right(self._begins, now)
        return self.spans[known - 1] if known else None

    def _seen(self, span: Span, at: datetime, now: datetime) -> Sighting:
        recent = [loss for loss in self.losses if loss.at <= now < loss.at + LOSS_COUNTED]
        oldest = earliest(loss.at for loss in recent)
        return Sighting(
            received_at=at,
            interval_s=span.interval_s,
            queued=span.queued,
            skew_s=span.skew_s,
            lost_heartbeats=sum(loss.lost for loss in recent),
            lost_until=oldest + LOSS_COUNTED if oldest else None,
        )


Lives = Mapping[UUID, Life]


def sightings(lives: Lives, now: datetime) -> dict[UUID, Sighting]:
    return {key: seen for key, life in lives.items() if (seen := life.sighting(now))}


def sightings_ahead(lives: Lives, now: datetime) -> dict[UUID, Sighting]:
    return {key: seen for key, life in lives.items() if (seen := life.ahead(now))}


def gaps_seen(outages: Iterable[Gap], now: datetime) -> tuple[Gap, ...]:
    """Our outages as the ledger tells of them at an instant; one that lasts ends now."""
    known = (Gap(start=one.start, end=min(one.end, now)) for one in outages if one.start < now)
    return tuple(gap for gap in known if gap.end - gap.start > SHORTEST_OUTAGE)
