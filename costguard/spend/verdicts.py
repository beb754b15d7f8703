"""What the policy makes of tag sets as bills have them: each distinct one is judged once.

A bill has millions of charges and some hundred thousand tag sets, of which most differ in tags that no rule looks at.
So a tag set is read, cut down to what the policy can look at, and judged where nothing like it has been judged before.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from costguard.catalog import LIMITS
from costguard.catalog.native import ec2_resource, terraform_type_of_arn
from costguard.engine import stream
from costguard.model.cost import FAULTS, State
from costguard.model.finding import Finding, Status, Verdict
from costguard.model.resource import Cloud, Known, Resource, Surface, Tag, TagSet
from costguard.policy import Policy
from costguard.policy.rules.every import EveryTag
from costguard.policy.rules.whole import TagsSchema
from costguard.policy.selector import Selector

_SOURCE = "the bill"
_ABOVE = "the bill, inherited"
_CLOUDS: Mapping[str, Cloud] = {"aws": "aws", "google": "google", "azure": "azure"}
_SURFACE: Mapping[Cloud | None, str] = {"google": "labels"}
_STATES: Mapping[Verdict, State] = {
    Verdict.MISSING: "missing",
    Verdict.MISSPELLED: "misspelled",
    Verdict.EMPTY: "empty",
    Verdict.INVALID: "invalid",
    Verdict.FORBIDDEN: "invalid",
    Verdict.UNKNOWN: "unknown",
}


class Case(msgspec.Struct, frozen=True):
    """One thing to judge: a tag set as the bill writes it, and what else the policy may look at; None where it doesn't
    look at that."""

    tags: str | None
    provider: str | None
    account: str | None = None
    region: str | None = None
    resource: str | None = None


class Ruling(msgspec.Struct, frozen=True):
    """What the policy makes of a case. ``untagged``: there is no tag at all, but for those that the cloud sets itself.
    ``states`` are the tags at fault with what is wrong with each; ``values`` the policy's tags with their values, where
    these are as they should be. ``flaw``: why the tag set could not be read, empty where it could. ``exempt``: it is
    compliant because what is wrong with it is exempted."""

    state: State
    untagged: bool
    states: Mapping[str, State]
    values: Mapping[str, str]
    flaw: str = ""
    exempt: bool = False


def cloud_of(provider: str | None) -> Cloud | None:
    """The cloud of a bill's provider, whose spelling of keys its tags have; None for any other."""
    return _CLOUDS.get(provider or "")


def needs(policy: Policy) -> frozenset[str]:
    """What of a charge beside its tags and its cloud the policy may look at: fields of :class:`Case`."""
    found = set()
    for selector in _selectors(policy):
        if selector.account:
            found.add("account")
        if selector.region:
            found.add("region")
        if selector.type or selector.address or selector.module:
            found.add("resource")
    return frozenset(found)


def _selectors(policy: Policy) -> list[Selector]:
    return [rule.selector for rule in policy.rules] + [one.selector for one in policy.exemptions]


_Tests = tuple[Callable[[str], bool], ...]
_MOST_KEYS = 10_000
"""So many keys are remembered at most: a bill has some hundred, a hostile one as many as it likes."""
_MOST_CASES = 300_000


