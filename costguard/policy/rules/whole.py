"""Rules about the tags of a resource as a whole: a JSON Schema over the map, and a budget for their number."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from costguard.model.finding import Level, Verdict
from costguard.model.resource import Known, Resource, Surface
from costguard.policy.rules import Fault, Minds
from costguard.policy.selector import Selector, meanings
from costguard.policy.values import schema_errors


class TagsSchema(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Schema over the map of tags, for what spans several of them (if/then, oneOf).

    JSON Schema isn't three-valued, so an answer counts only where nothing that is unknown could change it: the set is
    closed, and no keyword of the schema looks at a value that is unknown. Otherwise the verdict is ``unknown``.
    """

    id: str
    level: Level
    selector: Selector
    schema: Mapping[str, Any]
    description: str = ""

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        tags = surface.tags
        known = {key: tag.value.text for key, tag in tags.tags.items() if isinstance(tag.value, Known)}
        hidden = sorted(tags.tags.keys() - known.keys())
        why = f": {self.description.rstrip('.')}" if self.description else ""
        looked_at = [key for key in hidden if _looks_at(self.schema, key)]
        doubt = tags.open or "".join(reason for _, reason in tags.hidden[:1])
        if doubt or looked_at:
            reason = doubt or f"the value of {', '.join(looked_at)} is not known"
            yield _whole(
                Verdict.UNKNOWN,
                f"whether the tags satisfy {self.id} can't be known here: {reason}",
                f"make sure that they satisfy {self.id}{why}",
            )
            return
        errors = list(schema_errors(self.schema, known | dict.fromkeys(hidden, "-")))
        meant = {key: meanings(resource.cloud, text)[-1] for key, text in known.items()}
        if errors and (meant == known or any(schema_errors(self.schema, meant | dict.fromkeys(hidden, "-")))):
            listed = "; ".join(f"{'.'.join(map(str, path)) or 'the map'}: {clause}" for path, clause in errors[:3])
            yield _whole(
                Verdict.INVALID,
                f"the tags do not satisfy {self.id}{why} ({listed})",
                f"change the tags so that they satisfy {self.id}",
            )

    def minds(self, key: str, cloud: str | None) -> Minds:
        return "value" if _minds(self.schema, key) else "nothing"


_NESTED = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
_OF_KEYS = frozenset({"properties", "required", "dependentRequired", *_NESTED})
_OF_NOTHING = frozenset({"type", "title", "description", "$comment", "$schema", "$id", "examples", "default"})


def _minds(schema: Any, key: str) -> bool:
    """Whether the key or its value could matter to the schema. A keyword that isn't plainly about keys that it names
    may look at any."""
    if isinstance(schema, list):
        return any(_minds(item, key) for item in schema)
    if not isinstance(schema, Mapping):
        return False
    if schema.keys() - _OF_KEYS - _OF_NOTHING:
        return True
    required = schema.get("dependentRequired", {})
    named = [*schema.get("properties", ()), *schema.get("required", ()), *schema.get("dependentSchemas", ())]
    if key in named or key in required or any(key in keys for keys in required.values()):
        return True
    return any(
        _minds(list(schema[name].values()) if name == "dependentSchemas" else schema[name], key)
        for name in _NESTED
        if name in schema
    )


_BY_VALUE = (
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "const",
    "enum",
    "$ref",
)


def _looks_at(schema: Any, key: str) -> bool:
    """Whether the value of ``key`` could matter to the schema. Where it isn't plain, it could."""
    if isinstance(schema, list):
        return any(_looks_at(item, key) for item in schema)
    if not isinstance(schema, Mapping):
        return False
    if any(not isinstance(schema.get(keyword, True), bool) for keyword in _BY_VALUE):
        return True
    properties = schema.get("properties", {})
    if isinstance(properties, Mapping) and key in properties:
        return True
    return any(
        _looks_at(list(schema[name].values()) if name == "dependentSchemas" else schema[name], key)
        for name in _NESTED
        if name in schema
    )


class MaxTags(msgspec.Struct, frozen=True, kw_only=True):
    """A budget for the number of tags. Keys that the cloud itself sets (``aws:``, ``goog-``) don't count."""

    id: str
    level: Level
    selector: Selector
    most: int
    reserved: Mapping[str, tuple[str, ...]]
    description: str = ""

    def judge(self, resource: Resource, surface: Surface) -> Iterator[Fault]:
        why = f" ({self.description.rstrip('.')})" if self.description else ""
        reserved = self.reserved.get(resource.cloud or "", ())
        count = sum(1 for key in surface.tags.tags if not key.casefold().startswith(reserved))
        hidden = [name for name, _ in surface.tags.hidden if not name.casefold().startswith(reserved)]
        if count > self.most:
            yield _whole(
                Verdict.INVALID,
                f"there are {count} tags, and {self.id} allows {self.most}{why}",
                f"remove {count - self.most} of them",
            )
        elif surface.tags.open or count + len(hidden) > self.most or any(name.endswith("*") for name in hidden):
            yield _whole(
                Verdict.UNKNOWN,
                f"how many tags there are can't be known here, and {self.id} allows {self.most}{why}",
                f"make sure that there are no more than {self.most}",
            )

    def minds(self, key: str, cloud: str | None) -> Minds:
        return "nothing" if key.casefold().startswith(self.reserved.get(cloud or "", ())) else "key"


def _whole(verdict: Verdict, message: str, remedy: str) -> Fault:
    """A fault that no single tag has."""
    return Fault(tag=None, key=None, verdict=verdict, message=message, remedy=remedy)
