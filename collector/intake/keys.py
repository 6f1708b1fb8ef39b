"""Which practice a request may report for."""

import time
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from collector.model.credential import Credential, Holder
from collector.problems import ProblemError, problem
from collector.store.connect import Pool
from collector.store.credentials import PracticeKey, valid_practice_key

# A look-up is good for this long: a revocation takes effect within it, and a warm key costs no query.
WARM_S = 1.0
_MOST_WARM = 20_000


@dataclass(frozen=True)
class _Warm:
    key: PracticeKey | None
    until: float


class Keyring:
    """Practice keys looked up by id, remembered for a second, compared in constant time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._warm: dict[str, _Warm] = {}

    async def practice_of(self, request: Request) -> UUID:
        """Raises 401 without a valid key."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        credential = Credential.parse(token.strip()) if scheme.lower() == "bearer" else None
        if credential is None or credential.holder is not Holder.PRACTICE:
            raise _unauthorized("Send the practice's key as 'Authorization: Bearer vgp_...'.")
        key = await self._look_up(credential.key_id)
        if key is None or not credential.matches(key.secret_hash):
            raise _unauthorized("This key is unknown or revoked; ask your provider for another.")
        return key.practice_id

    async def _look_up(self, key_id: str) -> PracticeKey | None:
        now = time.monotonic()
        warm = self._warm.get(key_id)
        if warm is None or warm.until <= now:
            async with self._pool.acquire() as conn:
                warm = _Warm(await valid_practice_key(conn, key_id), now + WARM_S)
            if len(self._warm) >= _MOST_WARM:
                self._warm.clear()
            self._warm[key_id] = warm
        return warm.key


def _unauthorized(detail: str) -> ProblemError:
    return problem(401, "unauthorized", "No valid practice key", detail, WWW_Authenticate='Bearer realm="vigie"')
