"""One request to the collector. No redirects: they would carry the key to somebody else."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .batch import Batch
from .version import AGENT, VERSION

if TYPE_CHECKING:
    from http.client import HTTPConnection

TIMEOUT_S = 30.0
_LARGEST_ANSWER = 4 * 1024 * 1024  # bytes; a thousand results take a few hundred thousand
_LONGEST_WAIT_S = 3_600.0  # a server that asks for more is not believed


class Answer(NamedTuple):
    """`status` 0 is no answer; `why` then says what happened."""

    status: int
    body: bytes = b""
    retry_after_s: float | None = None
    why: str = ""


def post(server: str, key: str, batch: Batch) -> Answer:
    from http.client import HTTPException

    connection = _connect(server)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # a 413 may come before the body is through
            connection.request("POST", urlsplit(server).path + "/v1/heartbeats", batch.body, _headers(key, batch))
        response = connection.getresponse()
        retry = retry_after_s(response.getheader("Retry-After"), time.time())
        return Answer(response.status, response.read(_LARGEST_ANSWER), retry, response.reason)
    except (OSError, HTTPException, UnicodeError) as failed:
        return Answer(0, why=str(failed) or type(failed).__name__)
    finally:
        connection.close()


def _connect(server: str) -> HTTPConnection:
    """TLS is verified with the system's authorities."""
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(server)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def _headers(key: str, batch: Batch) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "User-Agent": f"{AGENT}/{VERSION}",
    }
    return {**headers, "Content-Encoding": "gzip"} if batch.gzipped else headers


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds or an HTTP date (RFC 9110, section 10.2.3)."""
    from email.utils import mktime_tz, parsedate_tz

    text = (header or "").strip()
    date = parsedate_tz(text)
    if not text.isdecimal() and date is None:
        return None
    asked = float(text) if text.isdecimal() else mktime_tz(date) - now if date else 0.0
    return min(max(asked, 0.0), _LONGEST_WAIT_S)
