"""Reads a Terraform or OpenTofu plan (``terraform show -json``) as resources with evidence about their tags.

What a plan says of tags isn't what it seems to say: an absent ``tags`` may mean unknown, ``tags_all`` may lack what
will be there and show what is secret. The rules below come from plans that real Terraform wrote; each has its case in
``tests/plans``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import msgspec

from costguard import catalog
from costguard.errors import InputError
from costguard.model.resource import (
    Gap,
    Inventory,
    Known,
    Resource,
    Surface,
    Tag,
    TagSet,
    Unknown,
    without_indexes,
)

AFTER_APPLY = "known only after apply"
_THE_RESOURCE = "the resource"

T = TypeVar("T")


# --- the parts of the plan format that are read; everything else is skipped without being built


class _Change(msgspec.Struct):
    actions: tuple[str, ...]
    after: dict[str, Any] | None = None
    after_unknown: dict[str, Any] | bool = {}
    after_sensitive: dict[str, Any] | bool = {}
    importing: dict[str, Any] | None = None


class _ResourceChange(msgspec.Struct):
    address: str
    type: str
    change: msgspec.Raw
    mode: str = "managed"
    name: str = ""
    module_address: str = ""
    provider_name: str = ""
    deposed: str = ""


class _Deferred(msgspec.Struct):
    reason: str = ""
    resource_change: _ResourceChange | None = None


class _ConfigResource(msgspec.Struct):
    type: str = ""
    name: str = ""
    mode: str = "managed"
    provider_config_key: str = ""
    expressions: dict[str, msgspec.Raw] = {}


class _Variable(msgspec.Struct):
    sensitive: bool = False


class _Module(msgspec.Struct):
    resources: list[_ConfigResource] = []
    module_calls: "dict[str, _ModuleCall]" = {}
    variables: dict[str, _Variable] = {}


class _ModuleCall(msgspec.Struct):
    module: _Module = msgspec.field(default_factory=_Module)


class _ProviderConfig(msgspec.Struct):
    expressions: dict[str, Any] = {}


class _Configuration(msgspec.Struct):
    provider_config: dict[str, _ProviderConfig] = {}
    root_module: _Module = msgspec.field(default_factory=_Module)


class _VariableValue(msgspec.Struct):
    value: Any = None


class _Plan(msgspec.Struct):
    format_version: str
    resource_changes: list[_ResourceChange] | None = None
    configuration: _Configuration | None = None
    planned_values: msgspec.Raw = msgspec.Raw()
    variables: dict[str, _VariableValue] = {}
    deferred_changes: list[_Deferred] = []
    errored: bool = False
    complete: bool | None = None


def read_plan(raw: bytes, name: str) -> Inventory:
    """The resources that the plan creates, changes or leaves, with gaps where the plan itself is incomplete.

    ``name`` is what the messages call the file. Raises :class:`InputError` with one sentence that says what and where.
    """
    try:
        return _inventory(_decode(raw, name), name)
    except RecursionError as error:
        raise InputError(f"{name} is nested too deeply to be a plan") from error


def _inventory(plan: _Plan, name: str) -> Inventory:
    gaps = list(_gaps(plan))
    context = _Context(plan, name)
    resources: list[Resource] = []
    for index, planned in enumerate(plan.resource_changes or ()):
        resource = context.resource(planned, f"resource_changes[{index}]")
        if resource is not None:
            resources.append(resource)
    seen = {resource.address for resource in resources}
    for index, deferred in enumerate(plan.deferred_changes):
        if deferred.resource_change is None or deferred.resource_change.mode != "managed":
            continue
        resource = context.resource(deferred.resource_change, f"deferred_changes[{index}].resource_change")
        if resource is not None and resource.address not in seen:
            resources.append(resource)
    return Inventory(
        checkpoint="plan",
        resources=tuple(resources),
        gaps=tuple(gaps),
        notes=tuple(context.notes()),
    )


def _gaps(plan: _Plan) -> Iterator[Gap]:
    if plan.errored:
        yield Gap(
            "the plan", "Terraform stopped with errors, so resources are missing from it; mend the error and plan again"
        )
    for deferred in plan.deferred_changes:
        if deferred.resource_change is not None:
            why = f" ({deferred.reason})" if deferred.reason else ""
            yield Gap(
                deferred.resource_change.address, f"Terraform deferred it to a later plan{why}; judge that plan too"
            )
    if plan.complete is False and not plan.errored and not plan.deferred_changes:
        yield Gap(
            "the plan",
            "it is not complete (made with -target or -exclude), so only a part is judged; plan without them",
        )


# --- decoding


def _decode(raw: bytes, name: str) -> _Plan:
    text = _text(raw, name)
    _check(text, name)
    try:
        plan = msgspec.json.decode(text, type=_Plan)
    except msgspec.ValidationError as error:
        _reject_other_tools(text, name)
        raise InputError(f"{name} is not a plan that can be read: {error}") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{name} is not a plan that can be read: {error}") from error
    _is_plan(plan, text, name)
    return plan


def _text(raw: bytes, name: str) -> str:
    """The text of the file. PowerShell's ``>`` writes UTF-16 with a byte-order mark, so marks are honoured."""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not UTF-8 at byte {error.start}: is it the JSON of `terraform show -json`?"
        ) from error
    if not text.strip():
        raise InputError(f"{name} is empty; make it with `terraform show -json PLANFILE`")
    return text


