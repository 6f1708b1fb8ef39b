"""Whose key a caller brings, and when each key was last used."""

import asyncio
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from uuid import UUID

from collector.intake.hearing import Hearing
from collector.intake.strangers import Strangers
from collector.intake.warm import Warm
from collector.logs import logger
from collector.model.credential import Credential
from collector.store.connect import Pool, borrowed
from collector.store.practice_keys import PracticeKey, find_practice_key, write_used

WRITE_USED_EVERY_S = 60.0
_WRITE_S = 2.0
_log = logger("intake")

Used = Mapping[tuple[UUID, str], datetime]


class UnknownKeyError(Exception):
    """No key that is in force."""


class TooManyGuessesError(Exception):
    """This address has brought too many wrong keys; it is not asked about any other before that time is over."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong keys; again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Keyring:
    """Keys of practices, scripts and jobs, looked up by id, compared in constant time.

    The pool is not that of the commits: neither a slow database nor keys that somebody guesses can hold those up.

    An address that brought too many wrong keys is answered before any look-up. Exempt is a good key that is warm: it
    costs no look-up, and an agent must go on reporting from behind the address that it shares with a broken script.
    """

    def __init__(self, pool: Pool, hearing: Hearing) -> None:
        self._pool = pool
        self._warm: Warm[str, PracticeKey | None] = Warm(self._ask, _told_by, hearing)
        self._strangers = Strangers()
        self._used: dict[tuple[UUID, str], datetime] = {}

    async def admit(self, token: str, address: str) -> PracticeKey:
        """Whose key it is. Raises UnknownKeyError, TooManyGuessesError, or StoreAwayError."""
        credential = Credential.parse(token)
        if credential is not None:
            at_hand = _opened(credential, self._warm.at_hand(credential.key_id))
            if at_hand is not None:
                return self._note_use(at_hand)
        wait_s = self._strangers.wait_s(address, time.monotonic())
        if wait_s:
            raise TooManyGuessesError(wait_s)
        key = _opened(credential, await self._warm.get(credential.key_id)) if credential is not None else None
        if key is None:
            self._strangers.failed(address, time.monotonic())
            raise UnknownKeyError
        return self._note_use(key)

    def take_used(self) -> Used:
        """The keys used since this was last asked, each with its last use."""
        used, self._used = self._used, {}
        return used

    def give_back(self, used: Used) -> None:
        """What was taken and could not be written."""
        self._used = {**used, **self._used}

    def _note_use(self, key: PracticeKey) -> PracticeKey:
        self._used[(key.practice_id, key.key_id)] = datetime.now(UTC)
        return key

    async def _ask(self, key_id: str) -> PracticeKey | None:
        async with borrowed(self._pool) as conn:
            return await find_practice_key(conn, key_id)


async def keep_used(pool: Pool, keyring: Keyring) -> None:
    """Write down which keys were used, every minute and when cancelled; a failure costs nobody an answer."""
    try:
        while True:
            await asyncio.sleep(WRITE_USED_EVERY_S)
            await _write(pool, keyring)
    finally:
        await _write(pool, keyring)


async def _write(pool: Pool, keyring: Keyring) -> None:
    used = keyring.take_used()
    if not used:
        return
    try:
        async with asyncio.timeout(_WRITE_S), borrowed(pool) as conn:
            await write_used(conn, used)
    except Exception as error:  # noqa: BLE001 - it is written with the next
        _log.warning("the keys' last uses could not be written", error=type(error).__name__)
        keyring.give_back(used)


def _opened(credential: Credential, key: PracticeKey | None) -> PracticeKey | None:
    """The key, if this credential is its own and it has not expired."""
    if key is None or not credential.matches(key.secret_hash) or credential.holder is not key.holder:
        return None
    return key if key.in_force(datetime.now(UTC)) else None


def _told_by(key_id: str, key: PracticeKey | None) -> Collection[str]:
    return (f"key:{key_id}", f"practice:{key.practice_id}") if key else (f"key:{key_id}",)
