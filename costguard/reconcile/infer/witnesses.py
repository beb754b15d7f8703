"""Witnesses beside the inventory: what costguard.yaml says of places and of who makes things, and what the accounts and
projects themselves are tagged with.

Nothing here asks a cloud: :class:`Facts` are what was read. A value that the rule doesn't allow is never said.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Protocol, TypeVar

import msgspec

from costguard.config import DefaultsDoc, InferDoc, PrincipalDoc
from costguard.model.change import EvidenceKind
from costguard.model.resource import Known, Resource
from costguard.policy import Policy
from costguard.policy.patterns import glob_matches
from costguard.policy.rules.require import Require
from costguard.policy.selector import meanings
from costguard.reconcile.infer import Hint, Witness

_MANAGER = "//cloudresourcemanager.googleapis.com/"
# What stands for an account or a project in the inventory.
_PROJECT, _FOLDER, _ACCOUNT = "google_project", "google_folder", "aws_organizations_account"


class Maker(Protocol):
    """Who made a resource (:class:`costguard.clouds.aws.trail.Creator`)."""

    @property
    def principal(self) -> str: ...

    @property
    def session(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def event(self) -> str: ...


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the places that resources are in, and of who made them.

    ``below``: an organisational unit (``ou-…``, ``r-…``) or a folder (``folders/1``) → the accounts and projects
    anywhere below it. ``tags``: an account or project → its own tags, by their keys as the cloud has them.
    ``creators``: a resource's id → who made it.
    """

    below: Mapping[str, Collection[str]] = MappingProxyType({})
    tags: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    creators: Mapping[str, Maker] = MappingProxyType({})

    def and_(self, other: "Facts") -> "Facts":
        """Both; what the other one says of the same place counts."""
        return Facts(
            below={**self.below, **other.below},
            tags={**self.tags, **other.tags},
            creators={**self.creators, **other.creators},
        )


def facts(resources: Iterable[Resource]) -> Facts:
    """What an inventory itself shows of that: accounts and projects are among its resources."""
    above: dict[str, str] = {}
    projects: dict[str, str] = {}
    tags: dict[str, Mapping[str, str]] = {}
    for resource in resources:
        if resource.type not in (_PROJECT, _FOLDER, _ACCOUNT) or resource.id is None:
            continue
        if resource.type != _ACCOUNT:
            for one in resource.related:
                if one.kind == "parent":
                    above[resource.id] = one.id
        if resource.type == _PROJECT:
            projects[resource.id] = resource.account or ""
        if resource.type != _FOLDER and (known := _texts(resource)):
            tags[_place(resource)] = known
    below: dict[str, set[str]] = defaultdict(set)
    for id_, project in projects.items():
        seen = {id_}
        while (id_ := above.get(id_, "")) and id_ not in seen:
            seen.add(id_)
            below[id_.removeprefix(_MANAGER)].add(project)
    return Facts(below={unit: frozenset(members) for unit, members in below.items()}, tags=tags)


def _place(resource: Resource) -> str:
    """The account or project that a resource stands for; empty where it stands for none."""
    match resource.type:
        case "google_project":
            return resource.account or ""
        case "aws_organizations_account":
            return (resource.id or "").rpartition("/")[2]
    return ""


def _texts(resource: Resource) -> dict[str, str]:
    return {
        key: tag.value.text
        for surface in resource.surfaces[:1]
        for key, tag in surface.tags.tags.items()
        if isinstance(tag.value, Known)
    }


def witnesses(doc: InferDoc, known: Facts) -> list[Witness]:
    """All that there is something to hear from. Each says at most one value of one tag of a resource; of several
    entries of costguard.yaml that fit, the last one that says something of the tag counts."""
    found: list[Witness] = []
    if doc.defaults:
        found.append(_defaults(doc.defaults, known.below))
    if known.tags:
        found.append(_own_tags(known.tags))
    if doc.principals and known.creators:
        found.append(_creators(doc.principals, known.creators))
    return found


def in_question(
    resources: Callable[[], Iterable[Resource]], rules: Iterable[Require], doc: InferDoc
) -> dict[tuple[str, str], dict[str, set[str]]]:
    """The AWS resources whose makers are worth asking for: account and region → type → ids.

    Who made a thing says something only of the tags that ``principals`` set. Where one of a type lacks such a tag in a
    place, all of that type there are asked for: those that have it show what a maker's word is worth, and what is read
    of the history is the same. ``resources`` is called twice, and not at all where there are no principals.
    """
    said = {tag for entry in doc.principals for tag in entry.set}
    asking = [rule for rule in rules if rule.spelling.name in said]
    if not asking:
        return {}
    kinds = {_kind(one) for one in resources() if one.cloud == "aws" and any(_lacks(one, rule) for rule in asking)}
    found: dict[tuple[str, str], dict[str, set[str]]] = {}
    for one in resources():
        if one.id and _kind(one) in kinds:
            account, region, type_ = _kind(one)
            found.setdefault((account, region), {}).setdefault(type_, set()).add(one.id)
    return found


def _kind(resource: Resource) -> tuple[str, str, str]:
    return resource.account or "", resource.region or "", resource.type


