"""The kinds of rule. A kind is one file with a class that satisfies :class:`Rule`; ``costguard.policy.load`` builds
them from the document.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from costguard.model.finding import Level, Verdict
from costguard.model.resource import Resource, Surface
from costguard.policy.selector import Selector


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule holds against one surface of one resource. ``tag`` names what is at fault, and no two faults of a
    surface that survive share it; the other fields are those of a finding."""

    tag: str | None
    key: str | None
    verdict: Verdict
    message: str
    remedy: str
    found: str | None = None
    expected: str | None = None
    secret: bool = False  # the value must not be shown, by this rule or any other


Minds = Literal["nothing", "key", "value"] | Callable[[str], bool]
"""What of a tag may change what a rule says of a tag set: nothing (the tag may as well be away), that the key is there,
its value too, or its value where the function says so of it, and else nothing."""


class Rule(Protocol):
    """One compiled rule of a policy."""

    @property
    def id(self) -> str: ...

    @property
    def level(self) -> Level: ...

    @property
    def selector(self) -> Selector: ...

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        """Every fault on this surface. The selector has already been asked."""
        ...

    def minds(self, key: str, cloud: str | None) -> Minds:
        """What of a known tag this looks at, in a set that is closed or open as a whole. Tag sets that differ in
        nothing else, and have the rest in the same order, have the same faults, but for what a message quotes."""
        ...


Names = Mapping[str, Mapping[str, str]]
"""cloud → key → the policy's name of the tag that has this key there."""


def name_of(names: Names, cloud: str | None, key: str) -> str:
    """What a finding about ``key`` calls the tag: the policy's name where it has one, so that two rules which fault
    the same tag meet."""
    return names.get(cloud or "", {}).get(key, key)


def shown(text: str, sensitive: bool) -> str:
    """A value as a message quotes it. A sensitive one is never printed, and a long one is cut."""
    if sensitive:
        return "the value (sensitive, not shown)"
    return repr(text) if len(text) <= 80 else f"{text[:77]!r}…"
