"""The caps on what one run may change: one count of them, for the plan that keeps within them and for whoever applies
a change set that may have been made under others.
"""

from collections import Counter
from collections.abc import Iterable

from costguard.config import LimitsDoc
from costguard.model.change import Change, Held, Step


class Caps:
    """Counts resources that are to be written, one after the other: changes, and steps that set a tag. ``read`` is how
    many the inventory has."""

    def __init__(self, limits: LimitsDoc, read: int) -> None:
        self._limits = limits
        # One resource may always be written, or a small inventory could never be mended.
        self._share = max(1, int(read * limits.percent / 100))
        self._taken: Counter[tuple[str, str]] = Counter()
        self._held: Counter[tuple[str, str, float]] = Counter()

    def take(self, change: Change | Step) -> Held | None:
        """Counts one in; or, where that is more than a cap allows, counts it out and says which cap. Of several that
        it would break, it is the first in the order of the configuration."""
        for name, of, most, stated in self._caps(change):
            if self._taken[name, of] >= most:
                self._held[name, of, stated] += 1
                return Held(limit=name, of=of, most=stated, held=self._held[name, of, stated])
        for name, of, _, _ in self._caps(change):
            self._taken[name, of] += 1
        return None

    @property
    def held(self) -> tuple[Held, ...]:
        """The caps that fired, each with how many changes it held back."""
        return tuple(sorted(Held(limit=name, of=of, most=most, held=n) for (name, of, most), n in self._held.items()))

    def _caps(self, change: Change | Step) -> Iterable[tuple[str, str, int, float]]:
        """(name, what it counts, the most, the number in costguard.yaml) of each cap that a change counts for."""
        limits = self._limits
        yield "changes", "all", limits.changes, limits.changes
        yield "percent", "all", self._share, limits.percent
        yield "per-account", f"account {change.account}", limits.per_account, limits.per_account
        yield "per-type", change.type, limits.per_type, limits.per_type
        keys = change.sets if isinstance(change, Step) else (value.key for value in change.values)
        for key in sorted(set(keys)):
            yield "per-key", f"key {key}", limits.per_key, limits.per_key
