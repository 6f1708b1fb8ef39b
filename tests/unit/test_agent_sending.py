"""The spool and its way into a collector: a real HTTP server on this machine stands in for the far end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from collector.agent import watch as watching
from collector.agent.ground.clock import now
from collector.agent.ground.contract import Sections
from collector.agent.heartbeat import compose
from collector.agent.looking.restic import Job
from collector.agent.sending import batch as batching
from collector.agent.sending import drain as draining
from collector.agent.sending import spool as spooling
from collector.agent.sending.backoff import LONGEST_S
from collector.agent.sending.drain import Drained, drain
from collector.agent.sending.spool import Spool
from collector.agent.sending.transport import post
from collector.agent.sending.verdict import Verdict
from collector.agent.settings import Settings
from collector.agent.watch import Watch
from collector.model.rule_settings import OwnOutage
from tests.factories import MINUTE
from tests.unit.test_agent_transport import Collector, Items, Reply, always, listening, refuses, stores_all

WHO = UUID("6f1c2f8e-0000-4000-8000-000000000001")


class Practice(NamedTuple):
    """An agent's state and how it reaches the collector."""

    settings: Settings
    spool: Spool

    def beat(self, seq: int) -> str:
        heartbeat = compose(self.settings, WHO, seq, now(), {})
        self.spool.append(heartbeat)
        return heartbeat["sent_at"]

    def send(self, server: str | None = None) -> Drained:
        return drain(self.spool, lambda body: post(server or self.settings.server, "k3y", body))


@pytest.fixture
def collector() -> Iterator[Collector]:
    with listening() as made:
        yield made


