"""What a provider configuration adds to the tags of its resources (``default_tags``, ``default_labels``), and how far
the plan proves it. docs/adr/0002 gives the reasons.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from costguard import catalog
from costguard.iac.plan.configuration import Source, as_text, is_template, references
from costguard.iac.plan.evidence import AFTER_APPLY, Evidence, Values
from costguard.iac.plan.format import Change, Plan, ResourceChange, before_of, decode_change
from costguard.model.resource import Known, Tag, Unknown

Doubts = tuple[tuple[str, str], ...]
"""(key, why it may be there unseen), as in :class:`~costguard.model.resource.TagSet`."""


class Defaults(msgspec.Struct, frozen=True):
    """What a provider configuration adds to the tags of each of its resources.

    ``tags`` are those that are known. ``hidden`` is the reason to distrust a ``tags_all`` in which no default shows:
    Terraform drops all of them, without a mark, while one is unknown. ``unseen`` are keys that any ``tags_all`` may
    lack all the same, ``unproven`` those that may be there where ``tags_all`` is unknown; each with a reason for all
    keys, and reasons for single ones. ``adds``: the known ones count even where ``tags_all`` lacks them. ``outside``
    are keys that come from the environment, and show while the stated ones are hidden. ``secret``: what isn't a
    constant is never to be printed. ``ignores``: ``ignore_tags`` lets tags that are sent be absent from ``tags_all``.
    """

    label: str
    tags: Mapping[str, Tag] = {}
    hidden: str = ""
    unseen: str = ""
    unseen_keys: Doubts = ()
    unproven: str = ""
    unproven_keys: Doubts = ()
    adds: bool = False
    ignores: bool = False
    outside: frozenset[str] = frozenset()
    secret: bool = False


NO_DEFAULTS = Defaults("")


class _Samples(msgspec.Struct):
    """What the resources of one provider configuration show of its defaults.

    A sample is a resource whose ``tags`` and ``tags_all`` are both known and were computed in this plan. ``added``:
    what ``tags_all`` has and the resource's own tags haven't. ``own``: how many set the key themselves, so that
    nothing can be told from them. ``hides``: one lacks a tag of its own in ``tags_all``, so keys are being ignored.
    """

    count: int = 0
    added: dict[str, Known | Unknown] = {}
    shown: Counter[str] = msgspec.field(default_factory=Counter)
    own: Counter[str] = msgspec.field(default_factory=Counter)
    hides: bool = False

    def add_changed(self, changed: Mapping[str, Known | Unknown]) -> None:
        """Defaults that an update sets or changes; what it leaves alone may be older, and proves nothing."""
        for name, value in changed.items():
            if self.added.setdefault(name, value) != value:
                self.added[name] = Unknown("the resources show different defaults")

    def add(self, own: Values, merged: Values) -> None:
        self.count += 1
        mine = own.values.keys() | own.dropped
        self.own.update(mine)
        self.hides = self.hides or not own.values.keys() <= merged.values.keys()
        for name, value in added(own, merged).items():
            self.shown[name] += 1
            if self.added.setdefault(name, value) != value:
                self.added[name] = Unknown("the resources show different defaults")

    def contradicts(self, name: str) -> bool:
        """Whether one resource shows the default and another one, which would have it, lacks it."""
        return self.shown[name] + self.own[name] < self.count


def added(own: Values, merged: Values) -> dict[str, Known | Unknown]:
    """What the merged tags have and the resource's own haven't; a null of its own is no default."""
    mine = own.values.keys() | own.dropped
    return {name: value for name, value in merged.values.items() if name not in mine}


def own_and_merged(kind: catalog.TaggableType | None, evidence: Evidence) -> tuple[Values, Values] | None:
    """The resource's own and its merged tags, where both are known in full and it takes its provider's defaults."""
    if kind is None or kind.own is None or not kind.own.inherits or len(kind.own.path) != 1:
        return None
    if evidence.after.get("override_provider"):
        return None
    own = evidence.map(kind.own.path[0])
    # Only the first: Google's effective_labels also have what others put on the resource.
    merged = evidence.merged(kind.own.effective[:1])
    if own is None or merged is None or own.open or merged.open or not own.all_known:
        return None
    return own, with_empty_defaults(kind.own, own, merged)


def with_empty_defaults(surface: catalog.Surface, own: Values, merged: Values) -> Values:
    """AWS types of the older SDK show a default that is an empty text as unknown, key by key, and nothing else so: one
    that is really unknown hides all defaults (seen in plans and their applies)."""
    if surface.effective != ("tags_all",) or own.open or not own.all_known or merged.all_known:
        return merged
    values = {
        key: value if isinstance(value, Known) or key in own.values else Known("")
        for key, value in merged.values.items()
    }
    return Values(values, merged.open, merged.dropped)


class ProviderDefaults:
    """The defaults of every provider configuration of a plan."""

    def __init__(self, plan: Plan, source: Source, secrets: tuple[str, ...], name: str) -> None:
        self._source = source
        self._secrets = secrets
        self._fresh: dict[str, _Samples] = {}
        self._anywhere: dict[str, set[str]] = {}  # keys that a tags_all of the provider shows, old or new
        for planned in plan.resource_changes or ():
            if planned.mode == "managed" and not planned.deposed:
                self._sample(planned, name)
        self._outside = self._from_outside()
        keys = {*source.provider_keys, *self._fresh, *self._anywhere}
        self._defaults = {key: self._one(key) for key in keys}

    def of(self, planned: ResourceChange) -> Defaults:
        """What the provider of this resource adds."""
        key = self._source.provider_key(planned)
        if not key:
            reason = "the plan does not say which provider configuration it uses"
            return Defaults("the provider's defaults", unproven=reason)
        return self._defaults.get(key, NO_DEFAULTS)

    def _sample(self, planned: ResourceChange, name: str) -> None:
        kind = catalog.lookup(planned.type)
        if kind is None or kind.own is None or not kind.own.inherits:
            return
        change = decode_change(planned, name, planned.address)
        if change.after is None:
            return
        evidence = Evidence.of(change, f"{name}: {planned.address}", self._secrets)
        pair = own_and_merged(kind, evidence)
        if pair is None:
            return
        key = self._source.provider_key(planned)
        self._anywhere.setdefault(key, set()).update(added(*pair))
        if change.creates:
            self._fresh.setdefault(key, _Samples()).add(*pair)
        elif change.actions == ("update",):
            changed = _changed(change, kind.own, pair)
            if changed:
                self._fresh.setdefault(key, _Samples()).add_changed(changed)

    def _from_outside(self) -> dict[str, frozenset[str]]:
        """For each provider, the defaults that no configuration states: AWS takes some from the environment
        (``TF_AWS_DEFAULT_TAGS_…``), and shows them even while those that are stated are unknown."""
        outside: dict[str, frozenset[str]] = {}
        for key, samples in self._fresh.items():
            constant, names = _stated(self._source.stated(key))
            if names is None:
                found = samples.added.keys() - (constant or {}).keys()
                outside[_local(key)] = outside.get(_local(key), frozenset()) | found
        return outside

    def _one(self, key: str) -> Defaults:
        expressions = self._source.provider(key)
        google = "default_labels" in expressions or _local(key).startswith("google")
        label = f"{'default_labels' if google else 'default_tags'} of provider {key or 'unknown'}"
        statement = self._source.stated(key)
        constant, names = _stated(statement)
        ignored = _ignored(expressions.get("ignore_tags"))
        samples = self._fresh.get(key) or _Samples()
        outside = self._outside.get(_local(key), frozenset())
        secret = self._source.refers_to_secrets(key, list(references(statement)))
        learned = {
            name: Tag(_redacted(value) if secret else value, label)
            for name, value in samples.added.items()
            if not samples.contradicts(name)
        }
        disputed = tuple(
            (name, f"some resources show {label} setting it, and some do not")
            for name in samples.added
            if samples.contradicts(name)
        )
        outside |= {name for name, value in samples.added.items() if self._elsewhere(key, names, name, value)}
        visible = any(name not in outside for name in samples.added)
        if constant is not None:
            return self._constant(key, label, constant, learned, disputed, samples, ignored, outside, visible, secret)
        if names is None:
            others = self._source.may_stand_for(key)
            reason = f"the plan does not say which provider configuration {key} is in the end" if others else ""
            certain = all(self._is_certain(other) for other in others)
            return Defaults(
                label,
                learned,
                hidden="" if visible or certain else reason,
                unproven=reason,
                unproven_keys=disputed,
                outside=outside,
                ignores=ignored is not None or samples.hides,
            )
        source = f" ({', '.join(names[:3])})" if names else ""
        hidden = ""
        if not visible and not self._source.is_certain(key, names):
            hidden = f"{label} may depend on what is {AFTER_APPLY}{source}, and the plan does not show them"
        unseen = ""
        unseen_keys: Doubts = ()
        if ignored is not None or samples.hides:
            reason = f"{label}{source} may have it, and ignore_tags hides it"
            unseen, unseen_keys = _doubts(ignored, reason)
        unproven = hidden or unseen or ("" if samples.count else f"the plan does not show all {label}{source}")
        everywhere = tuple(
            (name, f"the plan does not show all {label}{source}")
            for name, count in sorted(samples.own.items())
            if count == samples.count
        )
        return Defaults(
            label,
            learned,
            hidden=hidden,
            unseen=unseen,
            unseen_keys=unseen_keys,
            unproven=unproven,
            unproven_keys=unseen_keys + everywhere + disputed,
            adds=ignored is not None,
            ignores=ignored is not None or samples.hides,
            outside=outside,
            secret=secret,
        )

    def _is_certain(self, key: str) -> bool:
        """Whether all default tags that a provider states are known while planning."""
        constant, names = _stated(self._source.stated(key))
        return constant is not None or names is None or self._source.is_certain(key, names)

    def _elsewhere(self, key: str, names: list[str] | None, name: str, value: Known | Unknown) -> bool:
        """Whether a default of a provider that refers to resources is one of the environment, as far as can be told:
        another provider, which refers to other things, shows the very same."""
        direct = [part for part in names or () if part.split(".")[0] not in ("local", "var", "terraform", "path")]
        if not direct or self._source.is_certain(key, direct):
            return False
        return any(
            samples.added.get(name) == value and _stated(self._source.stated(other))[1] != names
            for other, samples in self._fresh.items()
            if other != key and _local(other) == _local(key)
        )

    def _constant(
        self,
        key: str,
        label: str,
        constant: Mapping[str, str | None],
        learned: Mapping[str, Tag],
        disputed: Doubts,
        samples: _Samples,
        ignored: list[str] | None,
        outside: frozenset[str],
        visible: bool,
        secret: bool,
    ) -> Defaults:
        """Defaults whose keys all stand in the configuration; a template's value is None."""
        literal = {
            name: Tag(Known(text, any(part in text for part in self._secrets)), label)
            for name, text in constant.items()
            if text is not None
        }
        tags = {**learned, **literal}
        reason = f"the plan does not show what {label} set it to"
        computed = tuple((name, reason) for name, text in constant.items() if text is None and name not in tags)
        # A literal default that a fresh tags_all lacks is ignored, and sent all the same: nothing else hides one. That
        # only older ones lack it can as well be ignore_changes, which keeps what is there.
        lacking = [name for name in literal if name not in self._anywhere.get(key, ())]
        proven = any(samples.own[name] < samples.count for name in lacking)
        reason = f"{label} has it, and no resource shows it"
        return Defaults(
            label,
            tags,
            unseen_keys=(() if visible else computed) + (() if proven else tuple((name, reason) for name in lacking)),
            unproven_keys=computed + tuple(pair for pair in disputed if pair[0] not in literal),
            # While a computed default is unknown, tags_all doesn't show the literal ones either.
            adds=ignored is not None or proven or (bool(computed) and not visible),
            ignores=ignored is not None or proven or samples.hides,
            outside=outside,
            secret=secret,
        )


