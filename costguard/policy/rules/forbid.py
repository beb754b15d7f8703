"""Keys and values that no tag may have: secrets, personal data, keys that were retired."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import msgspec

from costguard.model.finding import Level, Verdict
from costguard.model.resource import Known, Resource, Surface
from costguard.policy.patterns import LONGEST_VALUE, Pattern, glob_matches
from costguard.policy.rules import Fault, Minds, Names, name_of
from costguard.policy.selector import Selector, meanings


class Forbid(msgspec.Struct, frozen=True, kw_only=True):
    """``keys`` are globs, compared without case; ``values`` are regular expressions, any match in the value;
    ``content`` names detectors of :data:`CONTENT`.

    The value is never printed: what this rule looks for is what must not spread to a CI log. A value that isn't known
    is left alone: any value may be a secret, and a warning on each would bury the real ones.
    """

    id: str
    level: Level
    selector: Selector
    names: Names = {}
    description: str = ""
    keys: tuple[str, ...] = ()
    values: tuple[Pattern, ...] = ()
    content: tuple[str, ...] = ()

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        why = f" ({self.description.rstrip('.')})" if self.description else ""
        for key, tag in surface.tags.tags.items():
            if self.keys and _named(self.keys, key):
                message = f"the key {key} is forbidden by {self.id}{why}"
                remedy = f"remove {key} from {surface.path}"
            elif isinstance(tag.value, Known) and any(
                map(self._forbids, meanings(resource.cloud, tag.value.text[:LONGEST_VALUE]))
            ):
                message = f"the value of {key} is of a kind that {self.id} forbids{why}; it is not shown"
                remedy = f"remove it from {key}, and treat it as leaked if it was a secret"
            else:
                continue
            name = name_of(self.names, resource.cloud, key)
            yield Fault(tag=name, key=key, verdict=Verdict.FORBIDDEN, message=message, remedy=remedy, secret=True)

    def minds(self, key: str, cloud: str | None) -> Minds:
        if self.keys and _named(self.keys, key):
            return "key"
        if not (self.values or self.content):
            return "nothing"
        return lambda text: any(map(self._forbids, meanings(cloud, text[:LONGEST_VALUE])))

    def _forbids(self, value: str) -> bool:
        return any(one.search(value) for one in self.values) or any(CONTENT[name](value) for name in self.content)


@lru_cache(maxsize=4096)
def _named(globs: tuple[str, ...], key: str) -> bool:
    """Whether one of the globs is for the key. A million resources have a few hundred keys."""
    return any(glob_matches(glob, key, ignore_case=True) for glob in globs)


def _has_payment_card(value: str) -> bool:
    """Whether a number in the text stands alone, begins and is grouped as cards are, and has the right check digit.

    Numbers inside of ARNs, UUIDs, hashes, versions and paths don't stand alone.
    """
    for found in _CARD.finditer(value):
        digits = [int(char) for char in found[0] if char.isdigit()]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
        if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1:
            return True
    return False


# Visa, Mastercard and Discover have 16 digits (4-4-4-4), American Express 15 (4-6-5). Longer numbers are left out:
# they are the ids of machines.
_CARD = re.compile(
    r"""(?<![^\s,;=("'])
    (?: (?: 4[0-9]{3} | 5[1-5][0-9]{2} | 2(?:2[2-9]|[3-6][0-9]|7[01])[0-9] | 2720 | 6011 | 65[0-9]{2} )
        ([ -]?) [0-9]{4} \1 [0-9]{4} \1 [0-9]{4}
      | 3[47][0-9]{2} ([ -]?) [0-9]{6} \2 [0-9]{5} )
    (?![^\s,;)"'])""",
    re.VERBOSE | re.ASCII,
)

CONTENT: Mapping[str, Callable[[str], bool]] = {"payment-card": _has_payment_card}
"""What takes more than a regular expression to tell; the names are those of the document's ``content``."""
