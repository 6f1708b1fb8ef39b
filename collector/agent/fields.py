"""Reading other programs' JSON without trusting its shape: a field is there and of its type, or unknown."""

from __future__ import annotations

import json
from typing import cast


def decode(raw: bytes | str) -> object:
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
