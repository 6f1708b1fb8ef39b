"""The fleet of the demo: practices that are well, one that forgets a backup, one without schedule, this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.administer import Deed, Enrolled, enrol_practice, set_job
from collector.model.heartbeat import Role
from collector.model.policy import Every, JobPolicy
from collector.simulation.fleet import draw_fleet
from collector.simulation.script import Fault, FaultKind, JobScript, MachineScript, PracticeScript
from collector.store.connect import Connection

SEED = 33
PRACTICES = 10
INTERVAL = timedelta(seconds=5)
PERIOD = timedelta(seconds=12)
SCHEDULE = timedelta(minutes=1)
GRACE = timedelta(seconds=5)
ACTOR = "demo"

# The heart of the story: its job runs, then not for a minute, then again.
HERO = PracticeScript(
    name="Cabinet Pessac",
    machines=(
        MachineScript(
            name="SRV-01",
            role=Role.SERVER,
            os="Windows Server 2022",
            interval=timedelta(seconds=3),
            first=timedelta(seconds=1),
            jobs=(
                JobScript(
                    name="daily",
                    tool="restic 0.16.4",
                    period=PERIOD,
                    first=timedelta(0),
                    duration=timedelta(seconds=1),
                    faults=(Fault(kind=FaultKind.MISSED, begins=timedelta(seconds=5), ends=timedelta(seconds=71)),),
                ),
            ),
        ),
    ),
)
THIS_MACHINE = "This machine"


@dataclass(frozen=True)
class Member:
    """A practice of the demo, enrolled; without a script it reports by the real agent."""

    enrolled: Enrolled
    script: PracticeScript | None


async def enrol_fleet(conn: Connection) -> list[Member]:
    drawn = draw_fleet(SEED, PRACTICES, interval=INTERVAL, period=PERIOD)
    members = [await _enrol(conn, HERO, scheduled=True)]
    members += [await _enrol(conn, script, scheduled=script is not drawn[-1]) for script in drawn]
    enrolled = await enrol_practice(conn, THIS_MACHINE, "Europe/Paris", deed())
    return [*members, Member(enrolled, None)]


async def _enrol(conn: Connection, script: PracticeScript, *, scheduled: bool) -> Member:
    enrolled = await enrol_practice(conn, script.name, "Europe/Paris", deed())
    jobs = {job.name for machine in script.machines for job in machine.jobs}
    for job in sorted(jobs) if scheduled else ():
        now = deed()
        schedule = JobPolicy(
            endpoint_id=None, job=job, schedule=Every(period=SCHEDULE), grace=GRACE, rpo=2 * SCHEDULE, since=now.at
        )
        await set_job(conn, enrolled.practice, schedule, now)
    return Member(enrolled, script)


def deed() -> Deed:
    return Deed(actor=ACTOR, at=datetime.now(UTC))


def hero(members: Sequence[Member]) -> Member:
    return members[0]