class _Doubled(Exception):  # noqa: N818 - never leaves this module
    pass


def _check(text: str, name: str) -> None:
    """Rejects what the quick decoder lets pass: a key given twice, NaN, broken syntax in the parts that are skipped.

    Nothing is built, so a plan of 100 MB costs no more memory than its text.
    """

    def pairs(items: list[tuple[str, Any]]) -> None:
        if len(dict(items)) != len(items):
            raise _Doubled

    try:
        json.loads(text, object_pairs_hook=pairs, parse_constant=_constant)
    except _Doubled:
        raise InputError(f"{name}: {_doubled_key(text)}; Terraform writes no such file") from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            _reject_other_tools(text[: error.pos], name)
        if not text.lstrip().startswith(("{", "[")):
            why = "give the output of `terraform show -json PLANFILE`"
        elif error.msg.startswith("Unterminated") or error.pos >= len(text.rstrip()):
            why = f"it ends in the middle, on line {error.lineno}; was what wrote it cut short?"
        else:
            why = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise InputError(f"{name} is not JSON: {why}") from error
    except ValueError as error:
        raise InputError(f"{name} is not JSON that a plan can be: {error}") from error


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON")


def _doubled_key(text: str) -> str:
    """Which key stands twice, and where; only for the message, so it may take its time."""

    class Faulty(dict[str, Any]):
        key = ""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                faulty = Faulty(items)
                faulty.key = key
                return faulty
            seen.add(key)
        return dict(items)

    pending: list[tuple[str, Any]] = [("$", json.loads(text, object_pairs_hook=pairs))]
    while pending:
        path, node = pending.pop()
        if isinstance(node, Faulty):
            return f"the key {node.key!r} stands twice in {path}"
        if isinstance(node, dict):
            pending += [(f"{path}.{key}", child) for key, child in node.items()]
        elif isinstance(node, list):
            pending += [(f"{path}[{index}]", child) for index, child in enumerate(node)]
    return "a key stands twice in one object"


_OTHER_TOOLS = (
    (
        {"@level", "@message"},
        "the log of `terraform plan -json`",
        "run `terraform show -json PLANFILE` on a saved plan",
    ),
    ({"format_version", "values"}, "a state", "run `terraform show -json PLANFILE` on a plan, not on the state"),
    ({"version", "serial", "lineage"}, "a state file", "run `terraform show -json PLANFILE` on a plan"),
    ({"schema", "checkpoint", "findings"}, "a report of costguard", "use `costguard report render --from`"),
    ({"Resources"}, "a CloudFormation template", "costguard gate reads Terraform and OpenTofu plans"),
    ({"changeSummary"}, "a preview of Pulumi", "costguard gate reads Terraform and OpenTofu plans"),
    ({"steps", "config"}, "a preview of Pulumi", "costguard gate reads Terraform and OpenTofu plans"),
    ({"$schema", "runs"}, "a SARIF report", "costguard gate reads Terraform and OpenTofu plans"),
    ({"provider_schemas"}, "the schema of providers", "run `terraform show -json PLANFILE`"),
)


def _reject_other_tools(text: str, name: str) -> None:
    """Says what the file is instead, where that can be told."""
    try:
        keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).keys()
    except msgspec.DecodeError:
        return
    for marks, what, advice in _OTHER_TOOLS:
        if marks <= keys:
            raise InputError(f"{name} is {what}, not a plan: {advice}")


def _is_plan(plan: _Plan, text: str, name: str) -> None:
    if plan.resource_changes is None and not bytes(plan.planned_values) and plan.configuration is None:
        _reject_other_tools(text, name)
        raise InputError(f"{name} is not a plan: it has neither resource_changes nor planned_values")
    major = plan.format_version.partition(".")[0]
    if major != "1":
        raise InputError(
            f"{name} has plan format {plan.format_version}; 1.x is understood (Terraform 1.0 or newer, OpenTofu)"
        )


# --- provider defaults


class _Defaults(msgspec.Struct):
    """What a provider configuration adds to the tags of each of its resources.

    ``tags`` are those that are known. ``unseen`` are those that may be there without ``tags_all`` showing them, and
    ``unproven`` those that may be there where ``tags_all`` is unknown, as in :class:`TagSet`: a reason for all keys,
    and reasons for single ones. ``ignores``: the provider hides keys from ``tags_all`` that it sends all the same.
    """

    label: str
    tags: Mapping[str, Tag] = {}
    unseen: str = ""
    unseen_keys: tuple[tuple[str, str], ...] = ()
    unproven: str = ""
    unproven_keys: tuple[tuple[str, str], ...] = ()
    ignores: bool = False


