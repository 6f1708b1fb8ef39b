"""A simulated year repeats itself, holds what it says, and its truth is right to the second."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from collector.model.calendar import Calendar, Closure, Holidays
from collector.model.heartbeat import Role
from collector.model.policy import Cron
from collector.model.subject import PRACTICE, Subject
from collector.simulation.year.chance import Chance
from collector.simulation.year.draw_practice import draw_practice
from collector.simulation.year.figures import Data
from collector.simulation.year.fleet_fate import Outage
from collector.simulation.year.life import Life, lived
from collector.simulation.year.opening import Opening, is_open_day, local_instant
from collector.simulation.year.plan import (
    Habits,
    Hours,
    JobPlan,
    Kind,
    MachinePlan,
    PracticePlan,
    Tool,
)
from collector.simulation.year.play import Player
from collector.simulation.year.simulate import Story, draw
from collector.simulation.year.truth import Episode, Fault, Harmless, Label
from collector.simulation.year.truth_of_life import truth_of
from tests.unit.simulated import life_of

PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

MACHINE = MachinePlan(UUID(int=1), "SRV-01", Role.SERVER, "Debian 12", Hours.ALWAYS, timedelta(0), time(6))
HABITS = Habits(100e9, 100_000, 0.004, 0.3, 0.2, 0.6, 0.3, 0.3, counts_files=True, tells_added=True)
# A spread of almost nothing, so that instants can be told beforehand.
STILL = 1e-9


def job(begin: datetime, at: time = time(2, 30), kind: Kind = Kind.FILES) -> JobPlan:
    return JobPlan(
        machine=MACHINE,
        name="data",
        kind=kind,
        tool=Tool.RESTIC,
        version=(0, 16),
        at=at,
        every=DAY,
        weekdays_only=False,
        schedule=Cron(expression=f"{at.minute} {at.hour} * * *", zone="Europe/Paris"),
        grace=2 * HOUR,
        rpo=30 * HOUR,
        open_rpo=False,
        duration=10 * MINUTE,
        habits=HABITS,
        retries=False,
        tells_start=False,
        keeps=14,
        prunes_weekly=False,
        rotates=False,
        immutable=None,
        tests_every=60 * DAY,
        since=begin,
        silent_until=begin,
    )


def practice(begin: datetime, days: int) -> PracticePlan:
    return PracticePlan(
        number=0,
        practice_id=UUID(int=2),
        name="Cabinet",
        zone="Europe/Paris",
        calendar=Calendar(),
        machines=(MACHINE,),
        jobs=(job(begin),),
        begin=begin,
        end=begin + days * DAY,
    )


def life(plan: PracticePlan, *episodes: Episode, outages: tuple[Outage, ...] = ()) -> Life:
    opening = Opening(plan.calendar, PARIS, plan.begin.date() - DAY, plan.end.date() + 60 * DAY)
    return lived(1, plan, opening, outages, episodes, STILL)


def labels(story: Life, fault: Fault) -> list[Label]:
    return [one for one in truth_of(story).labels if one.fault is fault]


def digest(story: Story) -> str:
    reports = [report.model_dump_json() for plan in draw(story)[0] for report in life_of(story, plan).reports]
    return sha256("\n".join(reports).encode()).hexdigest()


def test_a_seed_tells_the_same_story_to_the_last_byte() -> None:
    assert digest(Story(3, practices=2, days=40)) == digest(Story(3, practices=2, days=40))


@pytest.mark.parametrize("other", [Story(4, 2, 40), Story(3, 2, 40, noise=2)])
def test_another_seed_or_noise_tells_another_story(other: Story) -> None:
    assert digest(Story(3, practices=2, days=40)) != digest(other)


def test_a_practice_lives_the_same_whoever_lives_beside_it() -> None:
    few, many = (draw_practice(1, 2, Story(1, n, 30).end - 30 * DAY, Story(1, n, 30).end, 1, 1) for n in (3, 30))
    assert few == many


def test_every_fault_and_every_hard_negative_comes_to_pass() -> None:
    story = Story(1, practices=8, days=300, density=4)
    seen: set[Fault | Harmless] = set()
    for plan in draw(story)[0]:
        truth = truth_of(life_of(story, plan))
        seen |= {one.fault for one in truth.labels} | {one.kind for one in truth.decoys}
    seen |= {one.fault for one in draw(story)[1].common}
    assert seen == set(Fault) | set(Harmless)


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 28), time(2, 30), "2026-03-28T01:30"),
        (date(2026, 3, 29), time(1, 59), "2026-03-29T00:59"),
        (date(2026, 3, 29), time(2, 0), "2026-03-29T01:00"),
        (date(2026, 3, 29), time(2, 30), "2026-03-29T01:00"),  # skipped: at the change
        (date(2026, 3, 29), time(3, 0), "2026-03-29T01:00"),
        (date(2026, 10, 25), time(2, 30), "2026-10-25T00:30"),  # the first of two
        (date(2026, 10, 25), time(3, 0), "2026-10-25T02:00"),
    ],
)
def test_a_local_time_on_the_nights_of_the_change(day: date, at: time, expected: str) -> None:
    assert local_instant(day, at, PARIS) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "due"),
    [
        (datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 3, 29, 3, 0, tzinfo=UTC)),
        (datetime(2026, 10, 22, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_backup_missed_in_the_night_of_the_change_is_due_at_its_slot_and_grace(
    begin: datetime, due: datetime
) -> None:
    plan = practice(begin, 6)
    skipped = Episode(Fault.MISSED, plan.jobs[0].subject, due - 3 * HOUR, due + HOUR)
    assert [one.due for one in labels(life(plan, skipped), Fault.MISSED)] == [due]


def test_an_outage_of_ours_moves_a_deadline_by_what_it_takes_of_the_grace() -> None:
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    plan = practice(begin, 6)
    slot = datetime(2026, 5, 6, 0, 30, tzinfo=UTC)
    skipped = Episode(Fault.MISSED, plan.jobs[0].subject, slot - HOUR, slot + HOUR)
    outage = Outage(slot - 10 * MINUTE, slot + 20 * MINUTE, blind=True)
    assert [one.due for one in labels(life(plan, skipped, outages=(outage,)), Fault.MISSED)] == [
        slot + 2 * HOUR + 20 * MINUTE
    ]


def test_a_machine_is_silent_two_intervals_after_its_last_heartbeat() -> None:
    plan = practice(datetime(2026, 5, 4, tzinfo=UTC), 4)
    dies = datetime(2026, 5, 5, 12, 2, tzinfo=UTC)
    story = life(plan, Episode(Fault.SILENT_MACHINE, MACHINE.subject, dies, dies + 5 * HOUR))
    stretch = story.machines[0].presence.stretches[0]
    assert dies - 5 * MINUTE <= stretch.last < dies
    (found,) = labels(story, Fault.SILENT_MACHINE)
    assert (found.due, found.until) == (stretch.last + 10 * MINUTE, dies + 5 * HOUR)


def test_a_reboot_is_no_silence() -> None:
    plan = practice(datetime(2026, 5, 4, tzinfo=UTC), 4)
    at = datetime(2026, 5, 5, 12, 2, tzinfo=UTC)
    story = life(plan, Episode(Harmless.REBOOT, MACHINE.subject, at, at + 4 * MINUTE))
    assert len(story.machines[0].presence.stretches) == 2
    assert labels(story, Fault.SILENT_MACHINE) == []


def test_what_was_told_over_a_broken_line_arrives_in_its_order_when_it_is_mended() -> None:
    plan = practice(datetime(2026, 5, 4, tzinfo=UTC), 6)
    breaks = datetime(2026, 5, 5, 0, 0, tzinfo=UTC)
    mended = breaks + 40 * HOUR
    story = life(plan, Episode(Harmless.LATE_UPLINK, PRACTICE, breaks, mended))
    late = [ran for ran in story.machines[0].jobs[0].runs if breaks <= ran.sent_at < mended]
    assert len(late) == 2
    assert all(mended <= ran.heard_at <= mended + 11 * MINUTE for ran in late)
    assert late[0].heard_at < late[1].heard_at


def test_an_outage_leaves_no_heartbeat_in_it_and_a_spool_behind_it() -> None:
    plan = practice(datetime(2026, 5, 4, tzinfo=UTC), 4)
    outage = Outage(datetime(2026, 5, 5, 10, 0, 1, tzinfo=UTC), datetime(2026, 5, 5, 12, tzinfo=UTC), blind=True)
    before, spooled, drained, after = life(plan, outages=(outage,)).machines[0].presence.stretches
    assert before.last < outage.begins < outage.ends < spooled.first < drained.first < after.first
    assert (spooled.queued > 20, drained.queued, after.queued) == (True, 0, 0)


def measured(*happenings: tuple[Fault | Harmless, float]) -> list[tuple[int, int, int, int]]:
    """A usual night, then one with each of these: total, added, files, changed."""
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    data = Data(Chance("x", STILL), job(begin))
    nights = [[], *([Episode(kind, MACHINE.subject, begin, begin + DAY, amount)] for kind, amount in happenings)]
    runs = (data.run(1.0, night) for night in nights)
    return [(one.bytes_total or 0, one.bytes_added or 0, one.files_total or 0, one.files_changed or 0) for one in runs]


def test_encryption_writes_its_share_anew_and_leaves_the_whole_as_it_was() -> None:
    (total, *_), (struck_total, added, files, changed) = measured((Fault.ONE_NIGHT, 0.5))
    assert added == pytest.approx(0.5 * total, rel=0.05)
    assert changed == pytest.approx(0.5 * files, rel=0.05)
    assert struck_total == pytest.approx(total, rel=0.01)


def test_an_import_grows_the_whole_by_what_it_adds_and_a_compaction_shrinks_it() -> None:
    before, imported, compacted = measured((Harmless.IMAGING_IMPORT, 40e9), (Harmless.COMPACTION, 0.9))
    assert imported[0] - before[0] == pytest.approx(40e9, rel=0.01)
    assert imported[1] == pytest.approx(37e9, rel=0.1)
    assert compacted[0] < imported[0]
    assert compacted[1] > 10 * before[1]
    assert compacted[3] == pytest.approx(before[3], rel=0.05)


def test_open_time_leaves_out_nights_holidays_and_closures() -> None:
    calendar = Calendar(closures=(Closure(first=date(2026, 5, 7), last=date(2026, 5, 7)),))
    opening = Opening(calendar, PARIS, date(2026, 5, 1), date(2026, 6, 1))
    wednesday_noon = datetime(2026, 5, 6, 10, tzinfo=UTC)
    # Seven hours are left of Wednesday; Thursday is closed, Friday the 8th of May a holiday.
    assert opening.after(wednesday_noon, 8 * HOUR) == datetime(2026, 5, 11, 7, tzinfo=UTC)


@pytest.mark.parametrize(("holidays", "is_open"), [(Holidays.FRANCE, True), (Holidays.ALSACE_MOSELLE, False)])
def test_saint_stephens_day_is_kept_in_alsace(holidays: Holidays, is_open: bool) -> None:
    # In 2025 it is a Friday.
    assert is_open_day(Calendar(holidays=holidays), date(2025, 12, 26)) is is_open


def test_looking_ahead_to_the_last_heartbeat_of_a_stretch_changes_no_finding() -> None:
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    plan = practice(begin, 6)
    desk = replace(MACHINE, endpoint_id=UUID(int=3), name="WOR-02", role=Role.WORKSTATION, hours=Hours.OPEN)
    nas = replace(MACHINE, endpoint_id=UUID(int=4), name="NAS-03", role=Role.NAS)
    plan = replace(plan, machines=(MACHINE, desk, nas))
    events: list[tuple[Fault | Harmless, Subject, float, float]] = [
        (Harmless.REBOOT, MACHINE.subject, 12, 0.05),
        (Fault.MISSED, plan.jobs[0].subject, 24, 2),
        (Harmless.LATE_UPLINK, PRACTICE, 40, 3),
        (Fault.SILENT_MACHINE, nas.subject, 60, 5),
        (Fault.FAILED, plan.jobs[0].subject, 72, 24),
        (Fault.PROTECTION_OFF, desk.subject, 82, 8),
    ]
    episodes = [Episode(kind, about, begin + at * HOUR, begin + (at + long) * HOUR) for kind, about, at, long in events]
    outages = (
        Outage(begin + 26 * HOUR, begin + 29 * HOUR, blind=False),
        Outage(begin + 62 * HOUR, begin + 63 * HOUR, blind=True),
    )
    story = life(plan, *episodes, outages=outages)
    ahead, every = (Player(story, ahead=ahead).play() for ahead in (True, False))
    assert ahead.raised == every.raised
    assert {one.rule for one in ahead.raised} >= {
        "backup_missed", "practice_silent", "heartbeat_missing", "backup_failed", "protection_weak",
    }  # fmt: skip
    assert ahead.judgements * 3 < every.judgements


def test_a_job_that_is_scheduled_and_never_comes_is_due_after_its_first_grace() -> None:
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    plan = practice(begin, 8)
    late = replace(plan.jobs[0], since=begin + 25 * HOUR, silent_until=begin + 4 * DAY)
    (found,) = labels(life(replace(plan, jobs=(late,))), Fault.NEVER_REPORTED)
    assert found.due == datetime(2026, 5, 6, 2, 30, tzinfo=UTC)


def test_an_attack_is_one_though_the_machine_is_taken_away_before_any_backup_carries_it() -> None:
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    struck, silent = begin + 20 * DAY + 18 * HOUR, begin + 20 * DAY + 19 * HOUR
    dies = Episode(Fault.SILENT_MACHINE, MACHINE.subject, silent, silent + 5 * DAY)
    story = life(practice(begin, 30), Episode(Fault.ONE_NIGHT, MACHINE.subject, struck, struck + DAY, 1.0), dies)
    assert labels(story, Fault.ONE_NIGHT) == []
    alert = [one for one in truth_of(story).excuses if "endpoint_alert" in one.rules]
    assert [(one.begins, one.ends) for one in alert] == [(struck, struck + 31 * DAY)]


@pytest.mark.parametrize(
    ("age", "amount", "due"),
    [(4, 1.5, 0), (5, 1.5, 1), (4, 2.5, 0), (5, 2.5, 1), (0, 0.5, 1)],
    ids=["little, four known", "little, five known", "quick, four known", "quick, five known", "nothing at all"],
)
def test_nobody_could_know_at_once_that_what_a_job_holds_is_next_to_nothing(age: int, amount: float, due: int) -> None:
    """One run a day, the first within the first."""
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    plan = practice(begin, 30)
    at = begin + age * DAY
    story = life(plan, Episode(Fault.SILENT_FAILURE, plan.jobs[0].subject, at, at + DAY, amount))
    assert len(labels(story, Fault.SILENT_FAILURE)) == due


def test_an_agent_that_waited_long_is_heard_late_and_no_later_than_its_longest_wait() -> None:
    """An outage of half a minute costs it that, one of hours minutes more."""
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    outages = tuple(
        Outage(at, at + length, blind=False)
        for at, length in ((begin + (1 + n) * 6 * HOUR, (MINUTE / 2, 3 * HOUR)[n % 2]) for n in range(40))
    )
    bars = life(practice(begin, 11), outages=outages).machines[0].presence.barred
    waits = [[bar.opens - outage.ends for bar, outage in zip(bars, outages, strict=True)][n::2] for n in (0, 1)]
    assert max(waits[0]) <= MINUTE < 5 * MINUTE < max(waits[1]) <= 11 * MINUTE
