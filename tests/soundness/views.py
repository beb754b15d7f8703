"""Three opinions about the tags of a resource, and where two of them can't both be right.

A view is what somebody says of one surface: some keys are there, with a value or with one that isn't known, and of any
other key it is said whether it may be there. Two views contradict each other only where both commit themselves; a view
that doesn't know contradicts nobody.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from costguard.model.resource import Inventory, Known, Resource, Surface, without_indexes
from tests.soundness.cases import Root
from tests.soundness.expressions import Expected, Open, Own, Tags, Text, is_secret

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """``tags`` are there for certain; None where the value isn't known. ``secret`` are not to be printed."""

    tags: Mapping[str, str | None]
    may_have: Callable[[str], bool]
    secret: frozenset[str] = frozenset()
    optional: bool = False


Views = Mapping[str, View]
"""Surface → what is said of it. Empty for what can't be tagged."""


@dataclass(frozen=True, order=True)
class Contradiction:
    address: str
    surface: str
    key: str
    one: str
    other: str

    @property
    def case(self) -> str | None:
        """The number of the case that the resource belongs to."""
        found = re.search(r"(?<![a-z0-9])c([0-9]+)_", self.address)
        return None if found is None else found[1]

    @property
    def place(self) -> tuple[str, str, str]:
        return self.address, self.surface, self.key

    @property
    def kind(self) -> tuple[str, str, str]:
        """Its surface and what is said, without the values: what two of the same cause have in common."""
        said = [re.sub("'.*'", "a value", one) for one in (self.one, self.other)]
        return self.surface.partition("[")[0], said[0], said[1]

    def __str__(self) -> str:
        place = " ".join(part for part in (self.address, self.surface, self.key) if part)
        return f"{place}: {self.one}, {self.other}"


def read(inventory: Inventory) -> dict[str, Views]:
    """What an inventory says of every resource."""
    return {resource.address: _resource(resource) for resource in inventory.resources}


def told_apart(inventory: Inventory, addresses: Iterable[str]) -> dict[str, Views]:
    """What the source says, with a block whose instances it can't tell apart standing for all of ``addresses`` that it
    may have: what is said of the block is said of each of them."""
    views: dict[str, Views] = {}
    blocks: dict[str, list[Resource]] = {}
    for resource in inventory.resources:
        if resource.basis.startswith(NOT_TOLD_APART):
            blocks.setdefault(without_indexes(resource.address), []).append(resource)
        else:
            views[resource.address] = _resource(resource)
    for address in addresses:
        for block in blocks.get(without_indexes(address), ()):
            if is_instance(address, block.address):
                views[address] = _resource(block)
    return views


NOT_TOLD_APART = "its instances are not told apart"
_STEP = re.compile(r'((?:[^.\[]|"(?:[^"\\]|\\.)*")+)(\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\])?\.?')


def is_instance(address: str, block: str) -> bool:
    """Whether the block's address is this one, but for indexes that it lacks."""
    steps = zip(_STEP.findall(address), _STEP.findall(block), strict=True)
    return all(name == same and wanted in ("", index) for (name, index), (same, wanted) in steps)


def _resource(resource: Resource) -> Views:
    return {surface.path: _surface(surface) for surface in resource.surfaces}


def _surface(surface: Surface) -> View:
    tags = surface.tags.tags
    return View(
        tags={key: tag.value.text if isinstance(tag.value, Known) else None for key, tag in tags.items()},
        may_have=lambda key: bool(surface.tags.doubt(key)),
        secret=frozenset(key for key, tag in tags.items() if isinstance(tag.value, Known) and tag.value.sensitive),
        optional=not surface.authored,
    )


def meant(expected: Iterable[Expected], root: Root) -> dict[str, Views]:
    """What the generator knows of every resource."""
    return {one.address: {path: _own(own, root) for path, own in one.surfaces.items()} for one in expected}