class Judge:
    """Judges cases of one kind of export. ``tagged``, ``folded`` and ``prefix`` are as in
    :class:`costguard.billing.Charges`.

    Rulings that say the same are one object. ``remember`` false judges each case anew, with the same outcome.
    """

    def __init__(
        self,
        policy: Policy,
        today: date,
        *,
        tagged: bool = True,
        folded: bool = False,
        prefix: str = "",
        remember: bool = True,
    ) -> None:
        self._policy = policy
        self._bare = msgspec.structs.replace(policy, exemptions=())
        self._today = today
        self._tagged = tagged
        self._remember = remember
        self._by_type = any(selector.type for selector in _selectors(policy))
        self._by_address = any(selector.address or selector.module for selector in _selectors(policy))
        self._clouds = {
            cloud: _Looks(policy, cloud, folded=folded, prefix=prefix) for cloud in (None, *_CLOUDS.values())
        }
        self._judged: dict[tuple[Any, ...], Ruling] = {}
        self._said: dict[tuple[Any, ...], Ruling] = {}
        # Of keys that a bill has changed, what is wrong with a key's spelling can't be told.
        self._spelled = frozenset(
            rule.id
            for rule in policy.rules
            if folded and (isinstance(rule, TagsSchema) or (isinstance(rule, EveryTag) and rule.key_rules))
        )

    def one(self, case: Case) -> Ruling:
        """The ruling of a case."""
        cloud = _CLOUDS.get(case.provider or "")
        tags = read_tags(case.tags)
        flaw = tags.flaw
        looks = self._clouds[cloud]
        type_ = _type_of(case.resource) if self._by_type else ""
        key = (
            cloud,
            case.account,
            case.region,
            type_,
            case.resource if self._by_address else None,
            bool(flaw),
            looks.seen(tags.tags),
            looks.held(tags.bound),
        )
        ruling = self._judged.get(key) if self._remember else None
        if ruling is None:
            ruling = self._same(self._ruling(case, cloud, type_, tags))
            if len(self._judged) >= _MOST_CASES:
                self._judged.clear()
            self._judged[key] = ruling
        return msgspec.structs.replace(ruling, flaw=flaw) if flaw else ruling

    def _same(self, ruling: Ruling) -> Ruling:
        states, values = tuple(ruling.states.items()), tuple(ruling.values.items())
        return self._said.setdefault((ruling.state, ruling.untagged, ruling.exempt, states, values), ruling)

    def _ruling(self, case: Case, cloud: Cloud | None, type_: str, tags: "Tags") -> Ruling:
        looks = self._clouds[cloud]
        read, hidden = looks.unfolded(tags.tags)
        open_ = tags.flaw or ("" if self._tagged else "this export has no tags")
        entries = {key: Tag(Known(text), _SOURCE) for key, text in read.items()}
        bound = None if tags.bound is None else looks.bound(tags.bound)
        resource = Resource(
            address=case.resource or "",
            type=type_,
            provider=cloud or "",
            cloud=cloud,
            id=case.resource,
            account=case.account,
            region=case.region,
            surfaces=(Surface(_SURFACE.get(cloud, "tags"), TagSet(entries, open=open_, hidden=hidden, bound=bound)),),
            declared=None,
        )
        (judged,) = stream(self._policy, "bill", [resource], self._today)
        found = [(finding.tag, self._state(finding, resource)) for finding in judged.findings]
        states: dict[str, State] = {tag: state for tag, state in found if tag is not None}
        at_fault = {state for _, state in found}
        wrong = set(states)
        if self._policy.exemptions:
            (bare,) = stream(self._bare, "bill", [resource], self._today)
            wrong |= {finding.tag for finding in bare.findings if finding.tag is not None}
        values = {}
        for name, spelling in self._policy.spellings.items():
            value = read.get(spelling.on(cloud))
            if value is None and bound is not None and spelling.google_tag in bound.tags:
                value = tags.named[spelling.google_tag]
            if value is not None and value.strip() and name not in wrong:
                values[name] = value
        return Ruling(
            next((one for one in FAULTS if one in at_fault), "compliant"),
            self._tagged
            and not tags.flaw
            and not looks.owned(tags.tags)
            and all(one.inherited for one in tags.bound or ()),
            states,
            values,
            exempt=judged.status is Status.EXEMPT,
        )

    def _state(self, finding: Finding, resource: Resource) -> State:
        """What a finding comes to: unknown too, where an exemption may cover it and that can't be decided."""
        if finding.rule in self._spelled or any(
            (one.tags is None or finding.tag in one.tags)
            and (one.rules is None or finding.rule in one.rules)
            and one.until is not None
            and one.until >= self._today
            and one.selector.selects_type(resource.type, resource.provider, resource.cloud, "bill")
            and isinstance(one.selector.selects(resource, resource.surfaces[0].tags), str)
            for one in self._policy.exemptions
        ):
            return "unknown"
        return _STATES[finding.verdict]


