"""The practice's key: from a file or the environment, never from a command line that every user can read."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import ConfigurationError

ENVIRONMENT = "VIGIE_AGENT_KEY"
# What RFC 6750 (section 2.1) lets stand behind "Bearer"; anything else could forge a header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def read_key(key_file: Path | None) -> str:
    """Read before each sending, so that a renewed key is taken up without a restart."""
    key = _read(key_file) if key_file else os.environ.get(ENVIRONMENT, "").strip()
    if not key:
        raise ConfigurationError(f"no key: give --key-file or {ENVIRONMENT}")
    if not _TOKEN.fullmatch(key):
        raise ConfigurationError("the key holds a character that no key has")
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as unreadable:
        raise ConfigurationError(f"cannot read the key file {path}") from unreadable
