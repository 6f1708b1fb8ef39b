from tests.conftest import Database


async def test_schema(either_database: Database) -> None:
    assert await either_database.owner.fetchval("SELECT count(*) FROM practice") == 0


async def test_schema2(either_database: Database) -> None:
    assert await either_database.owner.fetchval("SELECT count(*) FROM practice") == 0
