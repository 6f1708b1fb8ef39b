"""What ticket systems send back: vouched for by its signature, fresh, and read strictly."""

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from collector.delivery.inbound import FRESH, Sealed, parse, vouched
from collector.model.happening import Deed
from tests.factories import NOW, new_id

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TICKET = new_id()
CLOSED = {"type": "ticket.closed", "data": {"ticket_id": str(TICKET), "by": "Chloé", "text": "new cable"}}


def sealed(body: object = CLOSED, secret: str = SECRET, at: datetime = NOW, event_id: str = "msg_1") -> Sealed:
    written = body if isinstance(body, str) else json.dumps(body)
    signature = Webhook(secret).sign(event_id, at, written)
    return Sealed(event_id, str(int(at.timestamp())), signature, written.encode())


def test_what_the_library_signs_is_vouched_for() -> None:
    assert vouched(sealed(), SECRET, NOW)
    assert vouched(sealed(), SECRET.removeprefix("whsec_"), NOW)


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (timedelta(0), True),
        (FRESH, True),
        (-FRESH, True),
        (FRESH + timedelta(seconds=1), False),
        (-FRESH - timedelta(seconds=1), False),
    ],
)
def test_a_signature_is_good_for_five_minutes_either_way(age: timedelta, fresh: bool) -> None:
    assert vouched(sealed(at=NOW - age), SECRET, NOW) is fresh


@pytest.mark.parametrize(
    "changed",
    [
        {"event_id": "msg_2"},
        {"event_id": ""},
        {"event_id": "msg_1\n"},
        {"timestamp": str(int(NOW.timestamp()) + 1)},
        {"timestamp": "soon"},
        {"timestamp": "9" * 400},
        {"timestamp": "99999999999999"},
        {"timestamp": ""},
        {"signature": ""},
        {"signature": "v1,"},
        {"signature": "v1,é"},
        {"signature": "v1,AAAA"},
        {"body": b"{}"},
        {"body": json.dumps(CLOSED).encode() + b" "},
    ],
)
def test_whatever_is_changed_on_the_way_is_not_vouched_for(changed: dict[str, object]) -> None:
    assert not vouched(sealed()._replace(**changed), SECRET, NOW)  # type: ignore[arg-type]


def test_another_secret_another_version_and_a_broken_secret_vouch_for_nothing() -> None:
    good = sealed()
    assert not vouched(sealed(secret=OTHER), SECRET, NOW)
    assert not vouched(good._replace(signature=good.signature.replace("v1,", "v2,")), SECRET, NOW)
    assert not vouched(good, "whsec_%%%", NOW)
    assert not vouched(good, "whsec_", NOW)


def test_one_good_signature_among_several_is_enough() -> None:
    both = f"{sealed(secret=OTHER).signature} v1a,xyz {sealed().signature}"
    assert vouched(sealed()._replace(signature=both), SECRET, NOW)


@pytest.mark.parametrize("deed", list(Deed))
def test_each_deed_is_read(deed: Deed) -> None:
    event = {"type": f"ticket.{deed}", "timestamp": "x", "data": {**CLOSED["data"], "more": 1}}  # type: ignore[dict-item]
    happening = parse(sealed(event), NOW)
    assert (happening.deed, happening.ticket_id, happening.by) == (deed, UUID(str(TICKET)), "Chloé")
    assert (happening.event_id, happening.said, happening.at) == ("msg_1", "new cable", NOW)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"ticket_id": "1"}, ("data", "ticket_id")),
        ({"by": ""}, ("data", "by")),
        ({"by": "a\nb"}, ("data", "by")),
        ({"by": "x" * 201}, ("data", "by")),
        ({"by": None}, ("data", "by")),
        ({"text": "x" * 2_001}, ("data", "text")),
        ({"text": "\0"}, ("data", "text")),
        ({"at": "yesterday"}, ("data", "at")),
        ({"at": 1_700_000_000}, ("data", "at")),
    ],
)
def test_what_is_wrong_is_named_by_its_field(data: dict[str, object], where: tuple[str, ...]) -> None:
    event = {"type": "ticket.closed", "data": {**CLOSED["data"], **data}}  # type: ignore[dict-item]
    with pytest.raises(ValidationError) as refused:
        parse(sealed(event), NOW)
    assert [one["loc"] for one in refused.value.errors()] == [where]


@pytest.mark.parametrize("body", ["", "[]", "{", '{"type": "ticket.eaten", "data": {}}', '{"type": "ticket.closed"}'])
def test_what_is_no_event_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        parse(sealed(body), NOW)
