"""Keys that practices, their scripts and operators sign in with: an id in clear for look-up, a secret kept as a hash.

The secret carries 122 random bits or more, so a plain SHA-256 is as good as a slow hash and costs a hot path nothing.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from uuid import uuid4


class Holder(StrEnum):
    """Who a key belongs to, and so what it opens."""

    PRACTICE = "practice"  # its agents: heartbeats
    SCRIPT = "script"  # pings of any of the practice's jobs; it stands in URLs, so it can do no more
    JOB = "job"  # one job, by ping or by mail
    OPERATOR = "operator"  # the provider's people


# Legible in the key itself, for people and for secret scanners. A job's is a UUID: clients of pings expect that.
_PREFIXES = {Holder.PRACTICE: "vgp", Holder.SCRIPT: "vgs", Holder.OPERATOR: "vgo"}
_HOLDERS = {prefix: holder for holder, prefix in _PREFIXES.items()}
_SHAPE = re.compile(r"(vgp|vgs|vgo)_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True)
class Credential:
    """A key as its holder knows it; `str` of it is the token."""

    holder: Holder
    key_id: str
    secret: str

    @classmethod
    def mint(cls, holder: Holder) -> Self:
        if holder is Holder.JOB:
            return cls._of_job(str(uuid4()))
        return cls(holder, secrets.token_hex(8), secrets.token_hex(32))

    @classmethod
    def parse(cls, token: str) -> Self | None:
        if _UUID.fullmatch(token):
            return cls._of_job(token)
        shape = _SHAPE.fullmatch(token)
        return cls(_HOLDERS[shape[1]], shape[2], shape[3]) if shape else None

    @classmethod
    def _of_job(cls, token: str) -> Self:
        """The whole UUID is the secret; its id is made from it, and tells nothing of it."""
        return cls(Holder.JOB, hashlib.sha256(f"id:{token}".encode()).hexdigest()[:16], token)

    def __str__(self) -> str:
        prefix = _PREFIXES.get(self.holder)
        return f"{prefix}_{self.key_id}_{self.secret}" if prefix else self.secret

    def __repr__(self) -> str:
        return f"Credential({self.holder}:{self.key_id})"

    @property
    def secret_hash(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, secret_hash: bytes) -> bool:
        return hmac.compare_digest(self.secret_hash, secret_hash)