_NO_DEFAULTS = _Defaults("")


class _Samples(msgspec.Struct):
    """What the resources of one provider configuration show of its defaults.

    ``added``: what ``tags_all`` has and the resources' own tags haven't. ``everywhere``: the keys that each of them
    sets itself, of which nothing can be told.
    """

    everywhere: set[str]
    added: dict[str, Known | Unknown] = {}

    def add(self, own: "_Values", merged: "_Values") -> None:
        self.everywhere &= own.values.keys() | own.dropped
        for name, value in merged.values.items():
            if name not in own.values and name not in own.dropped and self.added.setdefault(name, value) != value:
                self.added[name] = Unknown("the resources show different defaults")


_NOTHING: Mapping[str, Any] = {}

_MAPS = ("tags", "labels", "user_labels", "resource_labels", "volume_tags")


class _Context:
    """The plan as a whole, for what one resource's change doesn't say by itself."""

    def __init__(self, plan: _Plan, name: str) -> None:
        self._plan = plan
        self._name = name
        configuration = plan.configuration or _Configuration()
        self._providers = configuration.provider_config
        self._blocks: dict[str, _ConfigResource] = {}
        self._index(configuration.root_module)
        self._secrets = _secrets(plan, configuration)
        self._defaults: dict[str, _Defaults] | None = None
        self._templates: dict[str, list[Surface] | None] | None = None
        self._unjudged: dict[str, int] = {}
        self._uncatalogued: dict[str, int] = {}

    def _index(self, root: _Module) -> None:
        pending = [("", root)]
        while pending:
            prefix, module = pending.pop()
            for block in module.resources:
                self._blocks[f"{prefix}{block.type}.{block.name}"] = block
            pending += [(f"{prefix}module.{name}.", call.module) for name, call in module.module_calls.items()]

    def notes(self) -> Iterator[str]:
        for type_name, count in sorted(self._uncatalogued.items()):
            yield f"{type_name} is not in the catalogue; {_count(count)} judged by what the plan shows"
        for provider, count in sorted(self._unjudged.items()):
            yield f"provider {provider} is not one whose tags are judged; {_count(count)} left alone"

    def resource(self, planned: _ResourceChange, where: str) -> Resource | None:
        """The resource as it will be, None where there is nothing to judge: data, deletions, what is only forgotten."""
        if planned.mode != "managed" or planned.deposed:
            return None
        change = self._change(planned, where)
        if change.after is None or change.actions == ("read",):
            return None
        cloud = catalog.cloud_of(planned.provider_name)
        evidence = self._evidence(planned, change, self._stated_in_json(planned, change))
        surfaces: tuple[Surface, ...] = ()
        basis = ""
        if cloud is None:
            if evidence.has("tags") or evidence.has("labels"):
                self._unjudged[_short(planned.provider_name)] = self._unjudged.get(_short(planned.provider_name), 0) + 1
        else:
            kind = catalog.lookup(planned.type)
            own = kind.own if kind is not None else None
            if own is None:
                own = _own_as_shown(cloud, planned.type, evidence)
                if own is not None:
                    basis = f"{planned.type} is not known to be taggable; judged by what the plan shows"
                if kind is None:
                    self._uncatalogued[planned.type] = self._uncatalogued.get(planned.type, 0) + 1
            created = kind.created if kind is not None else ()
            surfaces = tuple(self._surfaces(planned, evidence, own, created, new="create" in change.actions))
        arn = change.after.get("arn")
        identity = arn if isinstance(arn, str) else change.after.get("id")
        account, region = _from_arn(arn)
        shown_region = change.after.get("region")
        return Resource(
            address=planned.address,
            type=planned.type,
            provider=_short(planned.provider_name),
            cloud=cloud,
            module=planned.module_address,
            id=identity if isinstance(identity, str) else None,
            account=account,
            region=region or (shown_region if isinstance(shown_region, str) else None),
            surfaces=surfaces,
            touched=change.actions != ("no-op",) or change.importing is not None,
            basis=basis,
        )

    def _change(self, planned: _ResourceChange, where: str) -> _Change:
        try:
            return msgspec.json.decode(planned.change, type=_Change)
        except msgspec.DecodeError as error:
            detail = str(error).replace("`$", f"`$.{where}.change")
            raise InputError(f"{self._name} is not a plan that can be read: {planned.address}: {detail}") from error

    def _evidence(
        self, planned: _ResourceChange, change: _Change, stated: Mapping[str, Mapping[str, Any]] = _NOTHING
    ) -> "_Evidence":
        return _Evidence(
            after=change.after or {},
            unknown=change.after_unknown,
            sensitive=change.after_sensitive,
            where=f"{self._name}: {planned.address}",
            secrets=self._secrets,
            stated=stated,
        )

    def _surfaces(
        self,
        planned: _ResourceChange,
        evidence: "_Evidence",
        own: catalog.Surface | None,
        created: Iterable[catalog.Surface],
        *,
        new: bool,
    ) -> Iterator[Surface]:
        defaults = _NO_DEFAULTS
        if (own is not None and own.inherits) or any(surface.inherits for surface in created):
            defaults = self._provider_defaults(planned, evidence)
        if own is not None:
            yield from _own_surface(own, evidence, defaults)
            if own.shape == "blocks":
                yield from self._propagated(planned, evidence, own)
        for surface in created:
            for made in _created_surfaces(surface, evidence, defaults):
                # What exists already shows the tags of its volumes, whoever wrote them; then the source has to say so.
                if made.authored and not new and surface.path[0] not in self._written(planned):
                    yield msgspec.structs.replace(made, authored=False)
                else:
                    yield made

    def _written(self, planned: _ResourceChange) -> frozenset[str]:
        """The attributes and blocks that the resource's source has; those of ``dynamic`` blocks aren't among them."""
        block = self._block(planned)
        if block is None:
            return frozenset()
        return frozenset(block.expressions)

    # --- default_tags and default_labels

    def _provider_defaults(self, planned: _ResourceChange, evidence: "_Evidence") -> _Defaults:
        override = evidence.override()
        if override is not None:
            return override
        if self._defaults is None:
            self._defaults = self._learn_defaults()
        key = self._provider_key(planned)
        if not key:
            reason = "the plan does not say which provider configuration it uses"
            return _Defaults("the provider's defaults", unproven=reason)
        return self._defaults.get(key, _NO_DEFAULTS)

    def _block(self, planned: _ResourceChange) -> _ConfigResource | None:
        """The block of the configuration that the resource comes from."""
        prefix = f"{without_indexes(planned.module_address)}." if planned.module_address else ""
        return self._blocks.get(f"{prefix}{planned.type}.{planned.name}")

    def _stated_in_json(self, planned: _ResourceChange, change: _Change) -> dict[str, dict[str, Any]]:
        """Maps whose keys the configuration shows though their values are unknown: those written in ``.tf.json``."""
        unknown = change.after_unknown
        if not isinstance(unknown, dict) or not any(unknown.get(name) is True for name in _MAPS):
            return {}
        block = self._block(planned)
        if block is None:
            return {}
        found = {}
        for name in _MAPS:
            expression = msgspec.json.decode(block.expressions.get(name, b"null"))
            constant = expression.get("constant_value") if isinstance(expression, dict) else None
            if isinstance(constant, dict) and not any("${" in key or "%{" in key for key in constant):
                found[name] = constant
        return found

    def _provider_key(self, planned: _ResourceChange) -> str:
        """The key of the provider configuration that the resource uses, "" where the plan doesn't say.

        A key that names a module's provider without a configuration of its own means the one it inherits.
        """
        block = self._block(planned)
        key = block.provider_config_key if block is not None else ""
        while key and key not in self._providers and ":" in key:
            module, _, local = key.rpartition(":")
            outer = module.rpartition(".module.")[0]
            key = f"{outer}:{local}" if outer else local
        return key

    def _learn_defaults(self) -> dict[str, _Defaults]:
        """What every provider configuration adds.

        Constants stand in the configuration. Where it only names references, the resources prove the rest: what
        ``tags_all`` has and ``tags`` hasn't comes from the provider, and a key that neither has is no default. Those to
        be created prove it best; what exists may keep an older ``tags_all`` under ``ignore_changes``.
        """
        created: dict[str, _Samples] = {}
        existing: dict[str, _Samples] = {}
        for planned in self._plan.resource_changes or ():
            kind = catalog.lookup(planned.type)
            if planned.mode != "managed" or kind is None or kind.own is None or not kind.own.inherits:
                continue
            change = self._change(planned, planned.address)
            if change.after is None:
                continue
            evidence = self._evidence(planned, change)
            if evidence.override() is not None or len(kind.own.path) != 1:
                continue
            own = evidence.map(kind.own.path[0])
            merged = evidence.merged(kind.own.effective)
            if own is not None and merged is not None and not own.open and not merged.open and own.all_known:
                samples = created if "create" in change.actions else existing
                key = self._provider_key(planned)
                if key not in samples:
                    samples[key] = _Samples(own.values.keys() | own.dropped)
                samples[key].add(own, merged)
        outside = self._from_outside(created)
        return {
            key: self._one_default(key, created.get(key), created.get(key) or existing.get(key), outside)
            for key in {*self._providers, *created, *existing}
        }

    def _from_outside(self, created: dict[str, _Samples]) -> frozenset[tuple[str, str]]:
        """(provider, key) of the defaults that no configuration states: AWS takes some from the environment
        (``TF_AWS_DEFAULT_TAGS_…``), and shows them even while those that are stated are unknown."""
        outside = set()
        for key, samples in created.items():
            expressions = self._providers[key].expressions if key in self._providers else {}
            constant, references = _stated(expressions.get("default_tags", expressions.get("default_labels")))
            if references is None:
                outside |= {(_local(key), name) for name in samples.added.keys() - (constant or {}).keys()}
        return frozenset(outside)

    def _one_default(
        self, key: str, created: _Samples | None, samples: _Samples | None, outside: frozenset[tuple[str, str]]
    ) -> _Defaults:
        expressions = self._providers[key].expressions if key in self._providers else {}
        attribute = (
            "default_labels"
            if "default_labels" in expressions or key.partition(".")[0].endswith(("google", "google-beta"))
            else "default_tags"
        )
        label = f"{attribute} of provider {key or 'unknown'}"
        constant, references = _stated(expressions.get(attribute))
        ignored = _ignored(expressions.get("ignore_tags"))
        learned = {} if samples is None else {name: Tag(value, label) for name, value in samples.added.items()}
        stated = any((_local(key), name) not in outside for name in learned)
        if constant is not None:
            tags = {} if created is None else {name: Tag(value, label) for name, value in created.added.items()}
            literal = {name: text for name, text in constant.items() if text is not None}
            tags |= {name: Tag(Known(text, self._is_secret(text)), label) for name, text in literal.items()}
            reason = f"the plan does not show what {label} set it to"
            computed = tuple((name, reason) for name in constant if name not in literal and name not in tags)
            return _Defaults(
                label,
                tags,
                unseen_keys=() if stated else computed,
                unproven_keys=computed,
                # While a computed default is unknown, tags_all doesn't show the literal ones either.
                ignores=ignored is not None or (bool(computed) and not stated),
            )
        if references is None:
            return _Defaults(label, learned)
        source = f" ({', '.join(references[:3])})" if references else ""
        unseen = ""
        unseen_keys: tuple[tuple[str, str], ...] = ()
        if not stated and not self._certain(key, references):
            # Terraform drops all defaults from tags_all, without a mark, while one of them is unknown.
            unseen = f"{label} may depend on what is {AFTER_APPLY}{source}, and the plan does not show them"
        elif ignored is not None:
            reason = f"{label}{source} may have it, and ignore_tags hides it"
            unseen, unseen_keys = (reason, ()) if "*" in ignored else ("", tuple((name, reason) for name in ignored))
        unproven, unproven_keys = unseen, unseen_keys
        reason = f"the plan does not show all {label}{source}"
        if samples is None:
            unproven = unproven or reason
        else:
            unproven_keys += tuple((name, reason) for name in sorted(samples.everywhere))
        return _Defaults(label, learned, unseen, unseen_keys, unproven, unproven_keys, ignored is not None)

    def _certain(self, key: str, references: list[str]) -> bool:
        """Whether everything that is referred to is known while planning: variables of the root module are."""
        return bool(references) and ":" not in key and all(name.startswith("var.") for name in references)

    def _is_secret(self, text: str) -> bool:
        return any(secret in text for secret in self._secrets)

    # --- Auto Scaling

    def _propagated(self, planned: _ResourceChange, evidence: "_Evidence", own: catalog.Surface) -> Iterator[Surface]:
        """What the instances of an Auto Scaling group will carry: propagated tags, and those of its launch template."""
        attribute = own.path[-1]
        blocks = evidence.blocks(attribute, only="propagate_at_launch")
        if blocks is None:
            return
        tags = {name: Tag(value, _THE_RESOURCE) for name, value in blocks.values.items()}
        is_open = blocks.open
        launched = self._launched_by(planned)
        for template in launched or ():
            found = next((s for s in template if s.path == "tag_specifications[instance].tags"), None)
            if found is not None:
                tags = {**found.tags.tags, **tags}
                is_open = is_open or found.tags.open
            elif any(s.path.startswith("tag_specifications.") for s in template):
                is_open = is_open or "the tag_specifications of its launch template are not known"
        if launched is None:
            is_open = is_open or "its launch template is not in this plan, and may add tags"
        yield Surface(
            path=f"{attribute}.propagate_at_launch",
            tags=TagSet(tags, is_open),
            created=True,
            authored=bool(evidence.after.get(attribute)) or evidence.is_unknown(attribute),
            derived_from=attribute,
        )

    def _launched_by(self, planned: _ResourceChange) -> list[list[Surface]] | None:
        """The surfaces of the launch templates that the group's block refers to, None where one can't be found."""
        block = self._block(planned)
        if block is None:
            return None
        found: dict[str, list[Surface]] = {}
        for attribute, expression in block.expressions.items():
            if attribute not in ("launch_template", "mixed_instances_policy"):
                continue
            names = {".".join(name.split(".")[:2]) for name in _references(msgspec.json.decode(expression))}
            if not names:
                return None
            for name in names:
                if not name.startswith("aws_launch_template."):
                    return None
                template = self._template(planned.module_address, name)
                if template is None:
                    return None
                found[name] = template
        return list(found.values())

    def _template(self, module: str, name: str) -> list[Surface] | None:
        if self._templates is None:
            self._templates = {}
            for planned in self._plan.resource_changes or ():
                if planned.type == "aws_launch_template":
                    address = without_indexes(planned.address)
                    if address not in self._templates:
                        self._templates[address] = self._template_surfaces(planned)
        return self._templates.get(without_indexes(f"{module}.{name}" if module else name))

    def _template_surfaces(self, planned: _ResourceChange) -> list[Surface] | None:
        kind = catalog.lookup("aws_launch_template")
        change = self._change(planned, planned.address)
        if change.after is None or kind is None:
            return None
        evidence = self._evidence(planned, change)
        return [
            _relabel(surface, f"launch template {without_indexes(planned.type + '.' + planned.name)}")
            for declared in kind.created
            for surface in _created_surfaces(declared, evidence, _NO_DEFAULTS)
        ]


