"""Looking, writing down, sending: once, or for ever."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NoReturn
from uuid import UUID

from .ground.clock import now
from .ground.contract import Sections
from .ground.errors import ConfigurationError
from .ground.identity import endpoint_id, next_seq
from .ground.log import say
from .heartbeat import compose
from .looking import look
from .sending.backoff import wait_s
from .sending.drain import Drained, drain
from .sending.spool import Spool
from .sending.transport import post
from .sending.verdict import Verdict
from .settings import Settings, read_key

_LONGEST_JITTER_S = 30.0


def once(settings: Settings) -> Verdict:
    read_key(settings.key_file)  # before anything is written: a wrong set-up is said at once
    who, spool = endpoint_id(settings.state), Spool(settings.state)
    written = record(settings, who, spool, look(settings.state, settings.jobs))
    end = send(settings, spool).end
    return end if written or end is not Verdict.SETTLED else Verdict.HOLD


def record(settings: Settings, who: UUID, spool: Spool, sections: Sections) -> bool:
    """One heartbeat into the spool, dated when everything was looked at. A full disk costs this one only."""
    try:
        spool.append(compose(settings, who, next_seq(settings.state), now(), sections))
    except OSError as failed:
        say("heartbeat not written", why=failed.strerror)
        return False
    return True


def send(settings: Settings, spool: Spool) -> Drained:
    key = read_key(settings.key_file)
    return drain(spool, lambda body: post(settings.server, key, body))


def for_ever(settings: Settings) -> NoReturn:
    """Ends by KeyboardInterrupt only; what is in the spool is whole at any moment."""
    read_key(settings.key_file)
    jitter = random.uniform(0, min(_LONGEST_JITTER_S, settings.interval_s / 10))  # noqa: S311 - spreading
    say("started", interval_s=settings.interval_s, first_in_s=round(jitter, 1))
    time.sleep(jitter)
    watch = Watch(settings, time.monotonic)
    while True:
        time.sleep(max(0.0, watch.turn() - time.monotonic()))


class Watch:
    """The rhythm: a heartbeat each interval, a look now and then, sending when the server may be asked.

    Instants are monotonic seconds: a corrected clock neither delays nor doubles a heartbeat.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._who = endpoint_id(settings.state)
        self._spool = Spool(settings.state)
        self._failures = 0
        self._next_beat = self._next_look = self._hold_until = clock()

    def turn(self) -> float:
        """Do what is due; return when something is due next."""
        at = self._clock()
        beats = at >= self._next_beat
        if beats:
            self._beat(at)
        if at >= self._hold_until and (beats or self._spool.waiting()):
            self._hold_until = self._send(at)
        held = self._hold_until > at and bool(self._spool.waiting())
        return min(self._next_beat, self._hold_until) if held else self._next_beat

    def _beat(self, at: float) -> None:
        """With a look when one is due. After a standstill the rhythm starts anew: nothing is made up for."""
        sections: Sections = {}
        if at >= self._next_look:
            sections = look(self._settings.state, self._settings.jobs)
            self._next_look = at + self._settings.look_s
        record(self._settings, self._who, self._spool, sections)
        following = self._next_beat + self._settings.interval_s
        self._next_beat = following if following > at else at + self._settings.interval_s

    def _send(self, at: float) -> float:
        """Until when the server is left alone."""
        try:
            drained = send(self._settings, self._spool)
        except (ConfigurationError, OSError) as failed:
            say("held in spool", why=failed)
            drained = Drained(Verdict.HOLD)
        if drained.end is Verdict.SETTLED:
            self._failures = 0
            return at
        self._failures += 1
        return self._clock() + wait_s(self._failures, drained.retry_after_s)