def _own(own: Own, root: Root) -> View:
    """The older SDK drops a null, the framework sends it as an empty text; either happens to the resource's own tags
    before the defaults join them, and a null default is none."""
    stated = own.tags if isinstance(own.tags, dict) else own.tags.certain
    if own.framework:
        mine: dict[str, Text] = {key: "" if value is None else value for key, value in stated.items()}
    else:
        mine = {key: value for key, value in stated.items() if value is not None}
    defaults = root.defaults[own.inherits] if own.inherits else {}
    inherited: Tags = {key: value for key, value in defaults.items() if value is not None}
    open_ = own.tags.may_have if isinstance(own.tags, Open) else own.doubtful.__contains__

    def may_have(key: str) -> bool:
        return open_(key) or key in own.doubtful

    if isinstance(own.tags, Open):
        # What may be among the resource's own tags may replace a default.
        inherited = {key: None if may_have(key) else value for key, value in inherited.items()}
    both: dict[str, Text] = {**inherited, **mine}
    return View(
        tags={key: value if isinstance(value, str) else None for key, value in both.items()},
        may_have=may_have,
        secret=frozenset(key for key, value in both.items() if is_secret(value)),
        optional=own.maybe_unwritten,
    )


def contradictions(one: Mapping[str, Views], other: Mapping[str, Views], names: tuple[str, str]) -> list[Contradiction]:
    """Where the two can't both be right."""
    found: list[Contradiction] = []
    for address in sorted(one.keys() | other.keys()):
        if address in one and address in other:
            found += _of_resource(address, one[address], other[address], names)
        else:
            said = _each(names, address in one, address in other)
            found.append(
                Contradiction(address, "", "", *(f"{name} {'has' if it else 'lacks'} it" for name, it in said))
            )
    return found


def _each(names: tuple[str, str], one: T, other: T) -> Iterable[tuple[str, T]]:
    return zip(names, (one, other), strict=True)


def _of_resource(address: str, one: Views, other: Views, names: tuple[str, str]) -> list[Contradiction]:
    found: list[Contradiction] = []
    for path in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(path), other.get(path)
        if mine is None or theirs is None:
            present, lacking = (mine, other) if mine is not None else (theirs, one)
            if present is not None and not present.optional and not _is_elsewhere(path, lacking):
                said = [
                    f"{name} has {'no ' if it is None else ''}such surface" for name, it in _each(names, mine, theirs)
                ]
                found.append(Contradiction(address, path, "", *said))
            continue
        for key in sorted(mine.tags.keys() | theirs.tags.keys()):
            if _differ(mine, theirs, key):
                said = [f"{name}: {_said(view, key)}" for name, view in _each(names, mine, theirs)]
                found.append(Contradiction(address, path, key, *said))
    return found


def _is_elsewhere(path: str, views: Views) -> bool:
    """Whether the surface may be one that these views have under another name: somebody who can't tell which blocks
    there are has one for all, and who can't tell what they are called has numbers."""
    block, _, label = path.partition("[")
    for name, view in views.items():
        same, _, other = name.partition("[")
        if same == f"{block}.{path.rpartition('.')[2]}" and view.may_have(""):
            return True
        if same == block and other != label and (other[:1].isdigit() or label[:1].isdigit()):
            return True
    return False


def _differ(mine: View, theirs: View, key: str) -> bool:
    if key in mine.tags and key in theirs.tags:
        return mine.tags[key] is not None and theirs.tags[key] is not None and mine.tags[key] != theirs.tags[key]
    absent = theirs if key in mine.tags else mine
    return not absent.may_have(key)


def _said(view: View, key: str) -> str:
    if key not in view.tags:
        return "unknown" if view.may_have(key) else "absent"
    value = view.tags[key]
    return "present" if value is None else repr(value)


def leaks(meant_: Mapping[str, Views], said: Mapping[str, Views]) -> list[str]:
    """What is sensitive, and would be printed."""
    return [
        f"{address} {path} {key}"
        for address, views in meant_.items()
        for path, view in views.items()
        for key in view.secret
        if address in said
        and path in said[address]
        and said[address][path].tags.get(key) is not None
        and key not in said[address][path].secret
    ]
