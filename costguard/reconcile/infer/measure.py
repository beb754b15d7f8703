"""What evidence is worth, measured: how often its like was right, never more than the measurement supports.

Resources that were made together are right and wrong together, so their number is that of their families. Little of a
sort is measured with the next wider one, and what is hardly measured at all is worth little.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

PRIORS: Mapping[str, tuple[float, float]] = {"alias": (0.98, 20.0), "synonym": (0.99, 100.0)}
"""The share of right answers that is taken for granted, and as how many answers that counts. A policy names its aliases
and synonyms itself: somebody decided that they mean the tag, so they count before anything is measured."""
_ELSE = (0.3, 4.0)
_WIDER = 6.0
"""As how many answers the next wider stratum counts for a narrow one."""
_CERTAIN = 0.999
_FEWEST = 40
"""Families in a step of a curve."""
_BOUND = 0.05
"""Such is the chance at most that a step of a curve is above the threshold and the truth below it."""
_BELOW = 0.001


class Table:
    """How often evidence was right, by its strata."""

    def __init__(self, answers: Iterable[tuple[tuple[str, ...], bool, int]]) -> None:
        """``answers``: the strata, whether it was right, the family."""
        right: dict[str, int] = defaultdict(int)
        count: dict[str, int] = defaultdict(int)
        families: dict[str, set[int]] = defaultdict(set)
        paths: dict[tuple[str, ...], list[str]] = {}
        for strata, was_right, family in answers:
            known = paths.get(strata)
            if known is None:
                known = paths[strata] = _paths(strata)
            for path in known:
                right[path] += was_right
                count[path] += 1
                families[path].add(family)
        self._seen = {path: (right[path] / count[path], len(families[path])) for path in count}
        self._worth: dict[tuple[str, ...], float] = {}

    def worth(self, strata: tuple[str, ...]) -> float:
        """The share of right answers that is to be expected of such evidence."""
        known = self._worth.get(strata)
        if known is None:
            known = self._worth[strata] = self._weighed(strata)
        return known

    def _weighed(self, strata: tuple[str, ...]) -> float:
        share, weight = PRIORS.get(strata[0], _ELSE)
        for path in _paths(strata):
            seen, families = self._seen.get(path, (0.0, 0))
            share = (seen * families + share * weight) / (families + weight)
            weight = PRIORS.get(strata[0], (0, _WIDER))[1]
        return min(share, _CERTAIN)


def _paths(strata: Sequence[str]) -> list[str]:
    return ["\0".join(strata[: length + 1]) for length in range(len(strata))]


class Curve:
    """From a score to a confidence: steps that rise, each as high as the share of right answers in it.

    Only at the threshold above which values are written more is asked for: no step reaches it whose samples might
    well be better than the truth.
    """

    def __init__(
        self, scores: Sequence[float], right: Sequence[bool], families: Sequence[int], threshold: float
    ) -> None:
        from scipy.special import betaincinv  # type: ignore[import-untyped]  # It has no types.
        from sklearn.isotonic import isotonic_regression  # type: ignore[import-untyped]  # It has no types.

        order = np.lexsort((np.asarray(right), np.asarray(scores)))
        sorted_scores = np.asarray(scores, float)[order]
        was, who = np.asarray(right, float)[order], np.asarray(families, np.uint64)[order]
        edges: list[float] = []
        heights: list[float] = []
        steps = isotonic_regression(was) if len(was) else was
        first = 0
        ends = [*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(was)] if len(was) else []
        for end in ends:
            # Equal scores are never told apart.
            if end < len(was) and sorted_scores[end] == sorted_scores[end - 1]:
                continue
            number = len(np.unique(who[first:end]))
            if number < _FEWEST and end < len(was):
                continue
            share = float(was[first:end].mean())
            edges.append(float(sorted_scores[first]))
            good, bad = number * share + 0.5, number * (1 - share) + 0.5
            height = good / (good + bad)
            if height >= threshold > betaincinv(good, bad, _BOUND):
                height = threshold - _BELOW
            heights.append(height)
            first = end
        self._edges = np.array(edges)
        self._heights = np.maximum.accumulate(np.array(heights)) if heights else np.array(heights)

    def at(self, score: float) -> float:
        """Zero where nothing was measured."""
        step = int(np.searchsorted(self._edges, score, "right")) - 1
        return min(float(self._heights[max(step, 0)]), _CERTAIN) if len(self._heights) else 0.0


def surprise(worth: float) -> float:
    """How much it would take for such evidence to be wrong, in nats."""
    return -math.log(1 - worth)
