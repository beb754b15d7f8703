"""Resources and the three-valued evidence about their tags.

A tag value is :class:`Known` or :class:`Unknown`. A :class:`TagSet` is what the evidence shows of a resource's tags,
and it is *open* where keys may exist that the evidence can't show. Absence from an open set proves nothing.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Cloud = Literal["aws", "google", "azure"]
Checkpoint = Literal["source", "plan", "live", "bill"]


class Known(msgspec.Struct, frozen=True):
    """A tag value that the evidence shows. A ``sensitive`` one is judged but never printed."""

    text: str
    sensitive: bool = False


class Unknown(msgspec.Struct, frozen=True):
    """A tag value that the evidence can't show, and why (half a sentence: "known only after apply")."""

    reason: str


class Tag(msgspec.Struct, frozen=True):
    """One entry of a tag set: its value and where it comes from ("the resource", "default_tags of provider aws")."""

    value: Known | Unknown
    source: str


class TagSet(msgspec.Struct, frozen=True):
    """What the evidence shows of a set of tags.

    ``open`` is empty for a closed set, else the reason why any other key may exist too. ``hidden`` names single keys
    (or prefixes that end in ``*``) that may exist unseen in a set that is otherwise closed, each with its reason.

    ``bound`` are, on Google Cloud, the Tags of its resource manager that hold for the resource beside its labels, by
    their namespaced keys (``123456789012/owner``). They are bound and inherited outside of the resource: None where
    the evidence doesn't show them, as in Terraform's source and plan.
    """

    tags: Mapping[str, Tag]
    open: str = ""
    hidden: tuple[tuple[str, str], ...] = ()
    bound: "TagSet | None" = None

    def doubt(self, key: str) -> str:
        """Why ``key``, which isn't in ``tags``, may be there all the same; empty where it certainly isn't."""
        if self.open:
            return self.open
        for name, reason in self.hidden:
            if name == key or (name.endswith("*") and key.startswith(name[:-1])):
                return reason
        return ""


class Surface(msgspec.Struct, frozen=True):
    """One place of a resource that carries tags.

    ``path`` is the attribute path as a report names it (``tags``, ``tag_specifications[instance].tags``).
    ``created``: these are the tags of something that the resource will create, not its own.
    ``authored``: somebody wrote this surface; one that nobody wrote is judged only where the policy asks for it.
    ``derived_from``: the path of the surface that this one is a part of; what is already wrong there isn't said twice.
    ``withheld``: keys that the source sets and that ``ignore_changes`` keeps from being applied.
    """

    path: str
    tags: TagSet
    created: bool = False
    authored: bool = True
    derived_from: str = ""
    withheld: frozenset[str] = frozenset()


class Location(msgspec.Struct, frozen=True):
    """A place in a source file; lines count from 1."""

    file: str
    line: int
    end_line: int


class Manager(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What made a live resource and would undo a change to it: the change belongs there.

    ``tool`` is ``terraform``, ``cloudformation``, ``autoscaling`` and the like; ``name`` what the resource is called
    there (an address, a stack); ``where`` the configuration or state that holds it, empty where the name says it all.
    """

    tool: str
    name: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.name} in {self.where}" if self.where else self.name


class Relation(msgspec.Struct, frozen=True, order=True):
    """How a live resource stands to another one, by that one's id (an ARN, a full resource name).

    ``parent``: what it is attached to, runs in or was made from (a volume's instance, a snapshot's volume, a task's
    service). ``network``: the network or subnet that it is in. ``cluster``: the cluster or the scaling group that it
    works for. ``creator``: the principal that made it.
    """

    kind: Literal["parent", "network", "cluster", "creator"]
    id: str


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource at one checkpoint, with every tag surface it has.

    No ``surfaces`` means that it can't be tagged. ``touched``: the change under judgement creates, replaces, imports
    or updates it; old debt on an untouched resource warns and never blocks. ``basis`` says how it came to be judged
    where that isn't plain (a type that the catalogue doesn't know). A live resource is addressed by its id (an ARN, a
    full resource name); ``managers`` are those that claim it, by their states and by markers on it, and ``declared``
    the addresses that Terraform's states have for it: None where it isn't known whether one has it. ``related`` are the
    resources that it stands in a relation to, as the cloud shows them.
    """

    address: str
    type: str
    provider: str
    cloud: Cloud | None
    module: str = ""
    id: str | None = None
    account: str | None = None
    region: str | None = None
    surfaces: tuple[Surface, ...] = ()
    location: Location | None = None
    touched: bool = True
    basis: str = ""
    managers: tuple[Manager, ...] = ()
    declared: tuple[str, ...] | None = ()
    related: tuple[Relation, ...] = ()


class Gap(msgspec.Struct, frozen=True, order=True):
    """Something that could not be read, so that nothing can be said of it. A run with gaps is incomplete."""

    where: str
    why: str


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All that one checkpoint brought: the resources, what could not be read, and remarks worth a reader's time."""

    checkpoint: Checkpoint
    resources: tuple[Resource, ...]
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


_INDEX = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\]', re.DOTALL)


_MODULES = re.compile(r'(?:module\.[^.\[]+(?:\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\])?\.)*', re.DOTALL)


def module_of(address: str) -> str:
    """The module of an address: ``module.a["x"]`` of ``module.a["x"].aws_s3_bucket.b[0]``; empty for the root's."""
    match = _MODULES.match(address)
    return match[0].removesuffix(".") if match else ""


def without_indexes(address: str) -> str:
    """The address of the block in the source: ``module.a["x"].aws_s3_bucket.b[0]`` is ``module.a.aws_s3_bucket.b``."""
    return _INDEX.sub("", address) if "[" in address else address
