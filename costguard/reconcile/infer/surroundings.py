"""What stands around a resource: what it hangs on, what hangs on it, with whom it shares a stack, a state, a network.

Knows how the clouds and the tools put resources together. Hides how a million of them are kept: ids are hashes of eight
octets, values are numbers, and who belongs together is found in sorted arrays. It is built in one pass, and what it
says doesn't depend on the order of that.
"""

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from costguard.model.change import EvidenceKind
from costguard.model.resource import Cloud, Known, Resource, module_of
from costguard.policy.rules.require import Require
from costguard.policy.selector import meanings

NOTHING = -1
"""The number of a value that isn't known."""
UNASKED = -2
"""The number of a value that no rule asks for."""

Rows = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]

SILENT = "hardly any"
"""The stratum of groups of which fewer than one in ten has the tag at all."""

LONGEST = 120
LONGEST_SAID = 500
"""Characters of a name in a sentence, and of what a witness says; what is longer is cut in its middle."""


class Item(NamedTuple):
    """A piece of evidence before it is measured. ``strata`` say what it is to be measured with, from all of its sort to
    the few that are just like it. ``says`` makes the sentence."""

    kind: EvidenceKind
    value: str
    strata: tuple[str, ...]
    says: Callable[[], str]


class Place(NamedTuple):
    """A group that a resource belongs to. Two of one ``sort`` and ``name`` are one; ``label`` is for people."""

    sort: str
    name: str
    label: str


_KINDS: Mapping[str, EvidenceKind] = {
    "sibling": "parent",
    "cluster": "cluster",
    "maker": "cluster",
    "stack": "stack",
    "module": "module",
    "state": "state",
    "subnet": "network",
    "network": "network",
    "creator": "creator",
    "account": "account",
}
"""The sorts of places, those that say most first."""

_WHERE: Mapping[str, str] = {
    "sibling": "that belong to {}",
    "cluster": "of the cluster {}",
    "maker": "of {}",
    "stack": "in {}",
    "module": "in {}",
    "state": "in the state {}",
    "subnet": "in the subnet {}",
    "network": "in the network {}",
    "creator": "made by {}",
    "account": "in the account {}",
}
_HOMES = {"stack": 0, "module": 1, "state": 2}
"""What is in one of these was made together; the first counts."""

_STACKS = frozenset({"cloudformation", "cloudformation-stackset", "elastic-beanstalk", "service-catalog", "pulumi-tag"})
_STATES = frozenset({"terraform", "opentofu"})
_NO_PLACE = frozenset({"aws", "rds", "backup", "dlm", "cdk", "sam", "yor", "config-connector"})
"""Tools whose mark says what made a resource, and not for whom."""

_SUBNET = re.compile(r"[:/]subnet(?:work)?s?/")
_MOST_KIN = 200
"""Of a resource's relations, and of a family's members, that are followed: the rest says no more."""
_DEEPEST = 4
_EMPTY: Rows = np.empty(0, np.int64)


def known(rule: Require, resource: Resource) -> str | None:
    """The value of the rule's tag on the resource, if the rule allows it: as the policy has it, not as the cloud."""
    if not resource.surfaces:
        return None
    tag = resource.surfaces[0].tags.tags.get(rule.spelling.on(resource.cloud))
    if tag is None or not isinstance(tag.value, Known) or tag.value.sensitive:
        return None
    return next((text for text in reversed(meanings(resource.cloud, tag.value.text)) if rule.allows(text)), None)


def selects(rule: Require, resource: Resource) -> bool:
    """Whether the rule is for the resource beyond doubt."""
    return (
        bool(resource.surfaces)
        and rule.selector.selects_type(resource.type, resource.provider, resource.cloud, "live")
        and rule.selector.selects(resource, resource.surfaces[0].tags) is True
    )


def places(resource: Resource) -> Iterable[Place]:
    """The groups that a resource belongs to, each once: one state may have it under two addresses."""
    return {(place.sort, place.name): place for place in _places(resource)}.values()


