"""Random timelines of one practice: whatever happens, in whatever order, its tickets tell one legal story each."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from collector.escalation import deeds
from collector.escalation.oncall import Roster
from collector.escalation.orders import Orders
from collector.model.escalation import Action
from collector.model.heartbeat import Role, RunStatus
from collector.model.incident import Incident, IncidentState, TicketState
from collector.model.message import Notice, NoticeKind, TicketEvent
from collector.model.policy import Every
from collector.model.snapshot import EndpointState, JobState
from collector.model.subject import Subject, endpoint_subject, job_subject
from tests.factories import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    endpoint_state,
    job_policy,
    job_state,
    new_id,
    policy,
    run,
    silence,
    snapshot,
)
from tests.unit.escalating import BOOK, step, steps
from tests.unit.house import House

MACHINES = [UUID(int=1), UUID(int=2)]
NAMES = ["daily", "imaging"]
LEGAL = {
    (None, TicketEvent.OPENED),
    (TicketEvent.OPENED, TicketEvent.APPENDED),
    (TicketEvent.OPENED, TicketEvent.RESOLVED),
    (TicketEvent.APPENDED, TicketEvent.APPENDED),
    (TicketEvent.APPENDED, TicketEvent.RESOLVED),
    (TicketEvent.RESOLVED, TicketEvent.REOPENED),
    (TicketEvent.REOPENED, TicketEvent.APPENDED),
    (TicketEvent.REOPENED, TicketEvent.RESOLVED),
}
WALKED = steps(
    step(0),
    step(10, Action.NOTIFY, "ada"),
    step(60, Action.PAGE, "everybody", repeat=3 * HOUR),
    step(90, Action.PAGE, "weekend"),
)
ORDERS = Orders(Roster(BOOK.model_copy(update={"policies": {BOOK.default: WALKED}})))


class Practice(RuleBasedStateMachine):
    """Machines fall silent and come back, jobs run well or badly or not; people do to it whatever they may."""

    def __init__(self) -> None:
        super().__init__()
        every = [job_policy(name, Every(period=DAY), endpoint_id=one, since=NOW) for one in MACHINES for name in NAMES]
        self.now = NOW
        self.house = House(policy(every), ORDERS)
        self.machines: dict[UUID, EndpointState] = {}
        self.jobs: dict[Subject, JobState] = {}
        self.judged_at: datetime | None = None
        for machine in MACHINES:
            self.hear(machine)

    def hear(self, machine: UUID, role: Role = Role.SERVER) -> None:
        self.machines[machine] = endpoint_state(self.now, interval_s=3_600, endpoint_id=machine, role=role)

    @rule(waited=st.sampled_from([timedelta(microseconds=1), MINUTE, HOUR, 3 * HOUR, DAY, 8 * DAY]))
    def wait(self, waited: timedelta) -> None:
        self.now += waited

    @rule(machine=st.sampled_from(MACHINES), role=st.sampled_from([Role.SERVER, Role.SERVER, Role.WORKSTATION]))
    def beat(self, machine: UUID, role: Role) -> None:
        self.hear(machine, role)

    @rule(
        machine=st.sampled_from(MACHINES),
        name=st.sampled_from(NAMES),
        status=st.sampled_from([RunStatus.SUCCESS, RunStatus.FAILED]),
    )
    def end(self, machine: UUID, name: str, status: RunStatus) -> None:
        self.hear(machine)
        self.jobs[job_subject(machine, name)] = job_state(name, last_run=run(self.now, status), endpoint_id=machine)

    @rule(lasts=st.sampled_from([None, HOUR, DAY]), by=st.sampled_from(["ada", "bob"]))
    def acknowledge(self, lasts: timedelta | None, by: str) -> None:
        until = self.now + lasts if lasts else None
        self.house.do(lambda one: deeds.acknowledge(one, by, until, DAY, "", self.now))

    @rule(lasts=st.sampled_from([MINUTE, DAY]))
    def snooze(self, lasts: timedelta) -> None:
        self.house.do(lambda one: deeds.snooze(one, "ada", self.now + lasts, "", self.now))

    @rule()
    def let_go(self) -> None:
        self.house.do(deeds.let_go)

    @rule()
    def wake(self) -> None:
        self.house.do(lambda one: deeds.wake(one, self.now))

    @rule()
    def close_by_hand(self) -> None:
        self.house.do(lambda one: deeds.close(one, "ada", "mended", self.now))

    @rule(begins=st.sampled_from([timedelta(0), HOUR]), lasts=st.sampled_from([HOUR, 2 * DAY]))
    def silence(self, begins: timedelta, lasts: timedelta) -> None:
        since = self.now + begins
        one = silence(silence_id=new_id(), since=since, until=since + lasts)
        self.house.orders = Orders(ORDERS.roster, (*self.house.orders.silences, one))

    @rule()
    def end_silences(self) -> None:
        self.house.orders = ORDERS

    @rule(subject=st.sampled_from([endpoint_subject(MACHINES[0]), job_subject(MACHINES[1], "daily")]))
    def retire_or_return(self, subject: Subject) -> None:
        retired = dict(self.house.policy.retired)
        if not retired.pop(subject, None):
            retired[subject] = "replaced"
        self.house.policy = self.house.policy.model_copy(update={"retired": retired})

    @precondition(lambda self: self.judged_at != self.now)
    @rule(share=st.floats(0, 0.999), far=st.sampled_from([HOUR, 3 * DAY, 40 * DAY]))
    def judge(self, share: float, far: timedelta) -> None:
        self.judged_at = self.now
        verdict = self.house.judge(snapshot(self.machines.values(), self.jobs.values()), self.now)
        found = {(one.rule, one.subject) for one in verdict.evaluation.findings}
        lasting = {(one.rule, one.subject) for one in self.house.incidents}
        assert len(self.house.incidents) == len(lasting)
        assert lasting - found == {(one.rule, one.subject) for one in self.house.incidents if one.quiet_since}
        believed = (one for one in self.house.known.values() if one.closing and self.is_believed(one))
        assert found - lasting == {(one.rule, one.subject) for one in believed}
        assert verdict.next_due is None or verdict.next_due > self.now
        self.judge_before_it_is_due(verdict.next_due, 0, far)
        self.judge_before_it_is_due(verdict.next_due, share, far)

    def judge_before_it_is_due(self, due: datetime | None, share: float, far: timedelta) -> None:
        """Nothing happens until then, whether anybody looks or not."""
        early = House(self.house.policy, self.house.orders, (), dict(self.house.known), dict(self.house.tickets))
        at = self.now + ((due - self.now) if due else far) * share
        verdict = early.judge(snapshot(self.machines.values(), self.jobs.values()), at)
        assert (verdict.changes, verdict.messages, verdict.next_due) == ((), (), due)
        assert early.incidents == self.house.incidents

    def is_believed(self, closed: Incident) -> bool:
        return closed.resolved_at is not None and self.now - closed.resolved_at < BOOK.closed_by_hand_for

    def judged(self, one: Incident) -> bool:
        """Nothing has been done to it since."""
        return one.closing is None and self.judged_at == self.now

    @invariant()
    def a_root_has_at_most_one_open_ticket(self) -> None:
        roots = [one.root for one in self.house.tickets.values() if one.state is TicketState.OPEN]
        assert len(roots) == len(set(roots))

    @invariant()
    def a_ticket_is_open_while_an_incident_of_it_lasts_and_is_heard_of(self) -> None:
        open_tickets = {one.ticket_id for one in self.house.tickets.values() if one.state is TicketState.OPEN}
        assert open_tickets <= {one.ticket_id for one in self.house.incidents}
        assert {one.ticket_id for one in self.house.incidents if self.judged(one) and is_free(one)} <= open_tickets

    @invariant()
    def no_step_is_taken_twice_in_a_walk(self) -> None:
        for one in self.house.known.values():
            assert all(taken.times == 1 or WALKED.steps[taken.step].repeat for taken in one.walk.taken)

    @invariant()
    def whoever_was_told_hears_once_that_it_is_over(self) -> None:
        told: dict[tuple[UUID, str], list[NoticeKind]] = defaultdict(list)
        numbers: dict[UUID, list[int]] = defaultdict(list)
        for channel, message in self.house.sent:
            if isinstance(message, Notice):
                told[message.about, channel].append(message.kind)
                numbers[message.about].append(message.sequence)
        assert all(some == list(range(1, len(some) + 1)) for some in numbers.values())
        for (incident_id, _), kinds in told.items():
            assert self.house.known[incident_id].lasts or kinds[-1] is NoticeKind.RESOLVED
            assert (NoticeKind.RESOLVED, NoticeKind.RESOLVED) not in pairwise([None, *kinds])
            assert (None, NoticeKind.RESOLVED) not in pairwise([None, *kinds])

    @invariant()
    def every_ticket_tells_a_legal_story_without_a_gap(self) -> None:
        told = defaultdict(list)
        for message in self.house.messages:
            told[message.ticket_id].append(message)
        for ticket_id, messages in told.items():
            events = [None, *(message.event for message in messages)]
            assert set(pairwise(events)) <= LEGAL
            assert [message.sequence for message in messages] == list(range(1, len(messages) + 1))
            assert self.house.tickets[str(ticket_id)].sequence == len(messages)
            assert [message.at for message in messages] == sorted(message.at for message in messages)


def is_free(one: Incident) -> bool:
    """Nobody has it, nothing holds it back, and it is found now."""
    return one.state is IncidentState.OPEN and one.walk.stopped_at is None and one.quiet_since is None


TestPractice = Practice.TestCase
TestPractice.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
