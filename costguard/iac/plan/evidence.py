"""What the change of one resource shows of its tags: known, unknown, absent, sensitive."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from costguard.errors import InputError
from costguard.iac.plan.configuration import as_text, is_template
from costguard.iac.plan.format import Change
from costguard.model.resource import Known, Unknown

AFTER_APPLY = "known only after apply"
_NOTHING: Mapping[str, Any] = {}


class Values(msgspec.Struct):
    """A map of tags as one attribute shows it. ``dropped`` are the keys whose value is null."""

    values: dict[str, Known | Unknown]
    open: str = ""
    dropped: frozenset[str] = frozenset()

    @property
    def all_known(self) -> bool:
        return all(isinstance(value, Known) for value in self.values.values())


class Evidence(msgspec.Struct):
    """``after``, ``after_unknown`` and ``after_sensitive`` of a resource, or of one block in it, read together."""

    after: Mapping[str, Any]
    unknown: Mapping[str, Any] | bool
    sensitive: Mapping[str, Any] | bool
    where: str
    secrets: tuple[str, ...]
    stated: Mapping[str, Mapping[str, Any]] = _NOTHING

    @classmethod
    def of(
        cls,
        change: Change,
        where: str,
        secrets: tuple[str, ...],
        stated: Mapping[str, Mapping[str, Any]] = _NOTHING,
    ) -> "Evidence":
        """The evidence in a change; ``where`` names it in messages, ``stated`` are maps whose keys the source shows."""
        return cls(
            after=change.after or {},
            unknown=change.after_unknown,
            sensitive=change.after_sensitive,
            where=where,
            secrets=secrets,
            stated=stated,
        )

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

    def text(self, attribute: str) -> str | None:
        """A text attribute that may be printed; None where it isn't known, or is sensitive."""
        text = self.after.get(attribute)
        if not isinstance(text, str) or self._marks(self.sensitive, attribute) is True:
            return None
        return None if self._known(text, False).sensitive else text

    def map(self, attribute: str) -> Values | None:
        """A map attribute; None where the schema doesn't have it. A null entry is one that the provider drops."""
        if not self.has(attribute):
            return None
        if self.is_unknown(attribute):
            if attribute in self.stated:
                return Values(dict(self._from_source(self.stated[attribute])))
            return Values({}, f"its {attribute} are {AFTER_APPLY}")
        raw = self.after[attribute]
        if raw is None:
            return Values({})
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
        dropped = frozenset(raw.keys() - values.keys())
        return Values(values, dropped=dropped)

    def _from_source(self, stated: Mapping[str, Any]) -> Iterator[tuple[str, Known | Unknown]]:
        """A map as ``.tf.json`` writes it: a text without a template is literal."""
        for key, value in stated.items():
            if value is not None:
                yield key, Unknown(AFTER_APPLY) if is_template(value) else self._known(as_text(value), False)

    def blocks(self, attribute: str, *, only: str = "") -> Values | None:
        """A list of ``{key, value}`` blocks; with ``only``, those in which that flag is true."""
        if not self.has(attribute):
            return None
        if self.is_unknown(attribute):
            return Values({}, f"its {attribute} blocks are {AFTER_APPLY}")
        raw = self.after[attribute] or []
        if isinstance(raw, dict):
            raw = [raw]
        if not isinstance(raw, list):
            self._wrong(attribute, "a list of blocks", raw)
        unknown = self._marks(self.unknown, attribute)
        sensitive = self._marks(self.sensitive, attribute)
        found = Values({})
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

    def merged(self, attributes: Iterable[str]) -> Values | None:
        """What the attributes that show the merged result (``tags_all``) show together; None where none is known."""
        merged: Values | None = None
        for attribute in attributes:
            shown = None if self.is_unknown(attribute) else self.map(attribute)
            if shown is None or self.after.get(attribute) is None:
                continue
            merged = shown if merged is None else Values({**merged.values, **shown.values})
        return merged

    def children(self, attribute: str) -> "list[tuple[int, Evidence]] | None":
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
            child = Evidence(
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
