"""One request to the collector. No redirects: they would carry the key to somebody else."""

from __future__ import annotations

from contextlib import suppress
from email.utils import formatdate
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from ..ground.log import AGENT, VERSION

TIMEOUT_S = 30.0
_LARGEST_ANSWER = 4 * 1024 * 1024  # bytes; a thousand results take a few hundred thousand
_LONGEST_WAIT_S = 3_600.0  # a server that asks for more is not believed


class Answer(NamedTuple):
    """`status` 0 is no answer; `why` then says what happened."""

    status: int
    body: bytes = b""
    retry_after_s: float | None = None
    why: str = ""


def post(server: str, key: str, body: bytes) -> Answer:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "User-Agent": f"{AGENT}/{VERSION}",
        # Our clock as we send: what waited in the spool is told apart from a clock that is wrong.
        "Date": formatdate(usegmt=True),
    }
    connection = _connect(server)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # a 413 may come before the body is through
            connection.request("POST", urlsplit(server).path + "/v1/heartbeats", body, headers)
        response = connection.getresponse()
        retry = retry_after_s(response.getheader("Retry-After"))
        return Answer(response.status, response.read(_LARGEST_ANSWER), retry, response.reason)
    except (OSError, HTTPException, UnicodeError) as failed:
        return Answer(0, why=str(failed) or type(failed).__name__)
    finally:
        connection.close()


def _connect(server: str) -> HTTPConnection:
    """TLS is verified with the system's authorities."""
    parts = urlsplit(server)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def retry_after_s(header: str | None) -> float | None:
    """Seconds. The date that RFC 9110 (section 10.2.3) also allows is left to our own backoff."""
    text = (header or "").strip()
    return min(float(text), _LONGEST_WAIT_S) if text.isdecimal() else None