def _places(resource: Resource) -> Iterator[Place]:
    here = f"{resource.cloud}/{resource.account}"
    for relation in resource.related:
        match relation.kind:
            case "parent":
                yield Place("sibling", relation.id, _tail(relation.id))
            case "network":
                yield Place("subnet" if _SUBNET.search(relation.id) else "network", relation.id, _tail(relation.id))
            case "cluster" | "creator":
                yield Place(relation.kind, relation.id, _tail(relation.id))
    for manager in resource.managers:
        if manager.tool in _STATES:
            if manager.where:
                yield Place("state", manager.where, manager.where)
                module = module_of(manager.name)
                if module:
                    yield Place("module", f"{manager.where}\0{module}", f"{module} in {manager.where}")
        elif manager.tool in _STACKS:
            stack = manager.where or manager.name
            if "=" not in stack:  # "pulumi=true" is nobody's stack.
                yield Place("stack", f"{here}/{resource.region}/{stack}", stack)
        elif manager.tool not in _NO_PLACE and not manager.tool.endswith("-tag"):
            yield Place(
                "maker", f"{here}/{resource.region}/{manager.tool}/{manager.where}/{manager.name}", str(manager)
            )
    if resource.account:
        yield Place("account", here, resource.account)


def short(text: str, longest: int = LONGEST) -> str:
    """A text of any length, in a sentence."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-longest // 2 :]}"


@lru_cache(maxsize=1 << 16)
def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class _Members:
    """Which rows belong to which hash; many to many."""

    def __init__(self, hashes: _Hashes, rows: Rows) -> None:
        order = np.lexsort((rows, hashes))
        self._hashes, self._rows = hashes[order], rows[order].astype(np.int32)

    def of(self, hash_: int) -> Rows:
        key = np.uint64(hash_)
        first = self._hashes.searchsorted(key, "left")
        if first == len(self._hashes) or self._hashes[first] != key:
            return _EMPTY
        return self._rows[first : self._hashes.searchsorted(key, "right")].astype(np.int64)


class _Tally(NamedTuple):
    """How often a group has each value, which it has most, how many of it have one, and how many ought to."""

    counts: Mapping[int, int]
    first: int
    tagged: int
    size: int


class _Subject(NamedTuple):
    """A resource that is asked about: where it is found, and its places with their hashes."""

    resource: Resource
    row: int
    places: list[tuple[Place, int]]


class _Keys(NamedTuple):
    """A rule's key on a cloud, and what means the same, without regard to case."""

    key: str
    same: frozenset[str]
    aliases: frozenset[str]


