"""What was not delivered is shown with its reason, tried again or dropped, and who did so is kept."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from collector.model.campaign import PROVIDER
from collector.model.message import Addressed
from collector.store.outbox import Parcel, bury, claim, mark_sent, post, put_off
from tests.factories import DAY, HOUR
from tests.integration.house import House, count, enrol, message, open_ticket, rows
from tests.integration.test_cli import Vigie, done, refused, vigie

__all__ = ["vigie"]


async def claimed(house: House, channel: str = "rt", messages: int = 1) -> Parcel:
    practice_id = (await enrol(house, f"Cabinet {uuid4()}")).practice.practice_id
    ticket_id = await open_ticket(house, practice_id)
    now = datetime.now(UTC)
    async with house.worker.acquire() as conn:
        await post(conn, [Addressed(channel, message(practice_id, ticket_id, n + 1)) for n in range(messages)], now)
        (parcel,) = await claim(conn, channel, now, now + HOUR, 1)
    return parcel


async def given_up(house: House, channel: str = "rt", messages: int = 1) -> UUID:
    parcel = await claimed(house, channel, messages)
    async with house.worker.acquire() as conn:
        await bury(conn, [parcel], datetime.now(UTC), "answered 503")
    return parcel.outbox_id


async def test_an_outbox_without_anything_says_so(house: House, vigie: Vigie) -> None:
    assert done(await vigie("outbox", "list")) == "nothing waits\n"
    assert done(await vigie("outbox", "list", "--dead")) == "nothing was given up\n"


async def test_what_is_not_delivered_is_shown_with_its_reason(house: House, vigie: Vigie) -> None:
    dead = await given_up(house)
    waiting = await claimed(house, "glpi")
    async with house.worker.acquire() as conn:
        await put_off(conn, [waiting], datetime.now(UTC) + HOUR, "answered 429")
    said = done(await vigie("outbox", "list"))
    assert f"{dead}  rt" in said
    assert "1 try: answered 503" in said
    assert f"{waiting.outbox_id}  glpi" in said
    assert ": A ticket" in said
    assert str(waiting.outbox_id) not in done(await vigie("outbox", "list", "--dead"))
    assert str(dead) not in done(await vigie("outbox", "list", "--channel", "glpi"))


@pytest.mark.parametrize("by", ["channel", "id"])
async def test_what_is_tried_again_is_alive_for_another_day(house: House, vigie: Vigie, by: str) -> None:
    dead = await given_up(house)
    await given_up(house, "glpi")
    await house.owner.execute("UPDATE outbox SET created_at = created_at - $1::interval", DAY)
    assert done(await vigie("outbox", "retry", "rt" if by == "channel" else str(dead))) == "1 message is tried again\n"
    async with house.worker.acquire() as conn:
        (alive,) = await claim(conn, "rt", datetime.now(UTC), datetime.now(UTC) + HOUR, 10)
    assert (alive.outbox_id, datetime.now(UTC) - alive.waits_since < HOUR) == (dead, True)
    assert await rows(house, "SELECT action, subject FROM audit WHERE action LIKE 'outbox%'") == [
        {"action": "outbox.retry", "subject": f"outbox:{dead}"}
    ]
    assert await house.owner.fetchval("SELECT count(*) FROM wake WHERE practice_id = $1", PROVIDER) == 1


async def test_what_later_news_has_overtaken_is_not_tried_again(house: House, vigie: Vigie) -> None:
    dead = await given_up(house, messages=2)
    async with house.worker.acquire() as conn:
        (later,) = await claim(conn, "rt", datetime.now(UTC), datetime.now(UTC) + HOUR, 10)
        await mark_sent(conn, [later], datetime.now(UTC))
    assert "later news" in refused(await vigie("outbox", "retry", str(dead)))
    done(await vigie("outbox", "drop", str(dead), "--because", "told by phone"))
    assert await count(house, "outbox") == 1


async def test_what_later_news_just_now_overtakes_is_not_tried_again(house: House, vigie: Vigie) -> None:
    dead = await given_up(house, messages=2)
    async with house.worker.acquire() as conn:
        assert await claim(conn, "rt", datetime.now(UTC), datetime.now(UTC) + HOUR, 10)
    assert "nothing of" in refused(await vigie("outbox", "retry", str(dead)))


async def test_all_that_a_channel_gave_up_is_dropped_and_what_waits_stays(house: House, vigie: Vigie) -> None:
    await given_up(house)
    await given_up(house, messages=2)
    await given_up(house, "glpi")
    assert done(await vigie("outbox", "drop", "rt", "--because", "away for a week")) == "dropped: 2 messages\n"
    assert await rows(house, "SELECT channel, dead_at IS NULL AS waits FROM outbox ORDER BY channel") == [
        {"channel": "glpi", "waits": False},
        {"channel": "rt", "waits": True},
    ]
    assert await house.owner.fetchval("SELECT count(*) FROM audit WHERE action = 'outbox.drop'") == 2


async def test_what_is_dropped_is_kept_in_the_audit_log_with_its_reason(house: House, vigie: Vigie) -> None:
    dead = await given_up(house)
    assert done(await vigie("outbox", "drop", str(dead), "--because", "told by phone")) == "dropped: A ticket\n"
    assert await count(house, "outbox") == 0
    assert await rows(
        house, "SELECT action, subject, detail ->> 'because' AS because FROM audit WHERE action LIKE 'outbox%'"
    ) == [{"action": "outbox.drop", "subject": f"outbox:{dead}", "because": "told by phone"}]


async def test_what_is_being_sent_cannot_be_dropped_or_tried_again(house: House, vigie: Vigie) -> None:
    going = (await claimed(house)).outbox_id
    assert "being sent" in refused(await vigie("outbox", "drop", str(going), "--because", "x"))
    assert "being sent" in refused(await vigie("outbox", "retry", str(going)))


async def test_unknown_ones_and_no_reason_are_refused(house: House, vigie: Vigie) -> None:
    dead = await given_up(house)
    assert "no such channel or id" in refused(await vigie("outbox", "retry", "nobody"))
    assert "no such message" in refused(await vigie("outbox", "drop", str(uuid4()), "--because", "x"))
    assert "say why" in refused(await vigie("outbox", "drop", str(dead), "--because", " "))
    assert await count(house, "outbox") == 1