@pytest.fixture
def practice(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Practice:
    monkeypatch.setenv("VIGIE_AGENT_KEY", "k3y")
    settings = Settings(collector.url, None, tmp_path, 300, 900, "server", ())
    return Practice(settings, Spool(tmp_path))


def test_a_single_heartbeat_is_sent_with_the_key_and_leaves_the_spool(practice: Practice, collector: Collector) -> None:
    practice.beat(1)
    assert practice.send().end is Verdict.SETTLED
    assert collector.stored == [1]
    assert collector.headers[0]["Authorization"] == "Bearer k3y"
    assert practice.spool.waiting() == []


def test_what_waited_is_sent_in_order_with_its_first_time_and_true_queue(
    practice: Practice, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [practice.beat(seq) for seq in (1, 2, 10)]
    assert practice.send("http://127.0.0.1:1").end is Verdict.HOLD
    assert "held in spool waiting=3 sent=0 status=0" in capsys.readouterr().err
    assert practice.send().end is Verdict.SETTLED
    (items,) = collector.requests
    assert [item["seq"] for item in items] == [1, 2, 10]
    assert [item["sent_at"] for item in items] == times
    assert [item["queued"] for item in items] == [2, 1, 0]


def test_a_long_queue_goes_in_batches_that_count_what_is_behind_them(
    practice: Practice, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "LARGEST_COUNT", 2)
    for seq in range(1, 6):
        practice.beat(seq)
    practice.send()
    assert [[item["queued"] for item in items] for items in collector.requests] == [[4, 3], [2, 1], [0]]
    assert collector.stored == [1, 2, 3, 4, 5]


def test_a_batch_stays_below_its_bytes(
    practice: Practice, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seq in range(1, 6):
        practice.beat(seq)
    each = max(path.stat().st_size for path in (practice.settings.state / "spool").iterdir())
    monkeypatch.setattr(batching, "LARGEST_BYTES", 2 * each + 1)
    practice.send()
    assert [len(items) for items in collector.requests] == [2, 2, 1]


def test_a_rejected_one_is_set_aside_with_its_problem_and_the_rest_stored(
    practice: Practice, collector: Collector
) -> None:
    collector.reply = refuses(2)
    for seq in (1, 2, 3):
        practice.beat(seq)
    assert practice.send().end is Verdict.SETTLED
    (problem,) = (practice.settings.state / "rejected").glob("*.problem")
    assert json.loads(problem.read_text())["title"] == "interval_s is too large"
    assert json.loads(problem.with_suffix(".json").read_text())["seq"] == 2
    assert practice.spool.waiting() == []


@pytest.mark.parametrize("count", [1, 3])
def test_when_none_can_be_stored_all_are_set_aside(practice: Practice, collector: Collector, count: int) -> None:
    collector.reply = refuses(*range(1, count + 1))
    for seq in range(1, count + 1):
        practice.beat(seq)
    assert practice.send().end is Verdict.SETTLED
    assert len(list((practice.settings.state / "rejected").glob("*.json"))) == count


@pytest.mark.parametrize("status", [400, 413])
def test_the_one_that_spoils_a_batch_is_found_by_halving(practice: Practice, collector: Collector, status: int) -> None:
    def reply(items: Items) -> Reply:
        return always(status)(items) if any(item["seq"] == 5 for item in items) else stores_all(items)

    collector.reply = reply
    for seq in range(1, 9):
        practice.beat(seq)
    assert practice.send().end is Verdict.SETTLED
    assert collector.stored == [1, 2, 3, 4, 6, 7, 8]
    assert len(list((practice.settings.state / "rejected").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (401, Verdict.CREDENTIALS),
        (403, Verdict.CREDENTIALS),
        (302, Verdict.ADDRESS),
        (404, Verdict.ADDRESS),
        (408, Verdict.HOLD),
        (429, Verdict.HOLD),
        (500, Verdict.HOLD),
        (503, Verdict.HOLD),
    ],
)
def test_what_is_not_acknowledged_stays(practice: Practice, collector: Collector, status: int, end: Verdict) -> None:
    collector.reply = always(status, {"Retry-After": "7", "Location": "http://127.0.0.1:1/"})
    practice.beat(1)
    assert practice.send() == Drained(end, 7.0)
    assert len(practice.spool.waiting()) == len(collector.requests) == 1


@pytest.mark.parametrize(
    ("status", "answer"), [(202, "Welcome"), (200, {"id": "x", "status": "accepted"}), (202, {"results": []})]
)
def test_a_captive_portal_acknowledges_nothing(
    practice: Practice, collector: Collector, status: int, answer: object
) -> None:
    practice.beat(1)
    collector.reply = lambda _items: (status, answer, {})
    assert practice.send().end is not Verdict.SETTLED
    assert len(practice.spool.waiting()) == 1


def test_after_a_crash_between_writing_and_sending_it_is_sent_under_its_id(
    practice: Practice, collector: Collector
) -> None:
    practice.beat(1)
    (name,) = practice.spool.waiting()
    reopened = Spool(practice.settings.state)
    drain(reopened, lambda body: post(collector.url, "k3y", body))
    assert collector.requests[0][0]["id"] in name


def test_damaged_files_are_set_aside_and_do_not_stop_the_others(
    practice: Practice, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = practice.settings.state / "spool"
    practice.beat(6)
    for position, content in enumerate([b"", b'{"id": "x', b"[1]", b'{"id": 3}', b"\xff\xfe", b"[" * 100_000]):
        (folder / f"{position:016d}-x.json").write_bytes(content)
    (folder / "0000000000000009-x.json.partial").write_bytes(b'{"id"')
    spool = Spool(practice.settings.state)
    assert drain(spool, lambda body: post(collector.url, "k3y", body)).end is Verdict.SETTLED
    assert collector.stored == [6]
    assert collector.requests[0][0]["queued"] == 0
    assert len(list((practice.settings.state / "rejected").glob("*.json"))) == 6
    assert list(folder.iterdir()) == []
    assert capsys.readouterr().err.count("why=corrupt spool file") == 6


def test_a_full_spool_drops_its_oldest_and_says_so_once(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spooling, "MAX_FILES", 3)
    for seq in range(1, 7):
        practice.beat(seq)
    assert [int(name[:16]) for name in practice.spool.waiting()] == [4, 5, 6]
    assert capsys.readouterr().err.count("oldest dropped") == 1


@pytest.mark.parametrize("bound", ["MAX_BYTES", "MAX_FILES"])
def test_the_newest_is_kept_whatever_the_bounds(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(spooling, bound, 0)
    practice.beat(1)
    practice.beat(2)
    assert [int(name[:16]) for name in practice.spool.waiting()] == [2]


def test_what_was_set_aside_is_bounded(
    practice: Practice, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.reply = always(400)
    monkeypatch.setattr(spooling, "MAX_REJECTED", 3)
    for seq in range(1, 7):
        practice.beat(seq)
    practice.send()
    kept = sorted(path.name for path in (practice.settings.state / "rejected").glob("*.json"))
    assert [int(name[:16]) for name in kept] == [4, 5, 6]
    assert len(list((practice.settings.state / "rejected").glob("*.problem"))) == 3


class Rhythm:
    """A watch with a clock that we turn, which looks at nothing."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 0.0
        self.looked: list[float] = []
        monkeypatch.setattr(watching, "look", self._look)
        self._watch = Watch(settings, lambda: self.at)

    def turn(self, at: float) -> float:
        self.at = at
        return self._watch.turn()

    def _look(self, _state: Path, _jobs: tuple[Job, ...]) -> Sections:
        self.looked.append(self.at)
        return {}


def test_a_busy_server_is_left_alone_as_long_as_it_asks(
    practice: Practice, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    rhythm = Rhythm(practice.settings, monkeypatch)
    collector.reply = always(503, {"Retry-After": "400"})
    assert rhythm.turn(0) == 300
    collector.reply = stores_all
    due = rhythm.turn(300)
    assert len(collector.requests) == 1
    assert 400 <= due <= 440
    assert rhythm.turn(due) == 600
    assert collector.stored == [1, 2]


def test_failures_without_a_hint_are_asked_ever_more_rarely(
    practice: Practice, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    rhythm = Rhythm(practice.settings._replace(interval_s=86_400), monkeypatch)
    collector.reply = always(500)
    dues = [0.0]
    for _ in range(12):
        dues.append(rhythm.turn(dues[-1]))
    waits = [later - earlier for earlier, later in pairwise(dues)]
    assert 2.5 <= waits[0] <= 5
    assert all(300 <= wait <= 600 for wait in waits[8:])


def test_after_an_outage_of_ours_an_agent_is_back_with_time_left_to_send_what_it_kept() -> None:
    assert timedelta(seconds=LONGEST_S) + 5 * MINUTE <= OwnOutage().catching_up


def test_a_refused_key_holds_the_spool_and_the_watch_goes_on(
    practice: Practice, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    rhythm = Rhythm(practice.settings, monkeypatch)
    collector.reply = always(401)
    due = rhythm.turn(0)
    collector.reply = stores_all
    rhythm.turn(due)
    assert collector.stored == [1]


def test_a_standstill_is_not_made_up_for(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    rhythm = Rhythm(practice.settings, monkeypatch)
    assert [rhythm.turn(0), rhythm.turn(5_000)] == [300, 5_300]


def test_only_some_heartbeats_look(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    rhythm = Rhythm(practice.settings, monkeypatch)
    for at in (0, 300, 600, 900):
        rhythm.turn(at)
    assert rhythm.looked == [0, 900]
