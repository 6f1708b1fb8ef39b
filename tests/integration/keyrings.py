"""One collector's keyring on a house, with the line on which it hears."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from collector.administer import Deed, revoke_key
from collector.intake.hearing import Hearing
from collector.intake.keys import Keyring, UnknownKeyError
from collector.model.credential import Credential
from collector.store.connect import Role, open_pool
from tests.integration.house import House, until
from tests.integration.test_intake import now

ADDRESS = "192.0.2.1"
NOWHERE = "postgresql://vigie@127.0.0.1:1/vigie"


@dataclass(frozen=True)
class Collector:
    """What one collector knows of keys."""

    hearing: Hearing
    keyring: Keyring

    async def admits(self, credential: Credential, address: str = ADDRESS) -> bool:
        try:
            await self.keyring.admit(str(credential), address)
        except UnknownKeyError:
            return False
        return True

    async def refuses(self, credential: Credential) -> bool:
        return not await self.admits(credential)


@asynccontextmanager
async def collector(house: House, line: str | None = None, keys_from: str | None = None) -> AsyncIterator[Collector]:
    """Once it hears; where its line leads elsewhere, at once."""
    url = house.database.url
    async with open_pool(keys_from or url, Role.INTAKE, 2) as pool:
        hearing = Hearing(line or url)
        running = asyncio.create_task(hearing.run())
        opened = Collector(hearing, Keyring(pool, hearing))
        try:
            if line is None:
                await hears(opened)
            yield opened
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def hears(one: Collector) -> None:
    """A word said from now on has come back."""
    before = time.monotonic()

    async def heard() -> bool:
        return one.hearing.heard_until >= before

    await until(heard)


async def revoke(house: House, credential: Credential) -> None:
    async with house.owner.acquire() as conn:
        await revoke_key(conn, credential.key_id, Deed("ada", now()))
