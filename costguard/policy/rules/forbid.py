"""Keys and values that no tag may have: secrets, personal data, keys that were retired."""

from collections.abc import Iterator

import msgspec

from costguard.model.finding import Level, Verdict
from costguard.model.resource import Known, Resource, Surface
from costguard.policy.patterns import LONGEST_VALUE, Pattern, glob_matches
from costguard.policy.rules import Fault
from costguard.policy.selector import Selector


class Forbid(msgspec.Struct, frozen=True, kw_only=True):
    """``keys`` are globs, compared without case; ``values`` are regular expressions, any match in the value.

    The value is never printed: what this rule looks for is what must not spread to a CI log.
    """

    id: str
    level: Level
    selector: Selector
    description: str = ""
    keys: tuple[str, ...] = ()
    values: tuple[tuple[str, Pattern], ...] = ()

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        why = f" ({self.description.rstrip('.')})" if self.description else ""
        for key, tag in surface.tags.tags.items():
            if any(glob_matches(glob, key, ignore_case=True) for glob in self.keys):
                yield Fault(
                    tag=key,
                    key=key,
                    verdict=Verdict.FORBIDDEN,
                    message=f"the key {key} is forbidden by {self.id}{why}",
                    remedy=f"remove {key} from {surface.path}",
                )
            elif isinstance(tag.value, Known) and any(
                compiled.search(tag.value.text[:LONGEST_VALUE]) for _, compiled in self.values
            ):
                yield Fault(
                    tag=key,
                    key=key,
                    verdict=Verdict.FORBIDDEN,
                    message=f"the value of {key} is of a kind that {self.id} forbids{why}; it is not shown",
                    remedy=f"remove it from {key}, and treat it as leaked if it was a secret",
                )
