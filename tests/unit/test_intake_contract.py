"""From a body to heartbeats: each valid one, or what is wrong with it; whatever comes, only ProblemError leaves."""

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.intake.body import BATCH_ITEMS, Body, Shape
from collector.intake.contract import LATEST_ACCEPTED, MOST_VALUES, Broken, read_heartbeats, too_old
from collector.model.clock import clock_skew
from collector.model.heartbeat import Heartbeat
from collector.problems import ProblemError
from tests.factories import NOW, heartbeat

GOOD = heartbeat().model_dump_json(exclude_none=True).encode()
BROKEN = b'{"id": "x"}'


def statuses(shape: Shape, raw: bytes) -> list[int]:
    """202 for each heartbeat, and the status of each broken one; that of the whole body if it is refused."""
    try:
        items = read_heartbeats(Body(shape, raw))
    except ProblemError as error:
        return [error.problem.status]
    return [202 if isinstance(one, Heartbeat) else one.problem.status for one in items]


def array(*items: bytes) -> bytes:
    return b"[" + b",".join(items) + b"]"


ODD = {
    "empty": b"",
    "blank": b" \r\n\t ",
    "bom": b"\xef\xbb\xbf" + GOOD,
    "half": GOOD[:-1],
    "two": GOOD + GOOD,
    "nested too deep": b"[" * 5_000 + b"]" * 5_000,
    "int of 5,000 digits": b'{"seq": ' + b"9" * 5_000 + b"}",
    "lone surrogate": b'{"id": "\\ud800"}',
    "lone surrogate key": b'{"\\udfff": 1}',
    "latin-1": '{"id": "é"}'.encode("latin-1"),
    "utf-16": '{"id": 1}'.encode("utf-16"),
    "not json": b"seq=1&id=2",
}
NOT_A_HEARTBEAT = {
    "null": b"null",
    "number": b"1e400",
    "string": b'"heartbeat"',
    "object": b"{}",
    "array": b"[[[]]]",
    "int of 4,000 digits": b'{"seq": ' + b"9" * 4_000 + b"}",
    "nan": b'{"seq": NaN}',
    "id that is none": b'{"id": [1]}',
    "nul": b'{"id": "\\u0000"}',
    "duplicate keys": b'{"seq": 1, "seq": 2}',
}


@pytest.mark.parametrize("raw", ODD.values(), ids=list(ODD))
@pytest.mark.parametrize("shape", [Shape.SINGLE, Shape.ARRAY])
def test_body_that_is_not_json_is_a_400(shape: Shape, raw: bytes) -> None:
    assert statuses(shape, raw) == [400]


@pytest.mark.parametrize("raw", NOT_A_HEARTBEAT.values(), ids=list(NOT_A_HEARTBEAT))
def test_json_that_is_no_heartbeat_is_a_422(raw: bytes) -> None:
    assert statuses(Shape.SINGLE, raw) == [422]
    assert statuses(Shape.ARRAY, array(raw, GOOD)) == [422, 202]
    assert statuses(Shape.LINES, raw + b"\n" + GOOD) == [422, 202]


@pytest.mark.parametrize("raw", [one for name, one in ODD.items() if name not in ("empty", "blank", "utf-16")])
def test_line_that_is_not_json_sinks_no_neighbour(raw: bytes) -> None:
    assert statuses(Shape.LINES, b"\n".join([GOOD, raw, GOOD])) == [202, 400, 202]


def test_item_that_cannot_be_text_sinks_no_neighbour() -> None:
    assert statuses(Shape.ARRAY, array(GOOD, GOOD[:-1] + b', "note": "\\udce9"}')) == [202, 400]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"\n \r\n\t\n", []),
        (GOOD, [202]),
        (GOOD + b"\n", [202]),
        (b"\n\n" + GOOD + b"\r\n  \r\n" + GOOD + b"\n\n", [202, 202]),
        (GOOD + b"\n" + BROKEN + b"\n{\n" + GOOD, [202, 422, 400, 202]),
    ],
)
def test_blank_lines_count_for_nothing(raw: bytes, expected: list[int]) -> None:
    assert statuses(Shape.LINES, raw) == expected


@pytest.mark.parametrize(("raw", "expected"), [(b"[]", []), (array(GOOD), [202]), (array(BROKEN, GOOD), [422, 202])])
def test_items_of_an_array_keep_their_order(raw: bytes, expected: list[int]) -> None:
    assert statuses(Shape.ARRAY, raw) == expected


