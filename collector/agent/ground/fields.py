"""JSON: ours written compactly, other programs' read without trusting its shape."""

from __future__ import annotations

import json
from typing import cast


def encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def decode(raw: bytes) -> object:
    """The JSON value, or None where it is none."""
    try:
        return cast("object", json.loads(raw))
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, object]]:
    return [mapping(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(source: dict[str, object], key: str) -> str:
    value = source.get(key)
    return value if isinstance(value, str) else ""


def count(source: dict[str, object], key: str) -> int | None:
    """A whole number that is not negative."""
    value = source.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
