"""Draws from a seed, whose spreads all widen with the noise."""

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar
from uuid import UUID

Item = TypeVar("Item")


class Chance:
    """One stream of draws; the same seed and noise give the same ones."""

    def __init__(self, seed: str, noise: float) -> None:
        self._random = Random(seed)  # noqa: S311 - a simulation must be repeatable
        self.noise = noise

    def around(self, median: float, sigma: float) -> float:
        """Log-normal: sizes and durations of practices differ by factors, not by sums."""
        return median * math.exp(self._random.gauss(0, sigma * self.noise))

    def normal(self, mean: float, sigma: float) -> float:
        return self._random.gauss(mean, sigma * self.noise)

    def between(self, low: float, high: float) -> float:
        """Even between two bounds, which the noise leaves alone."""
        return self._random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def happens(self, share: float) -> bool:
        """A trait, as common at every noise."""
        return self._random.random() < share

    def mishap(self, share: float) -> bool:
        """Something out of the ordinary: more noise, more of them."""
        return self._random.random() < min(0.9, share * self.noise)

    def pick(self, items: Sequence[Item]) -> Item:
        return self._random.choice(items)

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        return self._random.sample(items, min(count, len(items)))

    def weighted(self, items: Sequence[Item], weights: Sequence[float]) -> Item:
        return self._random.choices(items, weights)[0]

    def uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)
