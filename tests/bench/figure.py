"""One measured figure, and the file that keeps them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path("build/bench.json")


@dataclass(frozen=True)
class Target:
    """What a figure must reach: at least, or at most."""

    bound: Literal["at least", "at most"]
    value: float

    def holds(self, measured: float) -> bool:
        return measured >= self.value if self.bound == "at least" else measured <= self.value


@dataclass(frozen=True)
class Figure:
    """A figure without a target neither holds nor fails."""

    name: str
    value: float
    unit: str
    target: Target | None = None


def write_figures(figures: Sequence[Figure]) -> None:
    """Those of other runs stay as they are."""
    RESULTS.parent.mkdir(exist_ok=True)
    rows = [_row(figure) for figure in figures]
    names = {row["name"] for row in rows}
    kept = [row for row in json.loads(RESULTS.read_text()) if row["name"] not in names] if RESULTS.exists() else []
    RESULTS.write_text(json.dumps(kept + rows, indent=2) + "\n")


def _row(figure: Figure) -> dict[str, object]:
    target = figure.target
    return {
        "name": figure.name,
        "value": round(figure.value, 3),
        "unit": figure.unit,
        "target": f"{target.bound} {target.value:g}" if target else None,
        "holds": target.holds(figure.value) if target else None,
    }
