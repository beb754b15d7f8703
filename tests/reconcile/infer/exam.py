"""How good an inference is, on what an organisation hides from it."""

from bisect import bisect_right
from collections.abc import Mapping

import msgspec

from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Inference
from tests.reconcile.infer.organisation import Organisation

_EDGES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)


class Marks(msgspec.Struct):
    """Of one tag, or of all. ``asked`` values were hidden, ``taken`` of them would be written, ``right`` of those are
    what was hidden, and ``true`` of them what ought to have been there. ``lacking`` never had a value: ``filled`` of
    them would get one, ``fitting`` of those the true one. ``error`` is the mean distance between stated and true
    confidence of all values, against what was hidden."""

    asked: int = 0
    taken: int = 0
    right: int = 0
    true: int = 0
    conflicts: int = 0
    lacking: int = 0
    filled: int = 0
    fitting: int = 0
    error: float = 0.0

    @property
    def precision(self) -> float | None:
        return self.right / self.taken if self.taken else None

    @property
    def coverage(self) -> float:
        return self.taken / self.asked if self.asked else 0.0


def examined(
    organisation: Organisation, rules: Mapping[str, Require], inference: Inference, *, threshold: float
) -> dict[str, Marks]:
    """The marks by tag; those of all are under the empty name."""
    found = {tag: Marks() for tag in ("", *rules)}
    bins: dict[tuple[str, int], list[float]] = {}
    for resource in organisation.resources:
        tags = resource.surfaces[0].tags.tags
        for tag, rule in rules.items():
            if rule.spelling.on(resource.cloud) in tags:
                continue
            hidden = organisation.hidden.get((resource.address, tag))
            if hidden is not None and not rule.allows(hidden):
                continue
            truth = organisation.truth[resource.address][tag]
            said = inference.of(resource, rule)
            taken = said.value is not None and not said.conflict and said.confidence >= threshold
            for marks in (found[""], found[tag]):
                if hidden is None:
                    marks.lacking += 1
                    marks.filled += taken
                    marks.fitting += taken and said.value == truth
                else:
                    marks.asked += 1
                    marks.taken += taken
                    marks.right += taken and said.value == hidden
                    marks.true += taken and said.value == truth
                    marks.conflicts += bool(said.conflict)
            if hidden is not None and said.value is not None:
                for name in ("", tag):
                    pair = bins.setdefault((name, bisect_right(_EDGES, said.confidence)), [0.0, 0.0])
                    pair[0] += said.confidence - (said.value == hidden)
                    pair[1] += 1
    for name, marks in found.items():
        mine = [pair for (of, _), pair in bins.items() if of == name]
        marks.error = sum(abs(pair[0]) for pair in mine) / max(1.0, sum(pair[1] for pair in mine))
    return found
