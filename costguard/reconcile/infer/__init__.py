"""What a missing tag's value probably is: evidence from all around, and how much each kind of it is worth here.

Witnesses say values; :func:`costguard.reconcile.infer.study.study` measures on held-out resources of the same inventory
how often each is right, and the confidence of a value is that measurement and nothing else.
"""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from costguard.model.change import Calibration, Evidence, EvidenceKind
from costguard.model.resource import Resource
from costguard.policy.rules.require import Require


class Hint(msgspec.Struct, frozen=True):
    """What a witness says: a value (as the policy has it, never encoded for a cloud), and why, in half a sentence
    ("the account 111122223333 has the tag owner = shop"). ``strength``, from 0 to 1, orders a witness's own hints by
    how sure it is; what they are worth is measured."""

    kind: EvidenceKind
    value: str
    says: str
    strength: float = 1.0


class Witness(Protocol):
    """Something beside the inventory that may know: costguard.yaml's defaults, CloudTrail, CODEOWNERS."""

    def __call__(self, resource: Resource, rule: Require) -> Iterable[Hint]:
        """What it says of one tag of one resource. It never looks at that tag on that resource."""
        ...


class Inferred(msgspec.Struct, frozen=True):
    """The best value, None where nothing says one. ``confidence`` is that of all evidence together, ``evidence`` all of
    it, the best first, that of other values among it. ``conflict`` says between what evidence disagrees, empty where it
    doesn't; a value in conflict is never written."""

    value: str | None
    confidence: float = 0.0
    evidence: tuple[Evidence, ...] = ()
    conflict: str = ""


class Inference(Protocol):
    """What was learned from one inventory."""

    @property
    def calibration(self) -> Calibration: ...

    def of(self, resource: Resource, rule: Require) -> Inferred:
        """The value of a rule's tag on a resource, whatever the resource itself has under the tag's own key."""
        ...