def _relabel(surface: Surface, source: str) -> Surface:
    tags = {name: Tag(tag.value, source) for name, tag in surface.tags.tags.items()}
    return msgspec.structs.replace(surface, tags=TagSet(tags, surface.tags.open))


def _references(expression: Any) -> Iterator[str]:
    pending = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            for key, child in node.items():
                if key == "references" and isinstance(child, list):
                    yield from (name for name in child if isinstance(name, str))
                else:
                    pending.append(child)


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
        if isinstance(constant, dict) and not any("${" in key or "%{" in key for key in constant):
            return {key: _as_text(value) for key, value in constant.items() if value is not None}, None
    return None, sorted(set(_references(tags)))


def _as_text(value: Any) -> str | None:
    """A constant as Terraform converts it for a map of texts (``5`` and ``true`` are what they look like), None for a
    template."""
    if isinstance(value, str):
        return None if "${" in value or "%{" in value else value
    return json.dumps(value)


def _local(key: str) -> str:
    """The local name of the provider that a provider configuration is of: ``aws`` of ``module.a:aws.west``."""
    return key.rpartition(":")[2].partition(".")[0]


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


def _secrets(plan: _Plan, configuration: _Configuration) -> tuple[str, ...]:
    """The texts in sensitive variables. A plan shows them in clear, also where they went through ``default_tags``."""
    texts: set[str] = set()
    pending: list[Any] = [
        plan.variables[name].value
        for name, variable in configuration.root_module.variables.items()
        if variable.sensitive and name in plan.variables
    ]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            texts.add(node)
        elif isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
    return tuple(sorted(text for text in texts if len(text) >= 4))


