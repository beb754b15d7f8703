"""The syntax tree of HCL, the same for native syntax and for JSON; every node knows its bytes.

A span is ``[start, end)`` in bytes of :attr:`File.source`, which is what is on disk. Expressions are built when they
are first asked for: a linter looks at one attribute in twenty.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Literal as Fixed
from typing import Protocol

import msgspec


class Node(msgspec.Struct, frozen=True, gc=False):
    """A piece of the source."""

    start: int
    end: int


class Literal(Node, frozen=True):
    """A number, a boolean, ``null``, or a text without interpolation (its escapes are already resolved)."""

    value: str | int | Decimal | bool | None


class Template(Node, frozen=True):
    """A text with interpolations. Trim markers and the indentation of a heredoc are already applied.

    ``"${x}"`` alone isn't one: it is ``x`` itself, as in Terraform.
    """

    parts: "tuple[TemplatePart, ...]"


class TemplateIf(Node, frozen=True):
    """``%{ if condition }…%{ else }…%{ endif }``"""

    condition: "Expression"
    then: "tuple[TemplatePart, ...]"
    otherwise: "tuple[TemplatePart, ...]"


class TemplateFor(Node, frozen=True):
    """``%{ for key, value in collection }…%{ endfor }``; ``key`` is empty where only one name is given."""

    key: str
    value: str
    collection: "Expression"
    body: "tuple[TemplatePart, ...]"


class Name(Node, frozen=True):
    """The first word of a reference: ``var``, ``local``, ``each``, a resource type, the variable of a ``for``."""

    name: str


class GetAttr(Node, frozen=True):
    """``of.name``"""

    of: "Expression"
    name: str


class Index(Node, frozen=True):
    """``of[key]``; also the old ``of.0``, whose key is a number."""

    of: "Expression"
    key: "Expression"


class SplatStep(Node, frozen=True):
    """What a splat does to every element: ``.name``, or ``[key]`` where ``key`` is given, or a splat of its own, whose
    steps are ``nested``: ``of[*].a[*].b`` is a list of lists."""

    name: str
    key: "Expression | None"
    nested: "tuple[SplatStep, ...] | None" = None


class Splat(Node, frozen=True):
    """``of[*].a[0]`` (full: everything that follows belongs to the splat) or ``of.*.a`` (attributes only; what follows
    an index in brackets is a step of the whole)."""

    of: "Expression"
    steps: tuple[SplatStep, ...]


class Call(Node, frozen=True):
    """``name(arguments)``; ``expand``: the last argument ends in ``...``. A namespace stays in the name:
    ``core::merge``, ``provider::aws::arn_parse``."""

    name: str
    arguments: "tuple[Expression, ...]"
    expand: bool


class Unary(Node, frozen=True):
    operator: Fixed["-", "!"]
    operand: "Expression"


class Binary(Node, frozen=True):
    operator: Fixed["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]
    left: "Expression"
    right: "Expression"


class Conditional(Node, frozen=True):
    """``condition ? then : otherwise``, right-associative."""

    condition: "Expression"
    then: "Expression"
    otherwise: "Expression"


class Tuple(Node, frozen=True):
    """``[a, b]``"""

    items: "tuple[Expression, ...]"


class ObjectItem(Node, frozen=True):
    """``key = value``. A bare word is a :class:`Literal`; ``(expression)`` and ``"${x}"`` are evaluated."""

    key: "Expression"
    value: "Expression"


class Object(Node, frozen=True):
    """``{ a = 1, b = 2 }``"""

    items: tuple[ObjectItem, ...]


class For(Node, frozen=True):
    """``[for key, value in collection : result if condition]``, or with ``result_key =>`` an object; ``grouping``: the
    result ends in ``...``. ``key`` is empty where only one name is given."""

    key: str
    value: str
    collection: "Expression"
    result_key: "Expression | None"
    result: "Expression"
    condition: "Expression | None"
    grouping: bool


class Parentheses(Node, frozen=True):
    """``(inner)``"""

    inner: "Expression"


class Opaque(Node, frozen=True):
    """An expression that is not looked into, and why: "it is nested too deeply"."""

    reason: str


Expression = (
    Literal
    | Template
    | Name
    | GetAttr
    | Index
    | Splat
    | Call
    | Unary
    | Binary
    | Conditional
    | Tuple
    | Object
    | For
    | Parentheses
    | Opaque
)
TemplatePart = str | Expression | TemplateIf | TemplateFor


class Attribute(msgspec.Struct, eq=False, gc=False):
    """``name = value``. ``start`` is the name's (in JSON the key's, quote included), ``value_start`` the value's, and
    both ``end`` and ``value_end`` stand right behind the value. ``build`` makes the expression of the value's span."""

    name: str
    start: int
    value_start: int
    end: int
    build: Callable[[int, int], Expression]
    built: Expression | None = None

    @property
    def value_end(self) -> int:
        return self.end

    @property
    def value(self) -> Expression:
        """The expression; built on the first call."""
        if self.built is None:
            self.built = self.build(self.value_start, self.end)
        return self.built


class Body(Protocol):
    """What stands between two braces, or in a whole file.

    ``start`` and ``end`` are the inside of the braces. In JSON a property may be meant as an attribute or as blocks,
    which only its reader knows: there ``attributes`` holds every property, and :meth:`blocks` reads one as blocks.
    """

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """By name. Where a name stands twice (Terraform refuses that) the first is meant."""
        ...

    def blocks(self, name: str, labels: int = 0) -> "tuple[Block, ...]":
        """The blocks of the type ``name`` in their order; JSON nests ``labels`` objects for the labels."""
        ...

    def block_types(self) -> Iterator[str]:
        """Each type of block that stands here once, in order; in JSON every property that may be one."""
        ...


class Block(msgspec.Struct, frozen=True, gc=False):
    """``type "label" { body }``. The span runs from the type to the closing brace, which it includes; in JSON it is
    that of the object. ``header_end`` is where the opening brace stands."""

    start: int
    end: int
    type: str
    labels: tuple[str, ...]
    header_end: int
    body: Body


class Comment(Node, frozen=True):
    """One comment, its marker (``#``, ``//``, ``/*``) included and the end of the line not."""

    text: str


class Problem(msgspec.Struct, frozen=True):
    """Why a part of a file could not be read. ``line`` counts from 1."""

    line: int
    message: str


class File:
    """One parsed file. ``name`` is what messages call it. What could not be read is in ``problems``; the body holds
    nothing of a file that has any, because half a file proves nothing."""

    __slots__ = ("_comments", "_newlines", "body", "json", "name", "problems", "source")

    def __init__(
        self,
        name: str,
        source: bytes,
        body: Body,
        *,
        json: bool = False,
        problems: tuple[Problem, ...] = (),
        comments: Callable[[], tuple[Comment, ...]] = tuple,
    ) -> None:
        self.name = name
        self.source = source
        self.body = body
        self.json = json
        self.problems = problems
        self._comments = comments
        self._newlines: list[int] | None = None

    @property
    def comments(self) -> tuple[Comment, ...]:
        """Every comment in order; JSON has none."""
        return self._comments()

    def line(self, offset: int) -> int:
        """The line, from 1, that a byte stands on."""
        if self._newlines is None:
            newlines = []
            at = self.source.find(b"\n")
            while at >= 0:
                newlines.append(at)
                at = self.source.find(b"\n", at + 1)
            self._newlines = newlines
        return bisect_right(self._newlines, offset - 1) + 1 if offset else 1
