"""A run's figures, and how tools write numbers. What cannot be a count is left out: the text is anybody's."""

from dataclasses import dataclass

MOST = 2**63 - 1

# A size as people read it, `200.50 kB` or `195.318 KiB`, in two groups. Every repetition is bounded.
SIZE = r"(\d{1,15}(?:\.\d{1,9})?) ?([kKMGTPEZY]?i?B)\b"
_POWERS = " kMGTPEZY"


@dataclass(frozen=True)
class Figures:
    """`tool` is who wrote it; sizes are bytes."""

    tool: str
    bytes_total: int | None = None
    bytes_added: int | None = None
    files_total: int | None = None
    files_changed: int | None = None


def size(number: str, unit: str) -> int | None:
    """A size in bytes, as exact as its writer rounded it."""
    power = _POWERS.index(unit[0].replace("K", "k")) if unit[0] in "kKMGTPEZY" else 0
    return count(round(float(number) * (1024 if "i" in unit else 1000) ** power))


def count(found: object) -> int | None:
    """A number that the store can hold; JSON's true is none."""
    if not isinstance(found, int) or isinstance(found, bool):
        return None
    return found if 0 <= found <= MOST else None
