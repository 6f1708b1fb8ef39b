"""What a practice's own page says of its copies: how many there are, and whether one is out of reach."""

import pytest

from tests.conftest import Database
from tests.integration.api_fleet import Fleet
from tests.integration.test_api_pages import status, well, words


@pytest.mark.parametrize(
    ("score", "missing", "language", "said", "unsaid"),
    [
        ("3-2-1-1-0", [], "en", "Of each backup, a copy is out of the attacker’s reach.", "No copy"),
        ("3-2-1-0-0", ["unreachable"], "en", "SRV 3-2-1-0-0 No copy out of the attacker’s reach.", "Of each backup"),
        ("3-2-1-0-0", ["unreachable"], "fr", "SRV 3-2-1-0-0 Aucune copie hors de portée d’un attaquant.", "De chaque"),
        ("3-2-1-0-0", ["unreachable"], "en", "No such copy is known of: nightly (SRV).", "Of each backup"),
        (None, [], "en", "No such copy is known of: nightly (SRV).", "Of each backup"),
        (None, [], "en", "SRV Not known Nothing is known of its copies.", "Of each backup"),
    ],
)
async def test_a_page_says_whether_a_copy_is_out_of_reach(
    database: Database, score: str | None, missing: list[str], language: str, said: str, unsaid: str
) -> None:
    fleet = Fleet(database.owner)
    await fleet.listening()
    await well(fleet)
    await database.owner.execute("UPDATE job_now SET copies_score = $1, copies_missing = $2", score, missing)
    read = words(await status(database, "/status/well", language))
    assert said in read
    assert unsaid not in read