# --- the evidence in one resource's change


class _Values(msgspec.Struct):
    """A map of tags as one attribute shows it. ``dropped`` are the keys whose value is null."""

    values: dict[str, Known | Unknown]
    open: str = ""
    dropped: frozenset[str] = frozenset()

    @property
    def all_known(self) -> bool:
        return all(isinstance(value, Known) for value in self.values.values())


class _Evidence(msgspec.Struct):
    """``after``, ``after_unknown`` and ``after_sensitive`` of a resource, or of one block in it, read together."""

    after: Mapping[str, Any]
    unknown: Mapping[str, Any] | bool
    sensitive: Mapping[str, Any] | bool
    where: str
    secrets: tuple[str, ...]
    stated: Mapping[str, Mapping[str, Any]] = {}

    def is_unknown(self, attribute: str) -> bool:
        return self.unknown is True or (isinstance(self.unknown, Mapping) and self.unknown.get(attribute) is True)

    def has(self, attribute: str) -> bool:
        """Whether the provider's schema has the attribute: null is there, unknown is only in ``after_unknown``."""
        return attribute in self.after or self.is_unknown(attribute)

    def _marks(self, marks: Mapping[str, Any] | bool, attribute: str) -> Any:
        return marks if isinstance(marks, bool) else marks.get(attribute)

    def _known(self, text: str, sensitive: bool) -> Known:
        if self.secrets and not sensitive:
            sensitive = any(secret in text for secret in self.secrets)
        return Known(text, sensitive)

    def map(self, attribute: str) -> _Values | None:
        """A map attribute; None where the schema doesn't have it. A null entry is one that the provider drops."""
        if not self.has(attribute):
            return None
        if self.is_unknown(attribute):
            if attribute in self.stated:
                return _Values(dict(self._from_source(self.stated[attribute])))
            return _Values({}, f"its {attribute} are {AFTER_APPLY}")
        raw = self.after[attribute]
        if raw is None:
            return _Values({})
        if not isinstance(raw, dict):
            self._wrong(attribute, "a map of texts", raw)
        unknown = self._marks(self.unknown, attribute)
        sensitive = self._marks(self.sensitive, attribute)
        values: dict[str, Known | Unknown] = {}
        for key, value in raw.items():
            if value is None:
                continue
            if not isinstance(value, str):
                self._wrong(f"{attribute}.{key}", "text", value)
            hide = sensitive is True or (isinstance(sensitive, dict) and sensitive.get(key) is True)
            values[key] = self._known(value, hide)
        if isinstance(unknown, dict):
            for key, mark in unknown.items():
                if mark is True:
                    values[key] = Unknown(AFTER_APPLY)
        dropped = frozenset(raw.keys() - values.keys()) if len(raw) > len(values) else frozenset()
        return _Values(values, dropped=dropped)

    def _from_source(self, stated: Mapping[str, Any]) -> Iterator[tuple[str, Known | Unknown]]:
        """A map as ``.tf.json`` writes it: a text without a template is literal."""
        for key, value in stated.items():
            if value is None:
                continue
            literal = isinstance(value, str) and "${" not in value and "%{" not in value
            yield key, self._known(value, False) if literal else Unknown(AFTER_APPLY)

    def blocks(self, attribute: str, *, only: str = "") -> _Values | None:
        """A list of ``{key, value}`` blocks; with ``only``, those in which that flag is true."""
        if not self.has(attribute):
            return None
        if self.is_unknown(attribute):
            return _Values({}, f"its {attribute} are {AFTER_APPLY}")
        raw = self.after[attribute] or []
        if isinstance(raw, dict):
            raw = [raw]
        if not isinstance(raw, list):
            self._wrong(attribute, "a list of blocks", raw)
        unknown = self._marks(self.unknown, attribute)
        sensitive = self._marks(self.sensitive, attribute)
        found = _Values({})
        for index, block in enumerate(raw):
            marks = unknown[index] if isinstance(unknown, list) and index < len(unknown) else {}
            if marks is True:
                found.open = f"a {attribute} block is {AFTER_APPLY}"
                continue
            if not isinstance(block, dict):
                self._wrong(f"{attribute}[{index}]", "a block", block)
            marks = marks if isinstance(marks, dict) else {}
            hide = sensitive[index] if isinstance(sensitive, list) and index < len(sensitive) else sensitive
            if marks.get("key") is True:
                found.open = f"the key of a {attribute} block is {AFTER_APPLY}"
                continue
            key = block.get("key")
            if not isinstance(key, str):
                self._wrong(f"{attribute}[{index}].key", "text", key)
            if only and marks.get(only) is True:
                found.open = f"{only} of {key} is {AFTER_APPLY}"
                continue
            if only and block.get(only) not in (True, "true"):
                continue
            if marks.get("value") is True:
                found.values[key] = Unknown(AFTER_APPLY)
                continue
            value = block.get("value")
            if value is not None and not isinstance(value, str):
                self._wrong(f"{attribute}[{index}].value", "text", value)
            secret = hide is True or (isinstance(hide, dict) and hide.get("value") is True)
            found.values[key] = self._known(value or "", secret)
        return found

    def merged(self, attributes: Iterable[str]) -> _Values | None:
        """What the attributes that show the merged result (``tags_all``) show together; None where none is known."""
        merged: _Values | None = None
        for attribute in attributes:
            shown = None if self.is_unknown(attribute) else self.map(attribute)
            if shown is None or self.after.get(attribute) is None:
                continue
            merged = shown if merged is None else _Values({**merged.values, **shown.values})
        return merged

    def override(self) -> _Defaults | None:
        """``override_provider`` of S3 objects: default tags of its own in place of the provider's."""
        label = "override_provider"
        providers = self.children(label)
        if not providers:
            return None
        blocks = providers[0][1].children("default_tags")
        if blocks is None:
            return _Defaults(label, unseen=f"{label} is {AFTER_APPLY}", unproven=f"{label} is {AFTER_APPLY}")
        if not blocks:
            return None
        tags = blocks[0][1].map("tags") or _Values({})
        known = {key: Tag(value, label) for key, value in tags.values.items()}
        doubt = f"the tags of {label} are {AFTER_APPLY}" if tags.open else ""
        return _Defaults(label, known, unseen=doubt, unproven=doubt)

    def children(self, attribute: str) -> "list[tuple[int, _Evidence]] | None":
        """The blocks of a nested attribute with their indexes; None where the whole of it is unknown."""
        if self.is_unknown(attribute):
            return None
        raw = self.after.get(attribute)
        if raw is None:
            return []
        unknown = self._marks(self.unknown, attribute)
        sensitive = self._marks(self.sensitive, attribute)
        blocks = raw if isinstance(raw, list) else [raw]
        children = []
        for index, block in enumerate(blocks):
            marks = unknown[index] if isinstance(unknown, list) and index < len(unknown) else unknown
            hide = sensitive[index] if isinstance(sensitive, list) and index < len(sensitive) else sensitive
            if block is None:
                continue
            if not isinstance(block, dict):
                self._wrong(f"{attribute}[{index}]", "a block", block)
            child = _Evidence(
                after=block,
                unknown=marks if isinstance(marks, dict | bool) else {},
                sensitive=hide if isinstance(hide, dict | bool) else {},
                where=f"{self.where}: {attribute}[{index}]",
                secrets=self.secrets,
            )
            children.append((index, child))
        return children

    def _wrong(self, attribute: str, wanted: str, found: Any) -> NoReturn:
        raise InputError(
            f"{self.where}: after.{attribute} is {type(found).__name__}, where {wanted} is expected; is the plan whole?"
        )


