"""What the pages work out by themselves: the loss, whether they can vouch for it, instants in words, cursors."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from api.cursor import from_cursor, to_cursor
from api.language import Language
from api.loss import Extent, loss
from api.moments import Moments
from api.pulse import JUDGING_TOLERATED, Lapse, Outage, lapse, outage
from collector.model.finding import State
from collector.model.heartbeat import Role
from collector.model.standing import Digit, EndpointStanding, JobStanding
from collector.model.subject import job_subject
from collector.problems import ProblemError
from collector.store.arrivals import Shortfall
from collector.store.incident_pages import NewestKey
from collector.store.listening import TOLERATED
from collector.store.noc import Pulse
from collector.store.reading import PracticeKey

NOW = datetime(2026, 1, 15, 21, 30, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
SERVER = UUID(int=1)
SHORT = Shortfall(NOW - timedelta(hours=2), owed=1.5, arrived=0.1)


def job(name: str, good: datetime | None, state: State = State.OK, endpoint_id: UUID | None = SERVER) -> JobStanding:
    return JobStanding(
        subject=job_subject(endpoint_id, name),
        endpoint_id=endpoint_id,
        endpoint="SRV" if endpoint_id else None,
        job=name,
        tool=None,
        state=state,
        reason=None,
        last_run_at=good,
        last_status=None,
        last_good_at=good,
        bytes_total=None,
        due_at=None,
        missed_at=None,
        rpo_s=None,
    )


def machine(name: str, endpoint_id: UUID = SERVER, state: State = State.OK) -> EndpointStanding:
    return EndpointStanding(
        endpoint_id=endpoint_id,
        name=name,
        role=Role.SERVER,
        os=None,
        agent=None,
        state=state,
        reason=None,
        first_seen_at=NOW,
        last_seen_at=NOW,
        skew_s=0,
        missing_patches=None,
        patches_scanned_at=None,
        protection=None,
    )


def test_the_worst_job_decides_what_would_be_lost() -> None:
    early, late = NOW - timedelta(days=2), NOW - timedelta(hours=3)
    found = loss([job("a", late), job("b", early)], [machine("SRV")])
    assert (found.extent, found.since, found.never, found.uncovered) == (Extent.SINCE, early, (), ())


def test_a_job_that_never_succeeded_is_named_beside_the_rest() -> None:
    found = loss([job("a", NOW), job("b", None)], [])
    assert (found.extent, found.since, found.never) == (Extent.SOME_NEVER, NOW, ("b (SRV)",))


@pytest.mark.parametrize(
    ("score", "missing", "reachable"),
    [
        ("3-2-1-1-0", (), ()),
        ("2-2-1-1-?", (Digit.COPIES, Digit.PROOF), ()),
        ("3-2-1-0-0", (Digit.UNREACHABLE,), ("a (SRV)",)),
        (None, (), ("a (SRV)",)),
    ],
)
def test_job_is_in_reach_unless_a_copy_is_known_to_be_out_of_it(
    score: str | None, missing: tuple[Digit, ...], reachable: tuple[str, ...]
) -> None:
    told = job("a", NOW).model_copy(update={"copies_score": score, "copies_missing": missing})
    assert loss([told, job("b", None), job("c", NOW, State.RETIRED)], []).reachable == reachable


def test_without_any_good_backup_everything_is_lost() -> None:
    assert loss([job("a", None)], []).extent is Extent.EVERYTHING


def test_without_any_job_nothing_is_known() -> None:
    assert loss([], [machine("SRV")]).extent is Extent.NOTHING_KNOWN


def test_a_machine_that_no_job_covers_bounds_what_is_known() -> None:
    found = loss([job("a", NOW)], [machine("SRV"), machine("PC", uuid4())])
    assert (found.extent, found.since, found.uncovered) == (Extent.SOME_UNCOVERED, NOW, ("PC",))


@pytest.mark.parametrize(("good", "extent"), [(NOW, Extent.SOME_NEVER), (None, Extent.EVERYTHING)])
def test_a_backup_that_never_succeeded_is_said_before_a_machine_without_any(
    good: datetime | None, extent: Extent
) -> None:
    found = loss([job("a", good), job("b", None)], [machine("SRV"), machine("PC", uuid4())])
    assert (found.extent, found.uncovered) == (extent, ("PC",))


def test_a_job_of_the_whole_practice_covers_every_machine() -> None:
    found = loss([job("a", NOW, endpoint_id=None)], [machine("SRV"), machine("PC", uuid4())])
    assert (found.extent, found.uncovered) == (Extent.SINCE, ())


def test_a_retired_job_of_the_whole_practice_covers_nothing() -> None:
    jobs = [job("a", NOW), job("b", NOW, State.RETIRED, endpoint_id=None)]
    assert loss(jobs, [machine("SRV"), machine("PC", uuid4())]).uncovered == ("PC",)


def test_what_is_retired_loses_nothing() -> None:
    found = loss([job("a", NOW), job("b", None, State.RETIRED)], [machine("PC", uuid4(), State.RETIRED)])
    assert (found.extent, found.uncovered) == (Extent.SINCE, ())


@pytest.mark.parametrize(
    ("pulse", "expected"),
    [
        (Pulse(NOW - TOLERATED, None), None),
        (Pulse(NOW - TOLERATED - MOMENT, None), Lapse.COLLECTORS_AWAY),
        (Pulse(None, None), Lapse.COLLECTORS_AWAY),
        (Pulse(NOW, NOW - JUDGING_TOLERATED), None),
        (Pulse(NOW, NOW - JUDGING_TOLERATED - MOMENT), Lapse.JUDGING_BEHIND),
        (Pulse(NOW, NOW - JUDGING_TOLERATED - MOMENT, SHORT), Lapse.ARRIVALS_SHORT),
        (Pulse(NOW - TOLERATED - MOMENT, None, SHORT), Lapse.COLLECTORS_AWAY),
    ],
)
def test_a_page_vouches_only_while_we_are_awake(pulse: Pulse, expected: Lapse | None) -> None:
    assert lapse(pulse, NOW) is expected


@pytest.mark.parametrize(
    ("pulse", "expected"),
    [
        (Pulse(NOW, None), None),
        (Pulse(NOW, NOW - JUDGING_TOLERATED - MOMENT), None),
        (Pulse(None, None), None),
        (Pulse(NOW - TOLERATED - MOMENT, None), Outage(NOW - TOLERATED - MOMENT)),
        (Pulse(NOW, None, SHORT), Outage(SHORT.began_at, 6, 90)),
        (Pulse(NOW - timedelta(hours=3), None, SHORT), Outage(NOW - timedelta(hours=3))),
        (Pulse(NOW - timedelta(hours=1), None, SHORT), Outage(SHORT.began_at)),
    ],
)
def test_our_own_outage_is_told_since_it_began(pulse: Pulse, expected: Outage | None) -> None:
    assert outage(pulse, NOW) == expected


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=59), "59 secondes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=89), "89 minutes"),
        (timedelta(minutes=90), "2 heures"),
        (timedelta(hours=47), "47 heures"),
        (timedelta(hours=48), "2 jours"),
        (timedelta(days=6), "6 jours"),
    ],
)
def test_a_distance_is_told_in_the_unit_that_still_says_something(ago: timedelta, words: str) -> None:
    assert f">{words}</time>" in Moments(Language.FR, "UTC", NOW).age(NOW - ago).replace("\xa0", " ")


@pytest.mark.parametrize(
    ("language", "zone", "words"),
    [
        (Language.FR, "Europe/Paris", ">jeudi 15 janvier à 22:30<"),
        (Language.EN, "Europe/Paris", ">Thursday 15 January at 22:30<"),
        (Language.FR, "Indian/Reunion", ">vendredi 16 janvier à 01:30<"),
    ],
)
def test_an_instant_is_told_in_the_practices_zone(language: Language, zone: str, words: str) -> None:
    told = Moments(language, zone, NOW).at(NOW)
    assert words in told
    assert 'datetime="2026-01-15T21:30:00+00:00"' in told


def test_another_year_is_said() -> None:
    assert "2025" in Moments(Language.FR, "Europe/Paris", NOW).at(NOW - timedelta(days=30))


@pytest.mark.parametrize("key", [PracticeKey(1, True, NOW, SERVER), NewestKey(NOW, SERVER)])
def test_a_cursor_comes_back_as_it_went(key: PracticeKey | NewestKey) -> None:
    assert from_cursor(type(key), to_cursor(key)) == key


def written(**key: object) -> str:
    """A cursor written by hand, over a good one."""
    good = {"rank": 1, "attended": True, "since": NOW.isoformat(), "practice_id": str(SERVER)}
    return base64.urlsafe_b64encode(json.dumps(good | key).encode()).decode().rstrip("=")


def test_a_cursor_written_by_hand_is_read_like_ours() -> None:
    assert from_cursor(PracticeKey, written()) == PracticeKey(1, True, NOW, SERVER)


@pytest.mark.parametrize(
    "wrong", [{"rank": 2**31}, {"since": "2026-01-01T00:00:00"}, {"since": "0001-01-01T00:00:00+14:00"}]
)
def test_a_cursor_that_the_store_could_not_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ProblemError):
        from_cursor(PracticeKey, written(**wrong))


@pytest.mark.parametrize("cursor", ["", "!", "é", "AAAA", "bnVsbA", to_cursor(NewestKey(NOW, SERVER))])
def test_a_cursor_of_another_list_names_its_field(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        from_cursor(PracticeKey, cursor)
    assert (refused.value.problem.status, refused.value.problem.errors[0].field) == (422, "after")
