"""Blocks, written in either of Terraform's two syntaxes."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

Json = Any
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Attribute:
    """An attribute whose value is a native expression; ``as_json`` is for where JSON doesn't take ``"${…}"``."""

    name: str
    text: str
    as_json: Json = ...


@dataclass
class Block:
    kind: str
    labels: tuple[str, ...] = ()
    body: "list[Attribute | Block]" = field(default_factory=list)

    def set(self, name: str, text: str, as_json: Json = ...) -> None:
        self.body.append(Attribute(name, text, as_json))

    def has(self, name: str) -> bool:
        return any(isinstance(item, Attribute) and item.name == name for item in self.body)

    def remove(self, name: str) -> None:
        self.body = [item for item in self.body if isinstance(item, Block) or item.name != name]

    def add(self, kind: str, *labels: str) -> "Block":
        block = Block(kind, labels)
        self.body.append(block)
        return block


def is_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None


def escape(text: str) -> str:
    """The text as it stands between quotes."""
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text)
    return escaped.replace("${", "$${").replace("%{", "%%{")


def quote(text: str) -> str:
    return f'"{escape(text)}"'


def in_json(text: str) -> str:
    """A literal text as ``.tf.json`` writes it, before JSON's own escapes."""
    return text.replace("${", "$${").replace("%{", "%%{")


def native(blocks: list[Block], style: int) -> str:
    """The native syntax. ``style`` 0 is plain; others bring comments, carriage returns, a byte-order mark."""
    text = "\n".join(_native(block, "", style) for block in blocks)
    if style == 1:
        text = f"/* owner = {{ */\n{text}// the end\n"
    if style == 2:
        text = text.replace("\n", "\r\n")
    return f"\ufeff{text}" if style == 3 else text


def _native(block: Block, indent: str, style: int) -> str:
    labels = "".join(f" {quote(label)}" for label in block.labels)
    lines = [f"{indent}{block.kind}{labels} {{"]
    for item in block.body:
        if isinstance(item, Attribute):
            comment = " # tags = {}" if style == 1 and "\n" not in item.text else ""
            lines.append(f"{indent}  {item.name} = {item.text}{comment}")
        else:
            lines.append(_native(item, f"{indent}  ", style).rstrip("\n"))
    return "\n".join([*lines, f"{indent}}}"]) + "\n"


def as_json(blocks: list[Block]) -> str:
    """The JSON syntax."""
    document: dict[str, Json] = {}
    for block in blocks:
        if not block.labels:
            document.setdefault(block.kind, []).append(_body(block))
            continue
        node = document.setdefault(block.kind, {})
        for label in block.labels[:-1]:
            node = node.setdefault(label, {})
        node.setdefault(block.labels[-1], []).append(_body(block))
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _body(block: Block) -> dict[str, Json]:
    body: dict[str, Json] = {}
    for item in block.body:
        if isinstance(item, Attribute):
            body[item.name] = f"${{{item.text}}}" if item.as_json is ... else item.as_json
        elif item.labels:
            body.setdefault(item.kind, {}).setdefault(item.labels[0], []).append(_body(item))
        else:
            body.setdefault(item.kind, []).append(_body(item))
    return body
