"""The heartbeat, version 1: strict where it knows a field, silent where it does not."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from collector.model.heartbeat import Heartbeat
from collector.problems import contract_broken
from tests.factories import heartbeat

INSTANT = "2026-11-21T18:00:00Z"
BACKUP = {"job": "daily", "tool": "restic 0.16.4", "status": "success", "finished_at": INSTANT}
COPY = {"medium": "nas", "location": "nas:/backup"}
RESTORE_TEST = {"job": "daily", "level": "file", "status": "success", "tested_at": INSTANT}
PATCH = {"id": "KB5000001", "severity": "critical"}
PATCHES = {"scanned_at": INSTANT, "missing": [PATCH]}
PROTECTION = {"product": "Defender", "mode": "active", "real_time": True}
ALERT = {"id": "a-1", "at": INSTANT, "severity": "high", "category": "malware", "name": "EICAR"}


def body(**more: object) -> dict[str, Any]:
    least: dict[str, Any] = json.loads(heartbeat().model_dump_json(exclude_none=True))
    return {**least, **more}


def with_backup(**more: object) -> dict[str, Any]:
    return body(backups=[{**BACKUP, **more}])


def with_copy(**more: object) -> dict[str, Any]:
    return with_backup(copies=[{**COPY, **more}])


def with_endpoint(**more: object) -> dict[str, Any]:
    return body(endpoint={**body()["endpoint"], **more})


def read(sent: object) -> Heartbeat:
    return Heartbeat.model_validate_json(json.dumps(sent))


def refused_fields(sent: object) -> set[str]:
    with pytest.raises(ValidationError) as broken:
        read(sent)
    return {one.field for one in contract_broken(broken.value).errors}


WHOLE = body(
    backups=[{**BACKUP, "copies": [COPY], "restore_points": {"count": 3}}],
    restore_tests=[RESTORE_TEST],
    patches=PATCHES,
    protection=[PROTECTION],
    alerts=[ALERT],
)


def test_whole_heartbeat_is_read() -> None:
    read_whole = read(WHOLE)
    assert read_whole.backups is not None
    assert read_whole.backups[0].restore_points is not None
    assert read_whole.patches is not None
    assert read_whole.patches.missing[0].id == "KB5000001"
    assert read_whole.alerts is not None
    assert read_whole.alerts[0].status == "open"


def test_absent_section_is_not_an_empty_one() -> None:
    assert read(body()).backups is None
    assert read(body(backups=[])).backups == ()


@pytest.mark.parametrize(
    "sent",
    [
        body(new_section={"a": 1}),
        with_endpoint(cpu="8 cores"),
        with_backup(compression="zstd"),
        with_copy(region="eu-west-3"),
        body(patches={**PATCHES, "source": "apt"}),
    ],
    ids=["heartbeat", "endpoint", "backup", "copy", "patches"],
)
def test_unknown_fields_are_ignored_at_every_depth(sent: dict[str, Any]) -> None:
    assert read(sent).endpoint.name == "SRV-01"


WRONG_TYPES = [
    (body(seq="1"), "seq"),
    (body(seq=1.0), "seq"),
    (body(seq=True), "seq"),
    (body(seq=None), "seq"),
    (body(sent_at=1_700_000_000), "sent_at"),
    (body(interval_s="60"), "interval_s"),
    (body(endpoint="SRV-01"), "endpoint"),
    (body(backups={}), "backups"),
    (body(backups=[[]]), "backups[0]"),
    (with_backup(bytes_total="12"), "backups[0].bytes_total"),
    (with_backup(job=7), "backups[0].job"),
    (with_copy(offline="true"), "backups[0].copies[0].offline"),
    (with_copy(offline=1), "backups[0].copies[0].offline"),
    (body(protection=[{**PROTECTION, "real_time": "yes"}]), "protection[0].real_time"),
    (body(patches={**PATCHES, "missing": [PATCH, 7]}), "patches.missing[1]"),
]


@pytest.mark.parametrize(
    ("sent", "field"), WRONG_TYPES, ids=[f"{n}-{field}" for n, (_, field) in enumerate(WRONG_TYPES)]
)
def test_wrong_type_is_refused_by_the_path_of_its_field(sent: dict[str, Any], field: str) -> None:
    assert refused_fields(sent) == {field}


@pytest.mark.parametrize("field", ["id", "seq", "sent_at", "interval_s", "endpoint"])
def test_missing_field_is_named(field: str) -> None:
    without = {name: value for name, value in body().items() if name != field}
    assert refused_fields(without) == {field}


ENUMERATIONS = [
    (with_endpoint(role="toaster"), "endpoint.role"),
    (with_endpoint(role="SERVER"), "endpoint.role"),
    (with_backup(status="ok"), "backups[0].status"),
    (with_copy(medium="floppy"), "backups[0].copies[0].medium"),
    (body(restore_tests=[{**RESTORE_TEST, "level": "glance"}]), "restore_tests[0].level"),
    (body(restore_tests=[{**RESTORE_TEST, "status": "warning"}]), "restore_tests[0].status"),
    (body(patches={**PATCHES, "missing": [{**PATCH, "severity": "urgent"}]}), "patches.missing[0].severity"),
    (body(protection=[{**PROTECTION, "mode": "on"}]), "protection[0].mode"),
    (body(alerts=[{**ALERT, "severity": "warning"}]), "alerts[0].severity"),
    (body(alerts=[{**ALERT, "category": "virus"}]), "alerts[0].category"),
    (body(alerts=[{**ALERT, "status": "closed"}]), "alerts[0].status"),
]


@pytest.mark.parametrize(
    ("sent", "field"), ENUMERATIONS, ids=[f"{n}-{field}" for n, (_, field) in enumerate(ENUMERATIONS)]
)
def test_value_outside_an_enumeration_is_refused(sent: dict[str, Any], field: str) -> None:
    assert refused_fields(sent) == {field}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (with_endpoint(name="SRV\x0001"), "endpoint.name"),
        (with_backup(message="half\x00"), "backups[0].message"),
        (with_backup(job="a\x00"), "backups[0].job"),
        (with_backup(job="two\nlines"), "backups[0].job"),
        (with_backup(job="ends\n"), "backups[0].job"),
        (with_backup(job="\x7f"), "backups[0].job"),
    ],
)
def test_nul_and_a_job_name_with_control_characters_are_refused(sent: dict[str, Any], field: str) -> None:
    assert refused_fields(sent) == {field}


@pytest.mark.parametrize("sent", [with_endpoint(name="SRV\r\nBcc: all"), with_backup(job="\x85next")])
def test_no_name_that_stands_in_a_title_may_break_its_line(sent: dict[str, Any]) -> None:
    assert refused_fields(sent)


@pytest.mark.parametrize(
    ("sent_at", "accepted"),
    [
        ("1600-12-31T23:59:59Z", False),
        ("1601-01-01T00:00:00Z", True),
        ("1970-01-01T00:00:00Z", True),
        ("9000-01-01T00:00:00Z", True),
        ("9000-01-01T00:00:01Z", False),
        ("9999-12-31T23:59:59-14:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("2026-11-21T18:00:00", False),
        ("2026-11-21", False),
        ("2026-02-29T00:00:00Z", False),
        ("2028-02-29T00:00:00Z", True),
        ("2026-11-21T18:00:00.123456+01:00", True),
        ("yesterday", False),
    ],
)
def test_instant_lies_in_the_calendar_and_has_an_offset(sent_at: str, *, accepted: bool) -> None:
    if accepted:
        assert read(body(sent_at=sent_at)).sent_at.utcoffset() is not None
    else:
        assert refused_fields(body(sent_at=sent_at)) == {"sent_at"}


@pytest.mark.parametrize("sent_at", ["1700000000", "1700000000.5", "-1"])
def test_string_of_digits_is_not_an_instant(sent_at: str) -> None:
    assert refused_fields(body(sent_at=sent_at)) == {"sent_at"}


@pytest.mark.parametrize("written", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-14:00"])
def test_for_ever_is_finite(written: str) -> None:
    backups = read(with_copy(immutable_until=written)).backups
    assert backups is not None
    until = backups[0].copies[0].immutable_until
    assert until is not None
    assert until.year == 9000


def test_never_is_finite() -> None:
    """As .NET writes it; reckoning with it must not leave the calendar."""
    backups = read(with_copy(immutable_until="0001-01-01T00:00:00Z")).backups
    assert backups is not None
    assert backups[0].copies[0].immutable_until == datetime(1601, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "ended", "accepted"),
    [
        ("success", True, True),
        ("success", False, False),
        ("warning", False, False),
        ("failed", False, False),
        ("failed", True, True),
        ("running", False, True),
        ("running", True, True),
    ],
)
def test_run_that_is_over_says_when_it_ended(status: str, *, ended: bool, accepted: bool) -> None:
    sent = with_backup(status=status, finished_at=INSTANT if ended else None)
    if accepted:
        assert read(sent).backups
    else:
        assert refused_fields(sent) == {"backups[0]"}


@pytest.mark.parametrize(
    "identity",
    [
        "00000000-0000-0000-0000-000000000000",
        "c232ab00-9414-11ec-b3c8-9f6bdeced846",  # version 1
        "919108f7-52d1-4320-9bac-f847db4148a8",  # version 4
        "1ec9414c-232a-6b00-b3c8-9f6bdeced846",  # version 6
        "not-a-uuid",
    ],
)
def test_id_is_a_uuid_of_version_7_only(identity: str) -> None:
    assert refused_fields(body(id=identity)) == {"id"}


def test_id_of_version_7_is_taken() -> None:
    example = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"  # RFC 9562, appendix A.6
    assert read(body(id=example)).id == UUID(example)


LIMITS = [
    ("seq", 0, -1, body),
    ("seq", 2**63 - 1, 2**63, body),
    ("queued", 0, -1, body),
    ("queued", 1_000_000, 1_000_001, body),
    ("interval_s", 1, 0, body),
    ("interval_s", 86_400, 86_401, body),
    ("backups", [BACKUP] * 500, [BACKUP] * 501, body),
    ("restore_tests", [RESTORE_TEST] * 500, [RESTORE_TEST] * 501, body),
    ("protection", [PROTECTION] * 50, [PROTECTION] * 51, body),
    ("alerts", [ALERT] * 1_000, [ALERT] * 1_001, body),
    ("job", "j" * 100, "j" * 101, with_backup),
    ("job", "j", "", with_backup),
    ("tool", "t" * 200, "t" * 201, with_backup),
    ("message", "m" * 2_000, "m" * 2_001, with_backup),
    ("bytes_total", 2**63 - 1, 2**63, with_backup),
    ("copies", [COPY] * 50, [COPY] * 51, with_backup),
    ("location", "é" * 200, "é" * 201, with_copy),
    ("name", "n" * 200, "n" * 201, with_endpoint),
    ("name", "n", "", with_endpoint),
]


@pytest.mark.parametrize(
    ("field", "most", "over", "made"), LIMITS, ids=[f"{n}-{one[0]}" for n, one in enumerate(LIMITS)]
)
def test_limit_takes_what_is_at_it_and_refuses_what_is_over(field: str, most: object, over: object, made: Any) -> None:
    assert read(made(**{field: most}))
    assert {path.rpartition(".")[2] for path in refused_fields(made(**{field: over}))} == {field}


def test_missing_patches_are_limited() -> None:
    assert read(body(patches={**PATCHES, "missing": [PATCH] * 5_000})).patches
    assert refused_fields(body(patches={**PATCHES, "missing": [PATCH] * 5_001})) == {"patches.missing"}


def test_heartbeat_survives_being_written_and_read_again() -> None:
    once = read(WHOLE)
    assert Heartbeat.model_validate_json(once.model_dump_json()) == once