class _Looks:
    """What a policy looks at of the tags of one cloud's charges, and how a bill spells the policy's keys."""

    def __init__(self, policy: Policy, cloud: Cloud | None, *, folded: bool, prefix: str) -> None:
        self._cloud = cloud
        self._prefix = prefix
        self._rules = policy.rules
        self._reserved = LIMITS[cloud].reserved if cloud is not None else ()
        if folded and not prefix:
            self._reserved = tuple(prefix.replace(":", "_").replace("-", "_") for prefix in self._reserved)
        spellings = [*policy.spellings.values(), *(one for each in _selectors(policy) for one, _ in each.tags)]
        self._own = {spelling.on(cloud) for spelling in spellings}
        google_tags = {spelling.google_tag for spelling in spellings if spelling.google_tag}
        self._google_tags = google_tags if cloud == "google" else set()
        self._short = {name.rpartition("/")[2] for name in self._google_tags}
        self._folds: dict[str, set[str]] | None = None
        if folded:
            self._folds = _by_fold(self._own)
            others = {alias for rule in policy.rules for alias in getattr(rule, "aliases", ())}
            for form, keys in _by_fold(others).items():
                self._folds.setdefault(form, {min(keys)})
        self._keys: dict[str, tuple[str, _Tests]] = {}

    def seen(self, tags: Mapping[str, str]) -> tuple[Any, ...]:
        """What the policy can tell of a tag set: two with the same have the same ruling."""
        if not tags:
            return ()
        found: list[Any] = []
        owned = False
        keys = self._keys
        for key, text in tags.items():
            known = keys.get(key)
            if known is None:
                known = self._minds(key)
            extent, tests = known
            if extent == "value" or (tests and any(test(text) for test in tests)):
                found.append((key, text))
            elif extent == "key":
                found.append(key)
            elif extent == "nothing":
                owned = True
        if owned:
            found.append(None)  # There is a tag that nobody looks at; what the cloud set itself doesn't even count so.
        return tuple(found)

    def held(self, bound: "tuple[Bound, ...] | None") -> tuple[Any, ...] | None:
        """What the policy can tell of Google's Tags: the same of two means the same ruling."""
        if bound is None:
            return None
        found: list[Any] = [one for one in bound if one.key in self._short]
        if not all(one.inherited for one in bound):
            found.append(None)  # There is one of its own.
        return tuple(found)

    def bound(self, bound: "tuple[Bound, ...]") -> TagSet:
        """Google's Tags by their namespaced keys. A namespace may be a number or a project's name: where the bill has
        one and the policy the other, nobody can tell whether they are the same."""
        tags = {one.name: Tag(Known(one.value), _ABOVE if one.inherited else _SOURCE) for one in bound}
        hidden = [
            (name, f"the bill has the Tag {one.name}, and whether that is {name} can't be told")
            for name in sorted(self._google_tags - tags.keys())
            for one in bound
            if one.key == name.rpartition("/")[2] and not (one.namespace.isdigit() and name.split("/")[0].isdigit())
        ]
        return TagSet(tags, hidden=tuple(hidden))

    def _minds(self, key: str) -> tuple[str, _Tests]:
        read, hidden = self.unfolded({key: ""})
        minds: list[Any] = ["value" if hidden or self._own.intersection(read) else "nothing"]
        minds += [rule.minds(name, self._cloud) for rule in self._rules for name in read]
        extent = next((one for one in ("value", "key") if one in minds), "nothing")
        if extent == "nothing" and not self.owned((key,)):
            extent = "the cloud's"
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        found = self._keys[key] = extent, tuple(one for one in minds if callable(one))
        return found

    def owned(self, keys: Iterable[str]) -> bool:
        """Whether one of the keys is somebody's own, and not the cloud's."""
        return any(
            key.startswith(self._prefix) and not key[len(self._prefix) :].casefold().startswith(self._reserved)
            for key in keys
        )

    def unfolded(self, tags: Mapping[str, str]) -> tuple[Mapping[str, str], tuple[tuple[str, str], ...]]:
        """The resource's own tags with the policy's keys as the policy spells them, and which of these may or may not
        be there."""
        if self._prefix:
            size = len(self._prefix)
            tags = {key[size:]: text for key, text in tags.items() if key.startswith(self._prefix)}
        if self._folds is None:
            return tags, ()
        read: dict[str, str] = {}
        hidden = []
        for key, text in tags.items():
            meant = self._folds.get(_squeezed(key), {key})
            if len(meant) > 1:
                hidden += [
                    (one, f"{key} on the bill may be any of {', '.join(sorted(meant))}") for one in sorted(meant)
                ]
                continue
            (one,) = meant
            if read.setdefault(one, text) != text:
                hidden.append((one, f"several keys on the bill may be {one}"))
        for one, _ in hidden:
            read.pop(one, None)
        return read, tuple(hidden)


def _by_fold(keys: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key in keys:
        for form in (key, _WORD.sub(r"\1_\2", key)):
            found.setdefault(_squeezed(form.lower()), set()).add(key)
    return found


_WORD = re.compile(r"(.)([A-Z])")
_OTHERS = re.compile(r"[^a-z0-9]+")


def _squeezed(key: str) -> str:
    """A key as Glue has it. Its names of columns are in lower case, sometimes with an underscore before what was a
    capital letter, and with one in place of any run of other characters (AWS, "Column names" of Cost and Usage Reports
    in Athena)."""
    return _OTHERS.sub("_", key).strip("_")


def _type_of(resource: str | None) -> str:
    """The Terraform type of what a bill names by its ARN or by an id that EC2 gave out; empty where that can't be
    told."""
    if resource is None:
        return ""
    plain = ec2_resource(resource)
    arn = resource if plain is None else f"arn:aws:ec2:us-east-1:000000000000:{plain}"
    return terraform_type_of_arn(arn) or ""


# Numbers as they are written: 1.10 is another value than 1.1.
_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=str)
_PLAIN = msgspec.json.Decoder(dict[str, str])