def _own_as_shown(cloud: str, type_name: str, evidence: _Evidence) -> catalog.Surface | None:
    """The tag surface of a type that the catalogue doesn't know: only what can be nothing but the resource's tags.

    Every azapi resource has ``tags``, whether its kind takes tags or not, and leaves them unknown where none are set.
    """
    if cloud == "aws" and evidence.has("tags") and evidence.has("tags_all"):
        return catalog.Surface(("tags",), inherits=True, effective=("tags_all",))
    if cloud == "google" and evidence.has("labels") and evidence.has("effective_labels"):
        return catalog.Surface(("labels",), inherits=True, effective=("terraform_labels", "effective_labels"))
    if cloud == "azure" and evidence.has("tags"):
        shown = evidence.after.get("tags")
        if isinstance(shown, dict) or (not type_name.startswith("azapi_") and not isinstance(shown, list)):
            return catalog.Surface(("tags",))
    return None


def _own_surface(own: catalog.Surface, evidence: _Evidence, defaults: _Defaults) -> Iterator[Surface]:
    path = ".".join(own.path)
    parents: list[_Evidence] | None = [evidence]
    for attribute in own.path[:-1]:
        if parents is not None and not any(parent.has(attribute) for parent in parents):
            return
        step: list[_Evidence] = []
        for parent in parents or ():
            children = parent.children(attribute)
            if children is None:
                parents = None
                break
            step += [child for _, child in children]
        else:
            parents = step
            continue
        break
    if parents is None:
        yield Surface(path, TagSet({}, f"{own.path[0]} is {AFTER_APPLY}"))
        return
    if not parents:
        inherited = defaults if own.inherits else _NO_DEFAULTS
        yield Surface(path, TagSet(inherited.tags, inherited.unproven, inherited.unproven_keys))
        return
    tags = _tags(own, parents[0], defaults)
    if tags is not None:
        yield Surface(path, tags)


