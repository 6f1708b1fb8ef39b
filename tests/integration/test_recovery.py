"""What makes recovery possible, as it is kept and shown: the score of copies, and what a stale scan leaves open."""

from datetime import datetime
from uuid import UUID

from collector.model.heartbeat import Copy, Medium, MissingPatch, Patches, PatchSeverity
from collector.model.incident import IncidentState
from collector.model.standing import Digit
from collector.store.reading import job_standings, reading
from tests.factories import DAY, HOUR, NOW, backup
from tests.integration.house import House, enrol, judge, report, rows

LOCKED = Copy(medium=Medium.CLOUD, location="s3:backup", immutable_until=NOW + DAY, verified_at=NOW - HOUR)


async def score(house: House, practice_id: UUID) -> tuple[str | None, tuple[Digit, ...]]:
    async with reading(house.api) as conn:
        (job,) = await job_standings(conn, practice_id)
    return job.copies_score, job.copies_missing


async def test_score_of_copies_is_shown_and_changes_by_the_clock(either_house: House) -> None:
    practice_id = (await enrol(either_house)).practice.practice_id
    copies = (Copy(medium=Medium.NAS, location="nas:/backup"), LOCKED)
    await report(either_house, practice_id, NOW, backups=(backup(copies=copies),))
    await judge(either_house, practice_id, NOW)
    assert await score(either_house, practice_id) == ("3-2-1-1-0", ())
    await judge(either_house, practice_id, NOW + DAY)
    assert await score(either_house, practice_id) == ("3-2-1-0-0", (Digit.UNREACHABLE,))


async def overdue(house: House) -> list[str]:
    found = await rows(house, "SELECT rule, state FROM incident")
    return [str(row["state"]) for row in found if row["rule"] == "patches_overdue"]


def lacking(scanned_at: datetime) -> Patches:
    late = MissingPatch(id="KB1", severity=PatchSeverity.CRITICAL, released_at=NOW - 40 * DAY)
    return Patches(scanned_at=scanned_at, missing=(late,))


async def test_scan_that_grows_stale_closes_nothing(either_house: House) -> None:
    practice_id = (await enrol(either_house)).practice.practice_id
    await report(either_house, practice_id, NOW, patches=lacking(NOW))
    await judge(either_house, practice_id, NOW)
    assert await overdue(either_house) == [IncidentState.OPEN]
    await judge(either_house, practice_id, NOW + 30 * DAY)
    assert await overdue(either_house) == [IncidentState.OPEN]
    await report(either_house, practice_id, NOW + 30 * DAY, seq=1, patches=Patches(scanned_at=NOW + 30 * DAY))
    await judge(either_house, practice_id, NOW + 30 * DAY)
    assert await overdue(either_house) == [IncidentState.RESOLVED]


async def test_scan_that_was_stale_when_it_came_opens_nothing(either_house: House) -> None:
    practice_id = (await enrol(either_house)).practice.practice_id
    await report(either_house, practice_id, NOW, patches=lacking(NOW - 8 * DAY))
    await judge(either_house, practice_id, NOW)
    assert await overdue(either_house) == []
