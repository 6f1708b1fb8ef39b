"""Whatever people do to an incident and in whatever order: each step once a walk, none skipped, none put off."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.escalation import deeds
from collector.escalation.deeds import Outcome
from collector.escalation.incidents import Change
from collector.escalation.oncall import Roster
from collector.escalation.orders import Orders
from collector.judge import Record, escalate
from collector.model.book import Flapping
from collector.model.campaign import RANSOMWARE_SIGNATURE
from collector.model.escalation import Action, EscalationPolicy, Step
from collector.model.finding import Evaluation, Finding
from collector.model.incident import Incident, Ticket
from collector.model.silence import Silence
from collector.model.snapshot import Snapshot
from tests.factories import DAY, MINUTE, NOW, PRACTICE, finding, new_id, policy, silence
from tests.unit.escalating import BOOK, ROSTER, policies

# Whatever happens, happens on this grid: hours, handovers, steps and ends of holds do.
TICK = 15 * MINUTE
UNTIL = 2 * DAY
Log = set[tuple[int, datetime]]


@dataclass(frozen=True)
class Event:
    """What is done at an instant, and for how long it holds where it ends by itself."""

    at: datetime
    what: str
    lasts: timedelta


def _told(one: tuple[int, str, int]) -> Event:
    return Event(NOW + one[0] * TICK, one[1], one[2] * TICK)


def events(*kinds: str) -> st.SearchStrategy[list[Event]]:
    some = st.tuples(st.integers(1, UNTIL // TICK - 1), st.sampled_from(kinds), st.integers(1, 40))
    return st.lists(some, max_size=10, unique_by=lambda one: one[0]).map(lambda many: sorted(map(_told, many), key=_at))


def _at(event: Event) -> datetime:
    return event.at


@dataclass
class Desk:
    """One incident as the judge takes it along, woken for each event and whenever something falls due."""

    policy: EscalationPolicy
    found: Finding
    there: bool = True
    incidents: dict[object, Incident] = field(default_factory=dict)
    tickets: dict[object, Ticket] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    log: Log = field(default_factory=set)
    due: datetime | None = NOW

    def play(self, happening: list[Event], looks: tuple[datetime, ...] = ()) -> Log:
        for event in sorted([*happening, *(Event(at, "look", TICK) for at in looks)], key=_at):
            self.advance(event.at)
            self.do(event)
            self.judge(event.at)
        self.advance(NOW + UNTIL)
        return self.log

    def advance(self, until: datetime) -> None:
        while self.due is not None and self.due < until:
            self.judge(self.due)

    def judge(self, now: datetime) -> None:
        book = BOOK.model_copy(
            update={
                "policies": {BOOK.default: self.policy}, "flapping": Flapping(times=100), "closed_by_hand_for": TICK
            }
        )  # fmt: skip
        record = Record(
            Snapshot(practice_id=PRACTICE), policy(), tuple(self.incidents.values()), tuple(self.tickets.values())
        )
        found = Evaluation(findings=(self.found,) if self.there else ())
        verdict = escalate(record, found, now, orders=Orders(Roster(book), self.silences))
        self.incidents |= {one.incident_id: one for one in verdict.incidents}
        self.tickets |= {one.ticket_id: one for one in verdict.tickets}
        self.log |= {(one.step, now) for each in verdict.incidents for one in each.walk.taken if one.at == now}
        assert verdict.next_due is None or verdict.next_due > now
        self.due = verdict.next_due

    def do(self, event: Event) -> None:
        match event.what:
            case "found" | "gone":
                self.there = event.what == "found"
            case "silence":
                until = event.at + event.lasts
                self.silences += (silence(silence_id=new_id(), since=event.at, until=until),)
        for one in self.incidents.values():
            outcome = _deed(one, event)
            if isinstance(outcome, Change):
                self.incidents[one.incident_id] = outcome.incident


def _deed(one: Incident, event: Event) -> Outcome:
    now, until = event.at, event.at + event.lasts
    match event.what:
        case "acknowledge":
            return deeds.acknowledge(one, f"ada {now}", until, DAY, "", now)
        case "let_go":
            return deeds.let_go(one)
        case "snooze":
            return deeds.snooze(one, "ada", until, "", now)
        case "wake":
            return deeds.wake(one, now)
        case "close":
            return deeds.close(one, "ada", "mended", now)
    return None


@dataclass
class Clock:
    """The same told as plainly as can be: minute by minute, by how long nobody and nothing held it back.

    `runs_on` counts the time, too, for which somebody had it.
    """

    policy: EscalationPolicy
    runs_on: bool = False
    there: bool = True
    over: bool = False
    believed_until: datetime | None = None
    taken_until: datetime | None = None
    asleep_until: datetime | None = None
    silent_until: list[datetime] = field(default_factory=list)
    rested: bool = False
    free: timedelta = timedelta(0)
    due_from: dict[int, datetime] = field(default_factory=dict)
    last: dict[int, datetime] = field(default_factory=dict)
    log: Log = field(default_factory=set)

    def play(self, happening: list[Event]) -> Log:
        by_instant = {event.at: event for event in happening}
        for tick in range(UNTIL // TICK):
            now = NOW + tick * TICK
            if now in by_instant:
                self.do(by_instant[now])
            self.pass_by(now)
        return self.log

    def pass_by(self, now: datetime) -> None:
        self.end(now)
        at_rest = self.over or bool(self.taken_until or self.asleep_until or self.silent_until)
        if not at_rest:
            if self.rested:
                self.due_from, self.last = {}, {}
            for place, step in enumerate(self.policy.steps):
                self.walk(place, step, now)
        self.rested = at_rest
        only_taken = bool(self.taken_until) and not self.asleep_until and not self.silent_until
        if not at_rest or (self.runs_on and only_taken):
            self.free += TICK

    def walk(self, place: int, step: Step, now: datetime) -> None:
        if self.free < step.after:
            return
        fits = ROSTER.fits(step.when, now)
        if place not in self.due_from:
            self.due_from[place] = now if fits or step.waits else NOW + 100 * DAY
        if place in self.last:
            again = self.last[place] + step.repeat if step.repeat else NOW + 100 * DAY
        else:
            again = self.due_from[place]
        heard = step.action is Action.TICKET or ROSTER.reached(step.to, step.action, now)
        if again <= now and fits and heard:
            self.last[place] = now
            self.log.add((place, now))

    def do(self, event: Event) -> None:
        until = event.at + event.lasts
        match event.what:
            case "gone":
                self.there = False
            case "found" if not self.there:
                self.there = True
            case "silence":
                self.silent_until.append(until)
            case "acknowledge" if not self.over:
                self.taken_until, self.asleep_until = until, None
            case "let_go":
                self.taken_until = None
            case "snooze" if not self.over:
                self.asleep_until = until
            case "wake":
                self.asleep_until = None
            case "close" if not self.over:
                self.over, self.believed_until = True, event.at + TICK

    def end(self, now: datetime) -> None:
        """What ends by the clock, or by what is found or not."""
        if self.asleep_until and self.asleep_until <= now:
            self.asleep_until = self.taken_until = None
        if self.taken_until and self.taken_until <= now:
            self.taken_until = None
        self.silent_until = [until for until in self.silent_until if until > now]
        if not self.there:
            self.over, self.believed_until = True, None
        elif self.over and (self.believed_until is None or self.believed_until <= now):
            self.free = timedelta(0) if self.believed_until is None else self.free
            self.over, self.believed_until, self.rested = False, None, True
        if self.over:
            self.taken_until = self.asleep_until = None


_looks = st.lists(st.integers(1, UNTIL // MINUTE - 1), max_size=12).map(
    lambda some: tuple(NOW + one * MINUTE for one in some)
)
EVERYTHING = ("acknowledge", "acknowledge", "let_go", "snooze", "wake", "silence", "close", "gone", "found")


@given(policies, events(*EVERYTHING), _looks)
@settings(max_examples=250)
def test_steps_follow_the_time_in_which_nothing_held_them(
    walked: EscalationPolicy, happening: list[Event], looks: tuple[datetime, ...]
) -> None:
    """No step twice, none skipped, none early or late: whatever comes in, in whatever order, looked at whenever."""
    expected = Clock(walked).play(happening)
    assert Desk(walked, finding()).play(happening, looks) == expected


@given(policies, events("acknowledge", "acknowledge", "let_go", "let_go", "gone", "found"), _looks)
@settings(max_examples=100)
def test_nobody_puts_off_alone_what_takes_two_people(
    walked: EscalationPolicy, happening: list[Event], looks: tuple[datetime, ...]
) -> None:
    """Its time runs on whoever has it: once nobody has, whatever has fallen due is told."""
    encrypted = finding(signature=RANSOMWARE_SIGNATURE)
    expected = Clock(walked, runs_on=True).play(happening)
    assert Desk(walked, encrypted).play(happening, looks) == expected
