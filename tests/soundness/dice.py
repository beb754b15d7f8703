"""Where a generator's choices come from: a seed, a recording, or hypothesis. The same choices make the same case."""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Makes choices, and remembers them. Zero is always the simplest choice, so a smaller record is a simpler case."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self._below = below
        self.record: list[int] = []

    @classmethod
    def seeded(cls, *seed: int) -> "Dice":
        return cls(random.Random("/".join(map(str, seed))).randrange)  # noqa: S311 - cases, not secrets

    @classmethod
    def replayed(cls, record: Sequence[int]) -> "Dice":
        """Makes the recorded choices again, and the simplest ones where the record ends."""
        rest = iter(record)
        return cls(lambda count: min(next(rest, 0), count - 1))

    @classmethod
    def drawn(cls, draw: st.DrawFn) -> "Dice":
        return cls(lambda count: draw(st.integers(0, count - 1)))

    def below(self, count: int) -> int:
        if count == 1:
            return 0
        choice = self._below(count)
        self.record.append(choice)
        return choice

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent

    def some(self, options: Sequence[T], percent: int = 50) -> list[T]:
        return [option for option in options if self.chance(percent)]