def _lacks(resource: Resource, rule: Require) -> bool:
    """Whether the rule is for the resource, and its tag isn't there as it should be."""
    if not rule.selector.selects_type(resource.type, resource.provider, resource.cloud, "live"):
        return False
    for surface in resource.surfaces[:1]:
        if not surface.tags.open and rule.selector.selects(resource, surface.tags) is True:
            tag = surface.tags.tags.get(rule.spelling.on(resource.cloud))
            return tag is None or (isinstance(tag.value, Known) and not rule.allows(tag.value.text))
    return False


def objections(doc: InferDoc, policy: Policy) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What ``reconcile.infer`` says and no rule of the policy could take, each with its path below that."""
    rules: dict[str, list[Require]] = {name: [] for name in policy.spellings}
    for rule in policy.rules:
        if isinstance(rule, Require):
            rules.setdefault(rule.spelling.name, []).append(rule)
    entries: tuple[tuple[str, Sequence[DefaultsDoc | PrincipalDoc]], ...] = (
        ("defaults", doc.defaults),
        ("principals", doc.principals),
    )
    for part, stated in entries:
        for index, entry in enumerate(stated):
            for name, value in entry.set.items():
                at = (part, index, "set", name)
                asking = rules.get(name)
                if asking is None:
                    yield at, f"no tag of the policy is called {name!r}; there are {', '.join(sorted(rules))}"
                elif asking and not any(rule.allows(value) for rule in asking):
                    yield at, f"{value!r} is not a value that the policy allows for {name}"


def _defaults(entries: Sequence[DefaultsDoc], below: Mapping[str, Collection[str]]) -> Witness:
    def fits(entry: DefaultsDoc, resource: Resource) -> tuple[EvidenceKind, str] | None:
        account = resource.account
        if not account:
            return None
        if entry.account is not None:
            return ("account", f"the account {account}") if glob_matches(entry.account, account) else None
        unit = entry.ou or entry.folder
        if unit is None or account not in below.get(unit, ()):
            return None
        return "folder", f"the account {account}, which is below {unit}"

    by_tag = _by_tag(entries)

    def say(resource: Resource, rule: Require) -> Iterator[Hint]:
        tag = rule.spelling.name
        for entry in by_tag.get(tag, ()):
            if fit := fits(entry, resource):
                kind, what = fit
                value = entry.set[tag]
                if rule.allows(value):
                    yield Hint(kind, value, f"costguard.yaml says {tag} = {value} of {what}")
                return

    return say


def _own_tags(tags: Mapping[str, Mapping[str, str]]) -> Witness:
    """The tags of an account say something of what is in it; never of the account, whose own they are."""

    def say(resource: Resource, rule: Require) -> Iterator[Hint]:
        account = resource.account or ""
        of = tags.get(account)
        if of is None or _place(resource) == account:
            return
        for key, strength in _keys(rule, resource, of):
            value = _allowed(rule, meanings(resource.cloud, of[key]))
            if value is not None:
                yield Hint("account", value, f"the account {account} has the tag {key} = {of[key]}", strength)
                return

    return say


def _keys(rule: Require, resource: Resource, tags: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """The keys that stand for the rule's tag: its own before another case of it, and that before its aliases."""
    own = rule.spelling.on(resource.cloud)
    if own in tags:
        yield own, 1.0
    folded: dict[str, str] = {}
    for key in sorted(tags):
        folded.setdefault(key.strip().casefold(), key)
    for name in dict.fromkeys(name.casefold() for name in (own, rule.spelling.name, *rule.aliases)):
        if name in folded and folded[name] != own:
            yield folded[name], 0.5


def _allowed(rule: Require, texts: Sequence[str]) -> str | None:
    """What a value says: itself, or what it was certainly meant to be; None where that isn't known."""
    for text in reversed(texts):
        if rule.allows(text):
            return text
    meant = rule.certainly(texts[-1])
    return meant if meant is not None and rule.allows(meant) else None


def _creators(entries: Sequence[PrincipalDoc], creators: Mapping[str, Maker]) -> Witness:
    by_tag = _by_tag(entries)

    def say(resource: Resource, rule: Require) -> Iterator[Hint]:
        maker = creators.get(resource.id or "")
        if maker is None:
            return
        tag = rule.spelling.name
        for entry in by_tag.get(tag, ()):
            names = filter(None, (maker.principal, maker.session))
            name = next((one for one in names if glob_matches(entry.principal, one)), None)
            if name is not None:
                value = entry.set[tag]
                if rule.allows(value):
                    yield Hint(
                        "creator",
                        value,
                        f"{name} made it on {maker.at:%Y-%m-%d} ({maker.event}), and costguard.yaml says "
                        f"{tag} = {value} of what that makes",
                    )
                return

    return say


_Entry = TypeVar("_Entry", DefaultsDoc, PrincipalDoc)


def _by_tag(entries: Sequence[_Entry]) -> Mapping[str, Sequence[_Entry]]:
    """The entries that say something of each tag, the last one first."""
    found: dict[str, list[_Entry]] = {}
    for entry in reversed(entries):
        for tag in entry.set:
            found.setdefault(tag, []).append(entry)
    return found
