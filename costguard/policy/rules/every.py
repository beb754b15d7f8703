"""What the key and the value of every tag must be, whatever the tag is: a cloud's charset, a house style."""

from collections.abc import Iterator, Mapping

import msgspec

from costguard.model.finding import Level, Verdict
from costguard.model.resource import Known, Resource, Surface, Tag
from costguard.policy.rules import Fault, Minds, Names, name_of, shown
from costguard.policy.selector import Selector, meanings
from costguard.policy.values import ValueRule


class EveryTag(msgspec.Struct, frozen=True, kw_only=True):
    """Judges the tags that are there; which ones must be there is for other rules to say.

    Keys that the cloud itself sets (``reserved``) are nobody's to change, so they are left alone.
    """

    id: str
    level: Level
    selector: Selector
    reserved: Mapping[str, tuple[str, ...]]
    names: Names = {}
    description: str = ""
    key_rules: tuple[ValueRule, ...] = ()
    value_rules: tuple[ValueRule, ...] = ()

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        reserved = self.reserved.get(resource.cloud or "", ())
        for key, tag in surface.tags.tags.items():
            if key.casefold().startswith(reserved):
                continue
            fault = self._key(key, resource, surface) or self._value(key, tag, resource)
            if fault is not None:
                yield fault

    def minds(self, key: str, cloud: str | None) -> Minds:
        if key.casefold().startswith(self.reserved.get(cloud or "", ())):
            return "nothing"
        if _first(self.key_rules, key) is not None:
            return "key"
        if not self.value_rules:
            return "nothing"
        return lambda text: self._problem(text, cloud) is not None

    def _key(self, key: str, resource: Resource, surface: Surface) -> Fault | None:
        problem = _first(self.key_rules, key)
        if problem is None:
            return None
        return Fault(
            tag=name_of(self.names, resource.cloud, key),
            key=key,
            verdict=Verdict.INVALID,
            message=f"the key {shown(key, False)} {problem}{self._why()}",
            remedy=f"rename it, or remove it from {surface.path}",
        )

    def _value(self, key: str, tag: Tag, resource: Resource) -> Fault | None:
        if not self.value_rules:
            return None
        name = name_of(self.names, resource.cloud, key)
        value = tag.value
        origin = "" if tag.source == "the resource" else f" (from {tag.source})"
        if not isinstance(value, Known):
            return Fault(
                tag=name,
                key=key,
                verdict=Verdict.UNKNOWN,
                message=f"{key} is there, but its value can't be known here: {value.reason}",
                remedy=f"make sure that it satisfies {self.id}",
            )
        problem = self._problem(value.text, resource.cloud)
        if problem is None:
            return None
        return Fault(
            tag=name,
            key=key,
            verdict=Verdict.INVALID,
            message=f"{key}: {shown(value.text, value.sensitive)} {problem}{origin}{self._why()}",
            remedy=f"change the value of {key}{origin and f' in {tag.source}'}",
            found=None if value.sensitive else value.text,
        )

    def _problem(self, value: str, cloud: str | None) -> str | None:
        """What is wrong with a value, in every meaning that it has."""
        problem, *others = (_first(self.value_rules, text) for text in meanings(cloud, value))
        return None if None in others else problem

    def _why(self) -> str:
        return f" ({self.description.rstrip('.')})" if self.description else ""


def _first(rules: tuple[ValueRule, ...], text: str) -> str | None:
    return next((problem for rule in rules if (problem := rule.check(text)) is not None), None)
