"""Random timelines of one practice: whatever happens, its tickets tell one legal story each."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from collector.model.heartbeat import Role, RunStatus
from collector.model.incident import TicketState
from collector.model.message import TicketEvent
from collector.model.policy import Every
from collector.model.snapshot import EndpointState, JobState
from collector.model.subject import Subject, endpoint_subject, job_subject
from tests.factories import DAY, HOUR, MINUTE, NOW, endpoint_state, job_policy, job_state, policy, run, snapshot
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


class Practice(RuleBasedStateMachine):
    """Machines fall silent and come back, jobs run well or badly or not, people acknowledge and retire."""

    def __init__(self) -> None:
        super().__init__()
        every = [job_policy(name, Every(period=DAY), endpoint_id=one, since=NOW) for one in MACHINES for name in NAMES]
        self.now = NOW
        self.house = House(policy(every))
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

    @rule()
    def acknowledge(self) -> None:
        self.house.acknowledge()

    @rule(subject=st.sampled_from([endpoint_subject(MACHINES[0]), job_subject(MACHINES[1], "daily")]))
    def retire_or_return(self, subject: Subject) -> None:
        retired = dict(self.house.policy.retired)
        if not retired.pop(subject, None):
            retired[subject] = "replaced"
        self.house.policy = self.house.policy.model_copy(update={"retired": retired})

    @precondition(lambda self: self.judged_at != self.now)
    @rule()
    def judge(self) -> None:
        self.judged_at = self.now
        verdict = self.house.judge(snapshot(self.machines.values(), self.jobs.values()), self.now)
        found = {(one.rule, one.subject) for one in verdict.evaluation.findings}
        assert {(one.rule, one.subject) for one in self.house.incidents} == found
        assert len(self.house.incidents) == len(found)
        assert verdict.next_due is None or verdict.next_due > self.now

    @invariant()
    def a_root_has_at_most_one_open_ticket(self) -> None:
        roots = [one.root for one in self.house.tickets.values() if one.state is TicketState.OPEN]
        assert len(roots) == len(set(roots))

    @invariant()
    def a_ticket_is_open_while_an_incident_of_it_lasts(self) -> None:
        open_tickets = {one.ticket_id for one in self.house.tickets.values() if one.state is TicketState.OPEN}
        assert open_tickets == {one.ticket_id for one in self.house.incidents if one.ticket_id}
        assert all(one.ticket_id or one.inhibited_by for one in self.house.incidents)

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


TestPractice = Practice.TestCase
TestPractice.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
