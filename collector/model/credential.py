"""Keys that practices and operators sign in with: an id in clear for look-up, a secret kept as a hash.

The secret carries 256 random bits, so a plain SHA-256 is as good as a slow hash and costs a hot path nothing.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Holder(StrEnum):
    """Who a key belongs to, legible in the key itself, for people and for secret scanners."""

    PRACTICE = "vgp"
    OPERATOR = "vgo"


_SHAPE = re.compile(r"(vgp|vgo)_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Credential:
    """A key as its holder knows it; `str` of it is the token."""

    holder: Holder
    key_id: str
    secret: str

    @classmethod
    def mint(cls, holder: Holder) -> Self:
        return cls(holder, secrets.token_hex(8), secrets.token_hex(32))

    @classmethod
    def parse(cls, token: str) -> Self | None:
        shape = _SHAPE.fullmatch(token)
        return cls(Holder(shape[1]), shape[2], shape[3]) if shape else None

    def __str__(self) -> str:
        return f"{self.holder}_{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"Credential({self.holder}_{self.key_id}_...)"

    @property
    def secret_hash(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, secret_hash: bytes) -> bool:
        return hmac.compare_digest(self.secret_hash, secret_hash)