def _tags(surface: catalog.Surface, evidence: _Evidence, defaults: _Defaults) -> TagSet | None:
    """The effective tags of one surface: its own, and the provider's defaults where it inherits them."""
    attribute = surface.path[-1]
    own = evidence.blocks(attribute) if surface.shape == "blocks" else evidence.map(attribute)
    if own is None:
        return None
    mine = {key: Tag(value, _THE_RESOURCE) for key, value in own.values.items()}
    if not surface.inherits:
        return TagSet(mine, own.open)
    merged = evidence.merged(surface.effective)
    if merged is None or (defaults.label == "override_provider"):
        inherited = dict(defaults.tags)
        if own.open:
            inherited = {
                key: Tag(
                    Unknown(f"the resource's own tags are {AFTER_APPLY}, and may override what {tag.source} set"),
                    tag.source,
                )
                for key, tag in inherited.items()
            }
        return TagSet({**inherited, **mine}, own.open or defaults.unproven, defaults.unproven_keys)
    shown = {
        key: Tag(value, defaults.label or "the provider's defaults")
        for key, value in merged.values.items()
        if key not in mine
    }
    extra = defaults.tags if defaults.ignores else {}
    return TagSet({**extra, **shown, **mine}, own.open or defaults.unseen, defaults.unseen_keys)