class _Pair(msgspec.Struct, frozen=True):
    key: str
    value: str | None = None


class _Held(msgspec.Struct, frozen=True):
    key: str
    value: str | None = None
    inherited: bool | None = None
    namespace: str | None = None


class Bound(msgspec.Struct, frozen=True):
    """A Tag of Google's resource manager that holds for a resource: its short key in its namespace (the number of an
    organisation or of a project, or a project's name), and the short name of its value."""

    namespace: str
    key: str
    value: str
    inherited: bool

    @property
    def name(self) -> str:
        """The namespaced key."""
        return f"{self.namespace}/{self.key}"


class Tags(msgspec.Struct, frozen=True):
    """The tags of a tag set, or why it could not be read. ``bound`` is None where the bill doesn't say which Tags of
    Google's hold for the resource."""

    tags: Mapping[str, str] = {}
    flaw: str = ""
    bound: tuple[Bound, ...] | None = None

    @property
    def named(self) -> Mapping[str, str]:
        """The values of Google's Tags by their namespaced keys."""
        return {one.name: one.value for one in self.bound or ()}


_PAIRS = msgspec.json.Decoder(list[_Pair])
_BOTH = msgspec.json.Decoder(tuple[list[_Pair] | None, list[_Held] | None])  # null: BigQuery's text for nothing.
_BRACELESS = re.compile(r'\s*"')
LONGEST_TAGS = 1_000_000
"""So many characters of a tag set are read: fifty tags of the longest keys and values that a cloud takes are 40,000."""


def read_tags(text: str | None) -> Tags:
    """What a tag set says.

    A JSON object, whose braces may be left out (as Azure's exports do), a list of keys with values (as Google has
    labels), or a list of two of these, labels and Tags. A tag without a value is ``true`` there, or null, and gets an
    empty one; numbers stay as they are written.
    """
    if text is None or not text or text.isspace() or text == "null":  # BigQuery's text for what isn't there.
        return Tags()
    if len(text) > LONGEST_TAGS:
        return Tags(flaw=f"its tags are longer than {LONGEST_TAGS} characters")
    raw = f"{{{text}}}" if text[0] != "{" and _BRACELESS.match(text) else text
    try:
        plain = _PLAIN.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    else:
        # Four quotes are a key and its value. Where there are more, one is in a text, or a key is there twice.
        return Tags(plain) if raw.count('"') == 4 * len(plain) or not _contradicts(raw) else Tags(flaw=_TWICE)
    if raw.startswith("["):
        return _listed(raw)
    try:
        found = _DECODER.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Tags(flaw=f"its tags are no JSON object ({error})")
    if any(isinstance(value, (dict, list)) for value in found.values()):
        return Tags(flaw="its tags have values that are lists or objects")
    if _contradicts(raw):
        return Tags(flaw=_TWICE)
    return Tags({key: _text(value) for key, value in found.items()})


def _listed(raw: str) -> Tags:
    held: Iterable[_Held] | None = None
    try:
        if raw.startswith(("[[", "[null")):
            labels, tags = _BOTH.decode(raw)
            pairs, held = labels or [], tags or []
        else:
            pairs = _PAIRS.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Tags(flaw=f"its tags are no list of keys with values ({error})")
    listed = {one.key: one.value or "" for one in pairs}
    if any(listed[one.key] != (one.value or "") for one in pairs):
        return Tags(flaw=_TWICE)
    if held is None:
        return Tags(listed)
    bound = sorted(
        {
            Bound((one.namespace or "").removeprefix("organizations/"), one.key, one.value or "", bool(one.inherited))
            for one in held
        },
        key=lambda one: (one.name, one.value),
    )
    both = Tags(listed, bound=tuple(bound))
    return both if all(both.named[one.name] == one.value for one in bound) else Tags(flaw=_TWICE)


_TWICE = "its tags have one key with several values"


def _contradicts(raw: str) -> bool:
    """Whether a JSON object has one key with several values: which of them is meant, nothing says."""
    said: dict[str, Any] = {}

    def differs(pairs: list[tuple[str, Any]]) -> bool:
        return any(said.setdefault(key, value) != value for key, value in pairs)

    return bool(json.loads(raw, object_pairs_hook=differs, parse_float=str))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or value is True:
        return ""
    return msgspec.json.encode(value).decode()
