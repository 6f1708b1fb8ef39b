"""Who asks: a named operator's token, valid until the moment it is revoked."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.desk import AtDesk
from collector.deeds import Hand
from collector.model.credential import Credential, Holder
from collector.problems import problem
from collector.store.connect import COMMAND_TIMEOUT_S, Pool
from collector.store.operators import Operator, valid_operator

_BEARER = HTTPBearer(
    scheme_name="operatorToken", description="an operator's token, vgo_... (vigie operator add)", auto_error=False
)


async def operator_of(pool: Pool, token: str) -> Operator | None:
    """The operator whose token this is, unless it is revoked or a practice's key."""
    credential = Credential.parse(token)
    if credential is None or credential.holder is not Holder.OPERATOR:
        return None
    async with pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        operator = await valid_operator(conn, credential.key_id)
    return operator if operator and credential.matches(operator.secret_hash) else None


async def _bearer(desk: AtDesk, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Operator:
    operator = await operator_of(desk.pool, given.credentials) if given else None
    if operator is None:
        raise problem(
            401, "no_operator", "An operator's token is needed",
            "Send `Authorization: Bearer vgo_...` with a token that is in force.", WWW_Authenticate="Bearer",
        )  # fmt: skip
    return operator


# The operator of a request under /v1; anybody else is answered with 401.
SignedOperator = Annotated[Operator, Depends(_bearer)]


async def _hand(operator: SignedOperator, desk: AtDesk) -> Hand:
    return Hand(operator.name, desk.now())


# The same, where something is done: in whose name, and when.
ByHand = Annotated[Hand, Depends(_hand)]
