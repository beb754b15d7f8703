"""Which Terraform types carry tags, where, and what each cloud allows in one.

The catalogue is a union of provider versions: what one version knows stays known. It hides two sources behind
:func:`lookup`. ``types.json`` says of every type whether it has the cloud's usual tag map and is rebuilt by
``scripts/refresh-catalog``; :mod:`costguard.catalog.surfaces` holds what no schema says, decided by hand:
which of the other attributes that look like tags are tags. Both are read on the first look-up, not at import.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

import msgspec

from costguard.model.resource import Cloud


class Surface(msgspec.Struct, frozen=True):
    """An attribute path that holds tags.

    Every list or block on the way of ``path`` is implied: iterate it. ``shape`` is ``map`` for a map of
    strings and ``blocks`` for a list of ``{key, value}`` objects, as Auto Scaling's ``tag`` (which adds
    ``propagate_at_launch``). ``inherits``: the provider's defaults (``default_tags``, ``default_labels``)
    apply. ``effective`` names the sibling attributes, in the same parent block, that show the merged result.
    ``label`` names the sibling attribute whose value names the innermost block in reports (``resource_type``
    gives ``tag_specifications[instance].tags``); empty where the block's index has to do.
    """

    path: tuple[str, ...]
    shape: Literal["map", "blocks"] = "map"
    inherits: bool = False
    effective: tuple[str, ...] = ()
    label: str = ""


class TaggableType(msgspec.Struct, frozen=True):
    """What the catalogue knows of one resource type.

    ``own`` holds the resource's own tags; None means that the type can't be tagged by itself. ``created``
    holds the tags that the author sets on what the resource will create. ``since`` is the provider's major
    version that brought ``own`` to a type which older versions have without it, 0 where every version in the
    catalogue has it. ``keeps_null``: a null among its tags is sent as an empty text, where other types drop the key.
    """

    name: str
    cloud: Cloud
    own: Surface | None
    created: tuple[Surface, ...] = ()
    since: int = 0
    keeps_null: bool = False


class Limits(msgspec.Struct, frozen=True):
    """What a cloud allows in the tags of one resource.

    Lengths count characters; ``octets`` is a further bound on the UTF-8 form of a key or a value, 0 where there
    is none. The patterns are for a full match by the ``regex`` package (they use Unicode properties) and
    leave length to the lengths. Keys that start with one of ``reserved``, in any case, belong to the cloud.
    """

    max_tags: int
    key_length: int
    value_length: int
    key_pattern: str
    value_pattern: str
    reserved: tuple[str, ...]
    octets: int = 0


LIMITS: Mapping[Cloud, Limits] = MappingProxyType(
    {
        # AWS Resource Groups Tagging API and the "Tag" type of most services' API references: 50 tags, keys
        # of 1-128 and values of 0-256 characters, ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$; "aws:" in any case is
        # reserved and not counted. These are the common limits: EC2 takes more characters, and an
        # S3 object takes 10 tags.
        "aws": Limits(
            max_tags=50,
            key_length=128,
            value_length=256,
            key_pattern=r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+",
            value_pattern=r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*",
            reserved=("aws:",),
        ),
        # Google, "Labels overview: requirements for labels": 64 labels, keys of 1-63 and values of 0-63
        # characters, lower case, digits, _ and -, a key starts with a letter, international characters
        # allowed. The patterns and the 128 octets are those of the Secret Manager API; "goog-" is the prefix
        # of labels that Google itself sets.
        "google": Limits(
            max_tags=64,
            key_length=63,
            value_length=63,
            key_pattern=r"[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]*",
            value_pattern=r"[\p{Ll}\p{Lo}\p{N}_-]*",
            reserved=("goog-",),
            octets=128,
        ),
        # Azure Resource Manager, "Use tags to organize your Azure resources: limitations": 50 tags, names of
        # 512 and values of 256 characters, no <>%&\?/ in a name, names fold case. Storage accounts take names
        # of 128. It names no reserved prefixes; secondary sources do (microsoft, azure, windows), but people's
        # keys begin so.
        "azure": Limits(
            max_tags=50,
            key_length=512,
            value_length=256,
            key_pattern=r"[^<>%&\\?/]+",
            value_pattern=r"(?s:.*)",
            reserved=(),
        ),
    }
)


_FOLDING = frozenset({"aws_iam_role", "aws_iam_user"})
"""Types whose service takes keys that differ in case alone for one key (IAM User Guide, "Tags for IAM resources")."""


def variant(type_: str, key: str, keys: Iterable[str]) -> str | None:
    """The one of these keys that is written over where another spelling of it is set; None where there is none."""
    if type_ not in _FOLDING:
        return None
    return next((one for one in keys if one != key and one.casefold() == key.casefold()), None)


def cloud_of(provider: str) -> Cloud | None:
    """The cloud that the provider's resources live in, None for one whose tags costguard doesn't judge.

    ``provider`` is a source address with any host and namespace (a mirror or a fork keeps the name and the types), or
    the bare local name.
    """
    return _PROVIDERS.get(provider.casefold().rsplit("/", 1)[-1])


_PROVIDERS: Mapping[str, Cloud] = MappingProxyType(
    {"aws": "aws", "google": "google", "google-beta": "google", "azurerm": "azure", "azapi": "azure"}
)


class _Types(msgspec.Struct):
    """One cloud's part of ``types.json``; its ``paths`` are for the tests, and skipped here.

    ``defaults``: the usual tag map, and provider defaults apply; ``plain``: the map alone; ``none``: no such map.
    """

    defaults: frozenset[str]
    plain: frozenset[str]
    none: frozenset[str]


# Made before there are threads: two that make it at once crash msgspec (tests/test_threads.py).
_FILE = msgspec.json.Decoder(dict[Cloud, _Types])


@cache
def _types() -> dict[Cloud, _Types]:
    with open(f"{__path__[0]}/types.json", "rb") as file:  # noqa: PTH123 - pathlib alone takes longer than the look-up
        return _FILE.decode(file.read())


# A type's prefix says its cloud, and the cloud how its usual tag map is called and where the merged result shows.
_USUAL: Mapping[str, tuple[Cloud, str, tuple[str, ...]]] = MappingProxyType(
    {
        "aws": ("aws", "tags", ("tags_all",)),
        "google": ("google", "labels", ("terraform_labels", "effective_labels")),
        "azurerm": ("azure", "tags", ()),
    }
)


@cache
def lookup(type_name: str) -> TaggableType | None:
    """What the catalogue knows of the type, None if it has never heard of it.

    A type that can't be tagged is known: its ``own`` is None.
    """
    from costguard.catalog import surfaces

    prefix, _, name = type_name.partition("_")
    if prefix not in _USUAL:
        return None
    cloud, usual, effective = _USUAL[prefix]
    types = _types()[cloud]
    own: Surface | None = None
    if type_name in surfaces.OWN:
        own = surfaces.OWN[type_name]
    elif name in types.defaults:
        own = Surface((usual,), inherits=True, effective=effective)
    elif name in types.plain:
        own = Surface((usual,))
    elif name not in types.none:
        return None
    return TaggableType(
        type_name,
        cloud,
        own,
        surfaces.CREATED.get(type_name, ()),
        surfaces.SINCE.get(type_name, 0),
        type_name in surfaces.FRAMEWORK,
    )


def known_types() -> Iterator[str]:
    """Every type that the catalogue has heard of, those that can't be tagged among them."""
    for prefix, (cloud, _, _) in _USUAL.items():
        types = _types()[cloud]
        for names in (types.defaults, types.plain, types.none):
            yield from (f"{prefix}_{name}" for name in names)
