"""Which tags of a live resource its source leaves to others, so that no ``terraform apply`` takes them away again.

What counts is what Terraform really does, which isn't what the attributes are called. Measured with Terraform 1.11 and
version 5.100 of the AWS provider, on resources of its older and of its newer plug-in framework (hashicorp/terraform's
issue 31632 is about the first):

- ``ignore_changes`` has to name ``tags``, or the key in it: naming ``tags_all`` alone changes nothing.
- What ``default_tags`` set is put back all the same, for that goes through ``tags_all``.
- ``ignore_tags`` keeps the keys that it names, but not those that the resource's own block sets: these are planned
  again and again.
"""

from collections.abc import Collection

from costguard import catalog
from costguard.iac.hcl.evaluate import Exhausted
from costguard.iac.hcl.values import Set, unmark
from costguard.iac.source.evidence import Evidence
from costguard.iac.source.instance import ONE, ProviderConfiguration
from costguard.iac.source.lifecycle import kept
from costguard.iac.source.tagset import THE_RESOURCE, Body, as_written
from costguard.model.resource import TagSet

_ATTRIBUTE = {"aws": "tags", "google": "labels", "azure": "tags"}


def left_alone(evidence: Evidence, keys: Collection[str]) -> frozenset[str]:
    """Those of the keys that the source provably leaves alone on an instance of a resource. What it leaves can be
    written by anybody, and stays."""
    cloud = catalog.cloud_of(evidence.provider.source)
    if cloud is None or evidence.provider.doubt:
        return frozenset()
    own = evidence.kind.own if evidence.kind is not None else None
    if evidence.kind is not None and own is None:
        return frozenset()
    path = own.path if own is not None else (_ATTRIBUTE[cloud],)
    in_map = own is None or own.shape == "map"
    lifecycle = kept(evidence.declared)
    every = lifecycle.everything or path[0] in lifecycle.whole
    named = {key for attribute, key in lifecycle.keys if (attribute,) == path and in_map}
    try:
        set_here = (
            as_written(evidence.body.value(path[0]), THE_RESOURCE, path[0]).tags if in_map else TagSet({}, "blocks")
        )
        defaults = evidence.defaults() if own is None or own.inherits else TagSet({})
        hidden = _ignored_by(evidence.provider) if cloud == "aws" and in_map and len(path) == 1 else ()
    except (Exhausted, RecursionError):
        return frozenset()
    found: set[str] = set()
    for key in keys:
        by_lifecycle = every or key in named
        by_provider = any(key == name or (name.endswith("*") and key.startswith(name[:-1])) for name in hidden)
        if by_lifecycle and (by_provider or not _may_have(defaults, key)):
            # Google's provider works out what is effective in its own way: a label that the source sets is its own.
            if cloud == "aws" or not _may_have(set_here, key):
                found.add(key)
        elif by_provider and len(path) == 1 and not _may_have(set_here, key):
            found.add(key)
    return frozenset(found)


def _may_have(tags: TagSet, key: str) -> bool:
    return key in tags.tags or bool(tags.doubt(key))


def _ignored_by(provider: ProviderConfiguration) -> tuple[str, ...]:
    """The keys, and prefixes that end in ``*``, that ``ignore_tags`` names for certain."""
    if provider.block is None or provider.where is None:
        return ()
    body = Body(provider.block.layers, provider.where.in_block(ONE))
    blocks, unknown = body.children("ignore_tags")
    if unknown:
        return ()
    names: list[str] = []
    for block in blocks:
        for attribute, suffix in (("keys", ""), ("key_prefixes", "*")):
            value, _ = unmark(block.value(attribute))
            items = value.items if isinstance(value, Set) else value if isinstance(value, tuple) else ()
            plain = (unmark(item)[0] for item in items)
            names += [f"{item}{suffix}" for item in plain if isinstance(item, str)]
    return tuple(names)
