"""What the plan's ``configuration`` says of a resource: its block, its provider configuration, what it refers to.

An expression is a constant, or only the names that it refers to; the values of locals appear nowhere.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from costguard.iac.plan.format import (
    ConfigResource,
    Configuration,
    Module,
    Plan,
    ResourceChange,
    decode_change,
    sensitive_in_state,
)
from costguard.model.resource import without_indexes


class Source:
    """The configuration, indexed by the addresses of its blocks without instance keys."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        configuration = plan.configuration or Configuration()
        self._providers = configuration.provider_config
        self._modules: dict[str, Module] = {}
        self._calls: dict[str, tuple[str, Mapping[str, Any]]] = {}  # a module → its parent, what it is given
        self._blocks: dict[str, ConfigResource] = {}
        self._state: dict[str, frozenset[str]] | None = None
        pending = [("", configuration.root_module)]
        while pending:
            path, module = pending.pop()
            self._modules[path] = module
            prefix = f"{path}." if path else ""
            for block in module.resources:
                self._blocks[f"{prefix}{block.type}.{block.name}"] = block
            for name, call in module.module_calls.items():
                self._calls[f"{prefix}module.{name}"] = (path, call.expressions)
                pending.append((f"{prefix}module.{name}", call.module))

    @property
    def provider_keys(self) -> frozenset[str]:
        return frozenset(self._providers)

    def provider(self, key: str) -> Mapping[str, Any]:
        """The expressions of a provider configuration; empty where it has none."""
        return self._providers[key].expressions if key in self._providers else {}

    def may_stand_for(self, key: str) -> list[str]:
        """The configurations with defaults of their own that a module's provider may really be.

        In a module three calls deep Terraform writes a provider of its own for what was passed down, without any
        expression (1.11; observed). An empty block of the module looks the same.
        """
        stated = self._providers.get(key)
        if ":" not in key or stated is None or stated.expressions:
            return []
        return [
            other
            for other, one in self._providers.items()
            if other != key and one.full_name == stated.full_name and self.stated(other) is not None
        ]

    def _exists(self, path: str, parts: list[str]) -> bool:
        """Whether a resource or data source was read before this plan, which leaves it as it is."""
        length = 3 if parts[0] == "data" else 2
        address = ".".join(parts[:length])
        address = f"{path}.{address}" if path else address
        if len(parts) < length or address not in self._sensitive_state():
            return False
        changes = [p for p in self._plan.resource_changes or () if without_indexes(p.address) == address]
        return all(decode_change(p, "the plan", p.address).actions == ("no-op",) for p in changes)

    def stated(self, key: str) -> Any:
        """The expression of ``default_tags`` or ``default_labels`` of a provider configuration."""
        expressions = self.provider(key)
        return expressions.get("default_tags", expressions.get("default_labels"))

    def block(self, planned: ResourceChange) -> ConfigResource | None:
        """The block that the resource comes from."""
        prefix = f"{without_indexes(planned.module_address)}." if planned.module_address else ""
        return self._blocks.get(f"{prefix}{planned.type}.{planned.name}")

    def provider_key(self, planned: ResourceChange) -> str:
        """The key of the provider configuration that the resource uses, "" where the plan doesn't say.

        A key that names a module's provider without a configuration of its own means the one it inherits.
        """
        block = self.block(planned)
        key = block.provider_config_key if block is not None else ""
        while key and key not in self._providers and ":" in key:
            module, _, local = key.rpartition(":")
            outer = module.rpartition(".module.")[0]
            key = f"{outer}:{local}" if outer else local
        return key

    def constant_map(self, planned: ResourceChange, attribute: str) -> Mapping[str, Any] | None:
        """A map of the resource's block as it is written, where it is literal; in ``.tf.json`` also with templates."""
        block = self.block(planned)
        raw = None if block is None else block.expressions.get(attribute)
        expression = None if raw is None else msgspec.json.decode(raw)
        constant = expression.get("constant_value") if isinstance(expression, dict) else None
        if not isinstance(constant, dict) or any(is_template(key) for key in constant):
            return None
        return constant

    def writes(self, planned: ResourceChange, path: tuple[str, ...]) -> bool:
        """Whether the resource's block writes the attribute; true where there is no block to look into.

        ``dynamic`` blocks leave no trace in a plan, so what they write counts as not written.
        """
        block = self.block(planned)
        if block is None:
            return True
        raw = block.expressions.get(path[0])
        nodes = [] if raw is None else [msgspec.json.decode(raw)]
        for attribute in path[1:]:
            parents = [child for node in nodes for child in (node if isinstance(node, list) else [node])]
            nodes = [parent[attribute] for parent in parents if isinstance(parent, dict) and attribute in parent]
        return bool(nodes)

    # --- what is sensitive

    def secrets(self) -> tuple[str, ...]:
        """The texts in sensitive variables: a plan shows them in clear, also those that became default tags."""
        pending: list[Any] = []
        for path, module in self._modules.items():
            given = self._calls[path][1] if path else {}
            for name, variable in module.variables.items():
                if not variable.sensitive:
                    continue
                pending.append(variable.default)
                if not path and name in self._plan.variables:
                    pending.append(self._plan.variables[name].value)
                stated = given.get(name)
                if isinstance(stated, dict):
                    pending.append(stated.get("constant_value"))
        if any(name.startswith("local.") for key in self._providers for name in references(self.stated(key))):
            # A local may carry what a data source keeps secret, and a plan doesn't say which.
            pending += [list(texts) for texts in self._sensitive_state().values()]
        texts: set[str] = set()
        while pending:
            node = pending.pop()
            if isinstance(node, str):
                texts.add(node)
            elif isinstance(node, list):
                pending += node
            elif isinstance(node, dict):
                pending += node.values()
        return tuple(sorted(text for text in texts if len(text) >= 4))

    def refers_to_secrets(self, key: str, names: list[str]) -> bool:
        """Whether an expression of the provider configuration ``key`` refers to anything sensitive.

        What goes through a local can't be told: a plan shows neither its value nor what it refers to.
        """
        path = key.rpartition(":")[0] if ":" in key else ""
        return any(self._is_secret(path, name) for name in names)

    def _is_secret(self, path: str, name: str) -> bool:
        seen: set[tuple[str, str]] = set()
        pending = [(path, name)]
        while pending:
            place = pending.pop()
            if place in seen:
                continue
            seen.add(place)
            path, name = place
            module = self._modules.get(path)
            parts = without_indexes(name).split(".")
            if module is None or len(parts) < 2:
                continue
            if parts[0] == "var":
                variable = module.variables.get(parts[1])
                if variable is not None and variable.sensitive:
                    return True
                if path in self._calls:
                    parent, given = self._calls[path]
                    pending += [(parent, reference) for reference in references(given.get(parts[1]))]
            elif parts[0] == "module" and len(parts) >= 3:
                child = f"{path}.module.{parts[1]}" if path else f"module.{parts[1]}"
                output = self._modules[child].outputs.get(parts[2]) if child in self._modules else None
                if output is not None and output.sensitive:
                    return True
            elif parts[0] not in ("local", "each", "count", "path", "terraform", "module") and self._in_state(
                path, parts
            ):
                return True
        return False

    def _in_state(self, path: str, parts: list[str]) -> bool:
        """Whether the resource or data source holds anything sensitive; one that wasn't read might."""
        length = 3 if parts[0] == "data" else 2
        if len(parts) < length:
            return False
        address = ".".join(parts[:length])
        texts = self._sensitive_state().get(f"{path}.{address}" if path else address)
        return texts is None or bool(texts)

    def _sensitive_state(self) -> dict[str, frozenset[str]]:
        if self._state is None:
            self._state = {}
            for address, texts in sensitive_in_state(self._plan).items():
                plain = without_indexes(address)
                self._state[plain] = self._state.get(plain, frozenset()) | texts
        return self._state

    def is_certain(self, key: str, names: list[str]) -> bool:
        """Whether all that an expression of the provider configuration refers to is known while planning.

        Variables of the root module are; those of another one are if what it is given is. So is what exists already and
        is left alone, and a data source that was read.
        """
        path = key.rpartition(":")[0] if ":" in key else ""
        return bool(names) and all(self._is_certain(path, name) for name in names)

    def _is_certain(self, path: str, name: str) -> bool:
        parts = without_indexes(name).split(".")
        if parts[0] != "var" or len(parts) < 2:
            return parts[0] not in ("local", "module", "each", "count") and self._exists(path, parts)
        if not path:
            return True
        if path not in self._calls:
            return False
        parent, given = self._calls[path]
        expression = given.get(parts[1])
        if expression is None:
            return True  # the variable's own default, which is a constant
        if isinstance(expression, dict) and "constant_value" in expression and "references" not in expression:
            return True
        names = list(references(expression))
        return bool(names) and all(self._is_certain(parent, inner) for inner in names)

    def output_references(self, path: str, call: str, output: str) -> list[str]:
        """What an output of a module that ``path`` calls refers to."""
        child = f"{path}.module.{call}" if path else f"module.{call}"
        stated = self._modules[child].outputs.get(output) if child in self._modules else None
        return [] if stated is None else list(references(stated.expression))


def references(expression: Any) -> Iterator[str]:
    """Every name that an expression refers to, ``aws_sns_topic.t.arn`` as well as ``aws_sns_topic.t``."""
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


def is_template(text: Any) -> bool:
    """Whether a text of ``.tf.json`` is computed. A literal ``$${`` looks the same, and so counts as computed."""
    return isinstance(text, str) and ("${" in text or "%{" in text)


def as_text(constant: Any) -> str:
    """A constant as Terraform converts it for a map of texts: ``5`` and ``true`` are what they look like."""
    return constant if isinstance(constant, str) else json.dumps(constant)