class Surroundings:
    """An inventory, as the evidence for its tags sees it. Rows are numbered in the order of the hashes of ids, values
    in the order of their texts."""

    def __init__(self, resources: Iterable[Resource], rules: Sequence[Require]) -> None:
        self._rules = rules
        self._codes: list[dict[str, int]] = [{} for _ in rules]
        self._texts: list[list[str]] = [[] for _ in rules]
        ids, homes, rooted = array("Q"), array("Q"), array("b")
        values = [array("i") for _ in rules]
        groups = {sort: (array("Q"), array("q")) for sort in _KINDS}
        for row, resource in enumerate(resources):
            ids.append(_hash(resource.id or resource.address))
            for index, rule in enumerate(rules):
                text = known(rule, resource) if selects(rule, resource) else ""
                values[index].append(self._code(index, text) if text else UNASKED if text == "" else NOTHING)
            home: Place | None = None
            for place in places(resource):
                hashes, rows = groups[place.sort]
                hashes.append(_hash(place.name))
                rows.append(row)
                if place.sort in _HOMES and (home is None or _HOMES[place.sort] < _HOMES[home.sort]):
                    home = place
            rooted.append(home is not None)
            homes.append(_hash(f"{home.sort}/{home.name}" if home else _stem(resource)))
        order = np.argsort(_unsigned(ids), kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        self._ids = _unsigned(ids)[order]
        self.values = [self._in_order(index, np.asarray(codes, np.int32)[order]) for index, codes in enumerate(values)]
        self._counts = [np.bincount(codes[codes >= 0], minlength=1) for codes in self.values]
        self._groups = {
            sort: _Members(_unsigned(hashes), rank[np.asarray(rows, np.int64)])
            for sort, (hashes, rows) in groups.items()
        }
        ends = [self._ends(*groups[sort], rank) for sort in ("sibling", "cluster")]
        self._up = _Members(ends[0][:, 0].astype(np.uint64), ends[0][:, 1])
        self._down = _Members(ends[0][:, 1].astype(np.uint64), ends[0][:, 0])
        self.families = _families(_unsigned(homes)[order], np.asarray(rooted, np.int8)[order], ends)
        self._family = _Members(self.families, np.arange(len(order)))
        self._tally = lru_cache(maxsize=1 << 16)(self._counted)
        self._keys = lru_cache(maxsize=None)(self._keyed)
        self._latest: _Subject | None = None

    def _ends(self, hashes: "array[int]", rows: "array[int]", rank: Rows) -> Rows:
        """The relations whose other end is in the inventory, as pairs of rows."""
        others = self._found(_unsigned(hashes))
        pairs = np.column_stack((rank[np.asarray(rows, np.int64)], others))
        pairs = pairs[(others != NOTHING) & (pairs[:, 0] != others)]
        ordered: Rows = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        return ordered

    def _found(self, hashes: _Hashes) -> Rows:
        if not len(self._ids):
            return np.full(len(hashes), NOTHING, np.int64)
        at = np.minimum(np.searchsorted(self._ids, hashes), len(self._ids) - 1)
        return np.where(self._ids[at] == hashes, at, NOTHING)

    def row(self, id_: str) -> int:
        """The row of a resource, :data:`NOTHING` where the inventory doesn't have it."""
        key = np.uint64(_hash(id_))
        at = int(self._ids.searchsorted(key))
        return at if at < len(self._ids) and self._ids[at] == key else NOTHING

    def _subject(self, resource: Resource) -> _Subject:
        """One resource is asked of several tags in a row: what is the same for all of them is looked up once."""
        if self._latest is None or self._latest.resource is not resource:
            found = [(place, _hash(place.name)) for place in places(resource)]
            self._latest = _Subject(resource, self.row(resource.id or resource.address), found)
        return self._latest

    def family(self, row: int) -> Rows:
        """The rows that are made and tagged together with it, itself among them."""
        return self._family.of(int(self.families[row]))[:_MOST_KIN]

    def together(self, resource: Resource, rule: int, row: int, *, account: bool) -> Rows:
        """The rows of its family, or of its account, that have the same value: what one author made."""
        sort, name = "account", f"{resource.cloud}/{resource.account}"
        rows = self._groups[sort].of(_hash(name)) if account else self._family.of(int(self.families[row]))
        same: Rows = rows[self.values[rule][rows] == self.values[rule][row]]
        return same

    # Values are numbers here

    def _code(self, rule: int, text: str) -> int:
        codes = self._codes[rule]
        found = codes.get(text)
        if found is None:
            found = codes[text] = len(codes)
            self._texts[rule].append(text)
        return found

    def text(self, rule: int, code: int) -> str:
        return self._texts[rule][code]

    def _in_order(self, rule: int, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The same values, numbered in the order of their texts, so that nothing depends on that of the resources."""
        before = self._texts[rule]
        after = sorted(before)
        self._texts[rule] = after
        self._codes[rule] = {text: code for code, text in enumerate(after)}
        new = np.array([*(self._codes[rule][text] for text in before), UNASKED, NOTHING], np.int32)
        return new[codes]

    # Evidence

    def evidence(self, resource: Resource, rule: int, without: Rows = _EMPTY) -> list[Item]:
        """All that speaks for a value, as if the rows of ``without`` had none; nor is the resource's own value looked
        at, if the rule allows it."""
        subject = self._subject(resource)
        row = subject.row
        without = np.sort(without) if len(without) > 1 else without
        if row != NOTHING and not _holds(without, row):
            without = np.insert(without, without.searchsorted(row), row) if len(without) else np.array([row])
        return [
            *self._own(resource, rule, without),
            *self._parents(resource, rule, row, without),
            *self._children(rule, row, without, self._key(resource, rule)),
            *self._around(subject, rule, without),
        ]

    def _own(self, resource: Resource, rule_index: int, without: Rows) -> Iterator[Item]:
        """What other keys of the resource say that mean the tag, and an own value of which the right one is certain.

        People also use a key like ``app`` for something else; then its values are mostly ones that nothing has under
        the tag's own key, which is measured by itself.
        """
        rule = self._rules[rule_index]
        if not resource.surfaces:
            return
        key, same, aliases = self._keys(rule_index, resource.cloud)
        for name, tag in sorted(resource.surfaces[0].tags.tags.items()):
            folded = name.strip().casefold()
            if name != key and folded not in same and folded not in aliases:
                continue
            if not isinstance(tag.value, Known) or tag.value.sensitive:
                continue
            texts = meanings(resource.cloud, tag.value.text)[::-1]
            allowed = next((text for text in texts if rule.allows(text)), None)
            if name == key:
                certain = rule.certainly(texts[0]) if allowed is None else None
                if certain is not None and rule.allows(certain):
                    says = _saying(f"its {short(name)} is {short(texts[0])}, which means {short(certain)}")
                    yield Item("synonym", certain, ("synonym",), says)
            else:
                meant = allowed if allowed is not None else rule.certainly(texts[0])
                if meant is not None and rule.allows(meant):
                    sort = "case" if folded in same else f"key {folded}"
                    says = _saying(f"its own tag {short(name)} is {short(texts[0])}")
                    used = "used" if self._used(rule_index, meant, without) else "used nowhere else"
                    yield Item("alias", meant, ("alias", sort, used), says)

    def _used(self, rule: int, text: str, without: Rows) -> bool:
        """Whether anything else has the value under the tag's own key."""
        code = self._codes[rule].get(text, NOTHING)
        hidden = int((self.values[rule][without] == code).sum())
        return code != NOTHING and int(self._counts[rule][code]) > hidden

    def _parents(self, resource: Resource, rule: int, row: int, without: Rows) -> Iterator[Item]:
        key = self._key(resource, rule)
        for relation in resource.related[:_MOST_KIN]:
            target = self.row(relation.id)
            if target in (NOTHING, row):
                continue
            code = self._value(rule, target, without)
            if code < 0 and relation.kind != "parent":
                continue
            text = self.text(rule, code) if code >= 0 else ""
            name = short(_tail(relation.id))
            if relation.kind in ("cluster", "network"):
                kind: EvidenceKind = "cluster" if relation.kind == "cluster" else "network"
                says = _saying(f"its {relation.kind} {name} has {key} = {short(text)} itself")
                strata = f"{kind} itself", "subnet" if _SUBNET.search(relation.id) else "other"
                yield Item(kind, text, strata, says)
            elif relation.kind == "parent":
                if code >= 0:
                    says = _saying(f"{name}, which it belongs to, has {key} = {short(text)}")
                    yield Item("parent", text, ("parent", resource.type), says)
                else:
                    beyond = (self._value(rule, int(one), without) for one in self._up.of(target)[:_MOST_KIN])
                    for code in sorted({one for one in beyond if one >= 0}):
                        says = _saying(
                            f"what {name} belongs to, as it does itself, has {key} = {short(self.text(rule, code))}"
                        )
                        yield Item("parent", self.text(rule, code), ("parent of parent", resource.type), says)

    def _children(self, rule: int, row: int, without: Rows, key: str) -> Iterator[Item]:
        """Children that don't agree say nothing, for then it is shared."""
        if row == NOTHING:
            return
        below, words = self._down.of(row)[:_MOST_KIN], "to it"
        for sort in ("child", "child of child"):
            codes = [code for one in below if (code := self._value(rule, int(one), without)) >= 0]
            if codes:
                if len(set(codes)) == 1:
                    value = self.text(rule, codes[0])
                    says = _children_say(len(codes), words, f"{key} = {short(value)}")
                    yield Item("child", value, (sort, _bucket(len(codes))), says)
                return
            if not len(below):
                return
            below = np.unique(np.concatenate([self._down.of(int(one)) for one in below]))[:_MOST_KIN]
            words = "to what belongs to it"

    def _around(self, subject: _Subject, rule: int, without: Rows) -> Iterator[Item]:
        key = self._key(subject.resource, rule)
        seen: set[str] = set()
        for place, name in subject.places:
            tally = self._tally(place.sort, name, rule)
            if not tally.tagged:
                continue
            inside = _common(self._groups[place.sort].of(name), without)
            gone = [code for code in self.values[rule][inside].tolist() if code >= 0]
            if gone:
                counts = Counter(tally.counts)
                counts.subtract(gone)
                tagged = tally.tagged - len(gone)
                if not tagged:
                    continue
                code = _most(counts)
                most = counts[code]
            else:
                tagged, code = tally.tagged, tally.first
                most = tally.counts[code]
            others = tally.size - (1 if _holds(inside, subject.row) else 0)
            sort = place.sort if place.sort not in seen else f"{place.sort} too"
            seen.add(place.sort)
            text = self.text(rule, code)
            says = _group_says(place, key, text, most, tagged, others)
            yield Item(_KINDS[place.sort], text, (sort, *_grade(most, tagged, others)), says)

    def _key(self, resource: Resource, rule: int) -> str:
        return short(self._keys(rule, resource.cloud).key)

    def _keyed(self, index: int, cloud: Cloud | None) -> _Keys:
        rule = self._rules[index]
        key = rule.spelling.on(cloud)
        same = frozenset({key.casefold(), rule.spelling.name.casefold()})
        return _Keys(key, same, frozenset(alias.casefold() for alias in rule.aliases))

    def _value(self, rule: int, row: int, without: Rows) -> int:
        return NOTHING if _holds(without, row) else int(self.values[rule][row])

    def _counted(self, sort: str, name: int, rule: int) -> _Tally:
        members = self._groups[sort].of(name)
        codes = self.values[rule][members]
        counts = Counter(codes[codes >= 0].tolist())
        size = int(np.count_nonzero(codes != UNASKED))
        return _Tally(counts, _most(counts) if counts else NOTHING, counts.total(), size)


def _most(counts: Mapping[int, int]) -> int:
    """The smallest number of the most frequent ones: the same whatever the order was."""
    return min(counts, key=lambda one: (-counts[one], one))


def _holds(rows: Rows, row: int) -> bool:
    """Whether a row is among others, which are in their order."""
    at = rows.searchsorted(row)
    return bool(at < len(rows) and rows[at] == row)


def _common(rows: Rows, others: Rows) -> Rows:
    """Those of the others that are among the rows, of which there are some; both are in their order."""
    at = rows.searchsorted(others)
    at[at == len(rows)] = 0
    found: Rows = others[rows[at] == others]
    return found


def _families(homes: _Hashes, rooted: npt.NDArray[np.int8], ends: Sequence[Rows]) -> _Hashes:
    """Which rows are made and tagged together: what has no stack or state of its own goes with what it belongs to."""
    found, rooted = homes.copy(), rooted.astype(bool)
    for pairs in ends:
        # Of several, the last one counts; as the pairs are sorted, always the same.
        above = np.full(len(homes), NOTHING, np.int64)
        above[pairs[:, 0]] = pairs[:, 1]
        loose = np.flatnonzero(~rooted & (above != NOTHING))
        for _ in range(_DEEPEST):
            found[loose] = found[above[loose]]
        rooted[loose] = True
    return found


def _stem(resource: Resource) -> str:
    """What has no place of its own is perhaps one of those that are called so in its account."""
    name = resource.surfaces[0].tags.tags.get("Name") if resource.surfaces else None
    text = name.value.text if name is not None and isinstance(name.value, Known) else _tail(resource.address)
    return f"{resource.account}/{'-'.join(re.split('[^a-z0-9]+', text[:LONGEST].casefold())[:2])}"


def _tail(id_: str) -> str:
    """The part of an id that people know it by."""
    return id_.rpartition("/")[2] or id_ if "/" in id_ else id_.rpartition(":")[2] or id_


def _unsigned(numbers: "array[int]") -> _Hashes:
    return np.asarray(numbers, np.uint64)


def _saying(sentence: str) -> Callable[[], str]:
    return lambda: sentence


def _group_says(place: Place, key: str, value: str, most: int, tagged: int, others: int) -> Callable[[], str]:
    where = _WHERE[place.sort].format(short(place.label))
    if tagged == others:
        return lambda: f"{most:,} of {tagged:,} other resources {where} have {key} = {short(value)}"
    return lambda: f"{most:,} of the {tagged:,} others that have {key}, of {others:,} {where}, have {short(value)}"


def _children_say(count: int, whose: str, tag: str) -> Callable[[], str]:
    subject = f"what belongs {whose} has" if count == 1 else f"all {count:,} resources that belong {whose} have"
    return _saying(f"{subject} {tag}")


_BUCKETS = (2, 3, 5, 10, 30, 100)
_COUNTS = (*(f"<{edge}" for edge in _BUCKETS), "many")
_SHARES = tuple((edge, f">={edge}") for edge in (1.0, 0.95, 0.8, 0.5))


def _bucket(count: int) -> str:
    return _COUNTS[bisect_right(_BUCKETS, count)]


def _grade(most: int, tagged: int, others: int) -> tuple[str, str, str]:
    """What a group's word depends on: whether its members agree, how many they are, and how many keep silent."""
    share = most / tagged
    pure = next((said for edge, said in _SHARES if share >= edge), "few")
    told = tagged / max(others, 1)
    loud = "most" if told >= 0.5 else "some" if told >= 0.1 else SILENT
    return pure, loud, _bucket(tagged)