@pytest.mark.parametrize("item", [GOOD, BROKEN, b"0"], ids=["good", "broken", "zero"])
def test_batch_takes_a_thousand_and_refuses_one_more(item: bytes) -> None:
    for items, refused in [(BATCH_ITEMS, False), (BATCH_ITEMS + 1, True)]:
        assert (statuses(Shape.ARRAY, array(*[item] * items)) == [413]) is refused
        assert (statuses(Shape.LINES, b"\n".join([item] * items)) == [413]) is refused


def broken(raw: bytes) -> Broken:
    (one,) = read_heartbeats(Body(Shape.SINGLE, raw))
    assert isinstance(one, Broken)
    return one


def test_broken_heartbeat_names_its_fields_and_the_id_it_gave() -> None:
    sent = {**json.loads(GOOD), "seq": "1", "interval_s": 0}
    one = broken(json.dumps(sent).encode())
    assert one.id == sent["id"]
    assert [error.field for error in one.problem.errors] == ["seq", "interval_s"]
    assert one.problem.detail.startswith("seq: ")


@pytest.mark.parametrize("claimed", [7, None, ["x"], "x" * 37])
def test_id_that_cannot_be_one_is_not_given_back(claimed: object) -> None:
    assert broken(json.dumps({"id": claimed}).encode()).id is None


def test_what_is_wrong_is_said_of_twenty_fields_at_most_and_never_by_value() -> None:
    sent = {**json.loads(GOOD), "alerts": ["s3cret"] * 100}
    one = broken(json.dumps(sent).encode())
    assert 1 <= len(one.problem.errors) <= 20
    assert "s3cret" not in one.problem.model_dump_json()


def test_of_two_keys_of_one_name_the_last_counts() -> None:
    (one,) = read_heartbeats(Body(Shape.SINGLE, GOOD[:-1] + b', "seq": 9}'))
    assert isinstance(one, Heartbeat)
    assert one.seq == 9


@pytest.mark.parametrize(
    ("age", "queued", "refused"),
    [
        (LATEST_ACCEPTED, 1, False),
        (LATEST_ACCEPTED + timedelta(microseconds=1), 1, True),
        (LATEST_ACCEPTED * 600, 0, False),
        (-LATEST_ACCEPTED, 1, False),
    ],
    ids=["at-the-limit", "over", "dead-clock", "ahead"],
)
def test_replay_from_before_the_window_is_refused(age: timedelta, queued: int, *, refused: bool) -> None:
    beat = heartbeat(NOW).model_copy(update={"sent_at": NOW - age, "queued": queued})
    skew = clock_skew(NOW, sent_at=beat.sent_at, queued=queued, clock_at=None)
    found = too_old(beat, NOW, skew)
    assert (found is not None) is refused
    assert found is None or (found.id, found.problem.status) == (str(beat.id), 422)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "seq", "endpoint"]), inner),
    max_leaves=8,
)


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()), st.sampled_from(Shape))
def test_nothing_but_a_problem_ever_leaves(raw: bytes, shape: Shape) -> None:
    assert set(statuses(shape, raw)) <= {202, 400, 413, 422}


HOSTILE = {
    "a million items": "b'[' + b'0,' * 4_000_000 + b'0]'",
    "an item with a million wrong alerts": "b'[{\"alerts\": [' + b'0,' * 4_000_000 + b'0]}]'",
    "an item without its fields beside a million values": "b'[{\"a\": [' + b'[],' * 2_600_000 + b'[]]}]'",
}
WITHIN_A_GIGABYTE = """
import resource
from collector.intake.body import Body, Shape
from collector.intake.contract import read_heartbeats
from collector.problems import ProblemError
raw = {raw}
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
try:
    read_heartbeats(Body(Shape.ARRAY, raw))
except ProblemError:
    pass
"""


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_batch_does_not_take_the_collectors_memory(raw: str) -> None:
    reading = subprocess.run(
        [sys.executable, "-c", WITHIN_A_GIGABYTE.format(raw=raw)], capture_output=True, check=False
    )
    assert reading.returncode == 0


@pytest.mark.parametrize(
    ("inner", "status"),
    [
        pytest.param(b'{"id":"x","severity":"low"},' * 5_000 + b"{}", 422, id="what one heartbeat may hold"),
        pytest.param(b"{}," * (MOST_VALUES // 2 - 4) + b"{}", 422, id="all that is read"),
        pytest.param(b"{}," * (MOST_VALUES // 2) + b"{}", 413, id="more objects"),
        pytest.param(b"[]," * (MOST_VALUES // 2) + b"[]", 413, id="more arrays"),
        pytest.param(b"0," * MOST_VALUES + b"0", 413, id="more numbers"),
    ],
)
def test_a_body_may_have_so_many_values(inner: bytes, status: int) -> None:
    assert statuses(Shape.ARRAY, b'[{"unknown":[' + inner + b"]}]") == [status]
