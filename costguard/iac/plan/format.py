"""The plan format: the parts of ``terraform show -json`` that are read, and how a file is checked and decoded.

Everything that has no field here is skipped without being built.
"""

import json
from typing import Any, NoReturn

import msgspec

from costguard.errors import InputError


class Change(msgspec.Struct):
    """``before`` is decoded only where it matters (:func:`before_of`)."""

    actions: tuple[str, ...]
    before: msgspec.Raw = msgspec.Raw(b"null")
    after: dict[str, Any] | None = None
    after_unknown: dict[str, Any] | bool = {}
    after_sensitive: dict[str, Any] | bool = {}
    importing: dict[str, Any] | None = None

    @property
    def creates(self) -> bool:
        """Whether a new object comes of it: alone, or in place of another one."""
        return "create" in self.actions


class ResourceChange(msgspec.Struct):
    """One entry of ``resource_changes``; its change is decoded when its turn comes, so a large plan stays small."""

    address: str
    type: str
    change: msgspec.Raw
    mode: str = "managed"
    name: str = ""
    module_address: str = ""
    provider_name: str = ""
    deposed: str = ""


class Deferred(msgspec.Struct):
    reason: str = ""
    resource_change: ResourceChange | None = None


class ConfigResource(msgspec.Struct):
    type: str = ""
    name: str = ""
    mode: str = "managed"
    provider_config_key: str = ""
    expressions: dict[str, msgspec.Raw] = {}
    count_expression: Any = None
    for_each_expression: Any = None


class Variable(msgspec.Struct):
    sensitive: bool = False
    default: Any = None


class Output(msgspec.Struct):
    sensitive: bool = False
    expression: Any = None


class Module(msgspec.Struct):
    resources: list[ConfigResource] = []
    module_calls: "dict[str, ModuleCall]" = {}
    variables: dict[str, Variable] = {}
    outputs: dict[str, Output] = {}


class ModuleCall(msgspec.Struct):
    module: Module = msgspec.field(default_factory=Module)
    expressions: dict[str, Any] = {}
    count_expression: Any = None
    for_each_expression: Any = None


class ProviderConfig(msgspec.Struct):
    full_name: str = ""
    expressions: dict[str, Any] = {}


class Configuration(msgspec.Struct):
    provider_config: dict[str, ProviderConfig] = {}
    root_module: Module = msgspec.field(default_factory=Module)


class VariableValue(msgspec.Struct):
    value: Any = None


class StateResource(msgspec.Struct):
    address: str = ""
    sensitive_values: Any = None
    values: msgspec.Raw = msgspec.Raw(b"null")


class StateModule(msgspec.Struct):
    resources: list[StateResource] = []
    child_modules: "list[StateModule]" = []


class StateValues(msgspec.Struct):
    root_module: StateModule = msgspec.field(default_factory=StateModule)


class State(msgspec.Struct):
    values: StateValues = msgspec.field(default_factory=StateValues)


class Plan(msgspec.Struct):
    """``planned_values`` is only looked at for being there, ``prior_state`` only for what it marks as sensitive."""

    format_version: str
    resource_changes: list[ResourceChange] | None = None
    configuration: Configuration | None = None
    planned_values: msgspec.Raw = msgspec.Raw()
    prior_state: msgspec.Raw = msgspec.Raw(b"{}")
    variables: dict[str, VariableValue] = {}
    deferred_changes: list[Deferred] = []
    errored: bool = False
    complete: bool | None = None


def decode_change(planned: ResourceChange, name: str, where: str) -> Change:
    """The change of a resource. Raises :class:`InputError` that names the place in the plan."""
    try:
        return msgspec.json.decode(planned.change, type=Change)
    except msgspec.DecodeError as error:
        detail = str(error).replace("`$", f"`$.{where}.change")
        raise InputError(f"{name} is not a plan that can be read: {planned.address}: {detail}") from error


def before_of(change: Change) -> dict[str, Any]:
    """The attributes before the change; empty where there was nothing."""
    before = msgspec.json.decode(change.before)
    return before if isinstance(before, dict) else {}


def sensitive_in_state(plan: Plan) -> dict[str, frozenset[str]]:
    """For every resource and data source that was read: the texts in it that are sensitive."""
    try:
        state = msgspec.json.decode(plan.prior_state, type=State)
    except msgspec.DecodeError:
        return {}
    found: dict[str, frozenset[str]] = {}
    modules = [state.values.root_module]
    while modules:
        module = modules.pop()
        modules += module.child_modules
        for resource in module.resources:
            texts: frozenset[str] = frozenset()
            if resource.sensitive_values:
                texts = _marked(msgspec.json.decode(resource.values), resource.sensitive_values)
            found[resource.address] = found.get(resource.address, frozenset()) | texts
    return found


def _marked(value: Any, marks: Any) -> frozenset[str]:
    """The texts of a value that its marks call sensitive."""
    texts: set[str] = set()
    pending = [(value, marks)]
    while pending:
        node, mark = pending.pop()
        if mark is True:
            if isinstance(node, str):
                texts.add(node)
            elif isinstance(node, dict):
                pending += [(child, True) for child in node.values()]
            elif isinstance(node, list):
                pending += [(child, True) for child in node]
        elif isinstance(mark, dict) and isinstance(node, dict):
            pending += [(node.get(key), child) for key, child in mark.items()]
        elif isinstance(mark, list) and isinstance(node, list):
            pending += list(zip(node, mark, strict=False))
    return frozenset(texts)


def decode(raw: bytes, name: str) -> Plan:
    """The plan in a file that the messages call ``name``. Raises :class:`InputError` with one sentence."""
    text = _text(raw, name)
    _check(text, name)
    try:
        plan = msgspec.json.decode(text, type=Plan)
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


def _is_plan(plan: Plan, text: str, name: str) -> None:
    if plan.resource_changes is None and not bytes(plan.planned_values) and plan.configuration is None:
        _reject_other_tools(text, name)
        raise InputError(f"{name} is not a plan: it has neither resource_changes nor planned_values")
    major = plan.format_version.partition(".")[0]
    if major != "1":
        raise InputError(
            f"{name} has plan format {plan.format_version}; 1.x is understood (Terraform 1.0 or newer, OpenTofu)"
        )