def _created_surfaces(surface: catalog.Surface, evidence: _Evidence, defaults: _Defaults) -> Iterator[Surface]:
    """One surface for each block that carries tags of something that the resource will create."""
    level: list[tuple[str, _Evidence]] = [("", evidence)]
    for position, attribute in enumerate(surface.path[:-1]):
        last = position == len(surface.path) - 2
        deeper: list[tuple[str, _Evidence]] = []
        for prefix, parent in level:
            children = parent.children(attribute)
            if children is None:
                path = f"{prefix}{'.'.join(surface.path[position:])}"
                yield Surface(path, TagSet({}, f"{attribute} is {AFTER_APPLY}"), created=True, authored=False)
                continue
            used: set[str] = set()
            for index, child in children:
                name = child.after.get(surface.label) if last and surface.label else None
                label = name if isinstance(name, str) and name not in used else str(index)
                used.add(label)
                deeper.append((f"{prefix}{attribute}[{label}].", child))
        level = deeper
    attribute = surface.path[-1]
    for prefix, parent in level:
        tags = _tags(surface, parent, defaults)
        if tags is None:
            continue
        written = parent.after.get(attribute) is not None or parent.is_unknown(attribute)
        yield Surface(
            path=f"{prefix}{attribute}",
            tags=tags,
            created=True,
            authored=written,
        )


def _short(provider: str) -> str:
    return provider.rsplit("/", 1)[-1] or "unknown"


def _count(number: int) -> str:
    return "1 resource is" if number == 1 else f"{number} resources are"


def _from_arn(arn: Any) -> tuple[str | None, str | None]:
    """(account, region) as an ARN names them."""
    parts = arn.split(":", 5) if isinstance(arn, str) else ()
    if len(parts) != 6 or parts[0] != "arn":
        return None, None
    return parts[4] or None, parts[3] or None
