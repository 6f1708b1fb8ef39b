"""Which practice a request may report for."""

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from collector.model.credential import Credential, Holder
from collector.problems import ProblemError, problem
from collector.store.connect import AWAY, Pool, StoreAwayError
from collector.store.credentials import PracticeKey, valid_practice_key

# A look-up is good for this long: a revocation takes effect within it, and a warm key costs no query.
WARM_S = 1.0
LOOK_UP_S = 5.0
MOST_ASKED = 500
_MOST_WARM = 20_000


@dataclass(frozen=True)
class _Warm:
    key: PracticeKey | None
    until: float


class Keyring:
    """Practice keys looked up by id, remembered for a second, compared in constant time.

    Requests that ask for one key at once share its look-up, and the pool is not that of the commits:
    neither a slow database nor keys that somebody guesses can hold those up.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._warm: dict[str, _Warm] = {}
        self._asked: dict[str, asyncio.Task[PracticeKey | None]] = {}

    async def practice_of(self, request: Request) -> UUID:
        """Raises 401 without a valid key, StoreAwayError where the database does not say in time."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        credential = Credential.parse(token.strip()) if scheme.lower() == "bearer" else None
        if credential is None or credential.holder is not Holder.PRACTICE:
            raise _unauthorized("Send the practice's key as 'Authorization: Bearer vgp_...'.")
        key = await self._look_up(credential.key_id)
        if key is None or not credential.matches(key.secret_hash):
            raise _unauthorized("This key is unknown or revoked; ask your provider for another.")
        return key.practice_id

    async def _look_up(self, key_id: str) -> PracticeKey | None:
        warm = self._warm.get(key_id)
        if warm is not None and warm.until > time.monotonic():
            return warm.key
        asked = self._asked.get(key_id)
        if asked is None:
            if len(self._asked) >= MOST_ASKED:
                raise StoreAwayError("too many keys wait for the database")
            asked = self._asked[key_id] = asyncio.create_task(self._ask(key_id))
            asked.add_done_callback(lambda _: self._asked.pop(key_id))
        return await asyncio.shield(asked)

    async def _ask(self, key_id: str) -> PracticeKey | None:
        try:
            async with asyncio.timeout(LOOK_UP_S), self._pool.acquire() as conn:
                key = await valid_practice_key(conn, key_id)
        except AWAY as error:
            raise StoreAwayError("the database does not know keys now") from error
        if len(self._warm) >= _MOST_WARM:
            self._warm.clear()
        self._warm[key_id] = _Warm(key, time.monotonic() + WARM_S)
        return key


def _unauthorized(detail: str) -> ProblemError:
    return problem(401, "unauthorized", "No valid practice key", detail, WWW_Authenticate='Bearer realm="vigie"')