def _changed(change: Change, own: catalog.Surface, pair: tuple[Values, Values]) -> dict[str, Known | Unknown]:
    """The defaults that an update sets or changes. Those that stay may be of an older configuration, kept by
    ``ignore_changes`` or found by an import, and prove nothing of the present one."""
    old = before_of(change).get(own.effective[0])
    if not isinstance(old, dict):
        return {}
    return {
        name: value for name, value in added(*pair).items() if isinstance(value, Known) and old.get(name) != value.text
    }


def _redacted(value: Known | Unknown) -> Known | Unknown:
    return Known(value.text, True) if isinstance(value, Known) else value


def _stated(expression: Any) -> tuple[dict[str, str | None] | None, list[str] | None]:
    """(stated tags, None), or (None, references) where they are computed, or (None, None) where nothing is stated.

    ``default_tags`` is a block that holds ``tags``; ``default_labels`` is the map itself. A ``.tf.json`` file gives its
    raw text, with the references beside it if it has any: there the keys are known, and a template is None.
    """
    if expression is None:
        return None, None
    tags = expression
    if isinstance(expression, list):
        if not expression:
            return None, None
        tags = expression[0].get("tags", {}) if len(expression) == 1 and isinstance(expression[0], dict) else {}
        if isinstance(expression[0], dict) and "tags" not in expression[0]:
            return {}, None
    if isinstance(tags, dict):
        constant = tags.get("constant_value", ...)
        if constant is None:
            return {}, None
        if isinstance(constant, dict) and not any(is_template(key) for key in constant):
            stated = {key: value for key, value in constant.items() if value is not None}
            return {key: None if is_template(value) else as_text(value) for key, value in stated.items()}, None
    return None, sorted(set(references(tags)))


def _ignored(expression: Any) -> list[str] | None:
    """The keys, and prefixes ending in ``*``, that ``ignore_tags`` names; ``*`` alone where they are computed; None
    where there is no such block."""
    if expression is None:
        return None
    names: list[str] = []
    for block in expression if isinstance(expression, list) else [expression]:
        for attribute, suffix in (("keys", ""), ("key_prefixes", "*")):
            stated = block.get(attribute) if isinstance(block, dict) else None
            if stated is None:
                continue
            constant = stated.get("constant_value") if isinstance(stated, dict) and "references" not in stated else None
            if not isinstance(constant, list):
                return ["*"]
            names += [f"{name}{suffix}" for name in constant if isinstance(name, str)]
    return names


def _doubts(names: list[str] | None, reason: str) -> tuple[str, Doubts]:
    """A reason for all keys where it isn't known which are ignored, else one for each."""
    if names is None or "*" in names:
        return reason, ()
    return "", tuple((name, reason) for name in names)


def _local(key: str) -> str:
    """The local name of the provider that a provider configuration is of: ``aws`` of ``module.a:aws.west``."""
    return key.rpartition(":")[2].partition(".")[0]
