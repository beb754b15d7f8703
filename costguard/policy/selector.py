"""``when``: which resources a rule or an exemption is about. Three-valued, like all evidence here."""

from collections.abc import Mapping
from typing import Any

import msgspec

from costguard.catalog.encoding import encoded
from costguard.model.resource import Known, Resource, Tag, TagSet, module_of, without_indexes
from costguard.policy.document import WhenDoc
from costguard.policy.patterns import glob_matches

Globs = tuple[str, ...]


class Spelling(msgspec.Struct, frozen=True):
    """A logical tag and the key that it has on each cloud, where that isn't its own name. ``google_tag`` is the
    namespaced key of the Tag of Google's that does as well as the label; empty where none does."""

    name: str
    keys: Mapping[str, str] = {}
    google_tag: str = ""

    def on(self, cloud: str | None) -> str:
        """The tag's key on ``cloud``."""
        return self.keys.get(cloud or "", self.name)

    def bound(self, cloud: str | None, tags: TagSet) -> Tag | str | None:
        """The Tag of Google's that may stand for it, None where none does, or why that can't be told."""
        if not self.google_tag or cloud != "google":
            return None
        if tags.bound is None:
            return f"the Tag {self.google_tag} may be bound to it or inherited, and that can't be seen here"
        return tags.bound.tags.get(self.google_tag) or tags.bound.doubt(self.google_tag) or None


def meanings(cloud: str | None, text: str) -> tuple[str, ...]:
    """A value as it is, and on Google what it stands for, where it is encoded because a label couldn't hold that."""
    decoded = encoded("google", text) if cloud == "google" else None
    return (text,) if decoded is None else (text, decoded)


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled ``when``; an empty tuple means that nothing was said of that property."""

    type: Globs = ()
    provider: Globs = ()
    address: Globs = ()
    module: Globs = ()
    account: Globs = ()
    region: Globs = ()
    tags: tuple[tuple[Spelling, Globs], ...] = ()
    checkpoint: Globs = ()

    def selects_type(self, type_name: str, provider: str, cloud: str | None, checkpoint: str) -> bool:
        """The part that is the same for all resources of a type. A type that isn't known (it is empty, as for some of
        what a bill names) may be any."""
        return (
            (not self.type or not type_name or _any(self.type, type_name))
            and (
                not self.provider or _any(self.provider, provider) or (cloud is not None and _any(self.provider, cloud))
            )
            and (not self.checkpoint or checkpoint in self.checkpoint)
        )

    @property
    def by_type_only(self) -> bool:
        return not (self.address or self.module or self.account or self.region or self.tags)

    def selects(self, resource: Resource, tags: TagSet) -> bool | str:
        """The rest: True, False, or — as text — why it can't be decided."""
        undecided = "the type is not known here" if self.type and not resource.type else ""
        declared = resource.declared or ()
        for globs, names in (
            (self.address, (resource.address, *declared)),
            (self.module, (resource.module, *map(module_of, declared))),
        ):
            if globs and not any(_any(globs, name) or _any(globs, without_indexes(name)) for name in names):
                if resource.declared is not None or all(glob.startswith(_LIVE) for glob in globs):
                    return False
                undecided = undecided or "no state was read that says which address it has in Terraform"
        for name, globs, value in (
            ("account", self.account, resource.account),
            ("region", self.region, resource.region),
        ):
            if globs and value is None:
                undecided = undecided or f"the {name} is not known here"
            elif globs and not _any(globs, value or ""):
                return False
        for spelling, globs in self.tags:
            key = spelling.on(resource.cloud)
            tag = tags.tags.get(key)
            bound = spelling.bound(resource.cloud, tags) if tag is None else None
            if isinstance(bound, Tag):
                tag = bound
            if tag is None:
                if not (tags.doubt(key) or bound):
                    return False
                undecided = undecided or f"whether the tag {key} is there is not known"
            elif not isinstance(tag.value, Known):
                undecided = undecided or f"the value of the tag {key} is not known"
            elif not any(_any(globs, text) for text in meanings(resource.cloud, tag.value.text)):
                return False
        return undecided or True


_LIVE = ("arn:", "//")
"""How the ids of what is live begin; no address of Terraform does."""


def _any(globs: Globs, text: str) -> bool:
    return any(glob_matches(glob, text) for glob in globs)


def compile_when(when: WhenDoc, spellings: Mapping[str, Spelling]) -> Selector:
    """The selector that a document's ``when`` describes; its ``tags`` are the policy's names or plain keys."""
    return Selector(
        type=_globs(when.type),
        provider=_globs(when.provider),
        address=_globs(when.address),
        module=_globs(when.module),
        account=_globs(when.account),
        region=_globs(when.region),
        tags=tuple((spellings.get(key) or Spelling(key), _globs(globs)) for key, globs in (when.tags or {}).items()),
        checkpoint=_globs(when.checkpoint),
    )


def _globs(value: Any) -> Globs:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
