"""The surfaces of a resource: where it carries tags, and what the plan shows of them there."""

from collections.abc import Iterator

import msgspec

from costguard import catalog
from costguard.iac.plan.defaults import NO_DEFAULTS, Defaults, with_empty_defaults
from costguard.iac.plan.evidence import AFTER_APPLY, Evidence, Values
from costguard.model.resource import Known, Surface, Tag, TagSet, Unknown

THE_RESOURCE = "the resource"


class Setting(msgspec.Struct, frozen=True):
    """What there is to know beside a resource's own attributes. ``settled``: the plan leaves it as it is, so what it
    shows is what will be, whatever the provider's defaults turn out to be. ``creates``: it will be made anew."""

    defaults: Defaults = NO_DEFAULTS
    settled: bool = False
    creates: bool = True


def as_shown(cloud: str, type_name: str, evidence: Evidence) -> catalog.Surface | None:
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


def override(evidence: Evidence) -> Defaults | None:
    """``override_provider`` of S3 objects: default tags of its own in place of the provider's."""
    label = "override_provider"
    providers = evidence.children(label)
    if not providers:
        return None
    blocks = providers[0][1].children("default_tags")
    if blocks is None:
        return Defaults(label, unproven=f"{label} is {AFTER_APPLY}")
    if not blocks:
        return None
    tags = blocks[0][1].map("tags") or Values({})
    known = {key: Tag(value, label) for key, value in tags.values.items()}
    return Defaults(label, known, unproven=f"the tags of {label} are {AFTER_APPLY}" if tags.open else "")


def own_surface(own: catalog.Surface, evidence: Evidence, setting: Setting) -> Surface | None:
    """The resource's own tags, None where its provider's version has none for it."""
    path = ".".join(own.path)
    parents = [evidence]
    for attribute in own.path[:-1]:
        if not any(parent.has(attribute) for parent in parents):
            return None
        step: list[Evidence] = []
        for parent in parents:
            children = parent.children(attribute)
            if children is None:
                return Surface(path, TagSet({}, f"{attribute} is {AFTER_APPLY}"))
            step += [child for _, child in children]
        parents = step
        if not parents:
            inherited = setting.defaults if own.inherits else NO_DEFAULTS
            return Surface(path, TagSet(inherited.tags, inherited.unproven, inherited.unproven_keys))
    tags = _tags(own, parents[0], setting)
    return None if tags is None else Surface(path, tags)


def created_surfaces(surface: catalog.Surface, evidence: Evidence, setting: Setting) -> Iterator[Surface]:
    """One surface for each block that carries tags of something that the resource will create."""
    level: list[tuple[str, Evidence]] = [("", evidence)]
    for position, attribute in enumerate(surface.path[:-1]):
        last = position == len(surface.path) - 2
        deeper: list[tuple[str, Evidence]] = []
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
        tags = _tags(surface, parent, setting)
        if tags is not None:
            written = parent.after.get(attribute) is not None or parent.is_unknown(attribute)
            yield Surface(f"{prefix}{attribute}", tags, created=True, authored=written)


def _tags(surface: catalog.Surface, evidence: Evidence, setting: Setting) -> TagSet | None:
    """The effective tags of one surface: its own, and the provider's defaults where it inherits them."""
    attribute = surface.path[-1]
    own = evidence.blocks(attribute) if surface.shape == "blocks" else evidence.map(attribute)
    if own is None:
        return None
    mine = {key: Tag(value, THE_RESOURCE) for key, value in own.values.items()}
    if not surface.inherits:
        return TagSet(mine, own.open)
    defaults = setting.defaults
    merged = evidence.merged(surface.effective)
    if merged is None or defaults.label == "override_provider":
        inherited = dict(defaults.tags)
        doubts = defaults.unproven_keys
        if own.open:
            # A blank default proves not even the presence of a value.
            blank = [
                key for key, tag in inherited.items() if isinstance(tag.value, Known) and not tag.value.text.strip()
            ]
            doubts += tuple((key, own.open) for key in blank)
            inherited = {
                key: Tag(_may_be_overridden(tag), tag.source) for key, tag in inherited.items() if key not in blank
            }
        # Only types of the plugin framework show a null of their own; it is sent as an empty text, over a default, too.
        nulls = dict.fromkeys(own.dropped, Tag(Known(""), THE_RESOURCE)) if surface.effective == ("tags_all",) else {}
        return TagSet({**inherited, **nulls, **mine}, own.open or defaults.unproven, doubts)
    merged = with_empty_defaults(surface, own, merged)
    label = defaults.label or "the provider's defaults"
    doubts = defaults.unseen_keys
    if not setting.creates and not defaults.ignores:
        # What exists and keeps its tags_all (ignore_changes) never gets a tag that its source adds.
        withheld = [key for key in mine if key not in merged.values]
        doubts += tuple((key, "the tags_all of the plan lacks it, so it may never be written") for key in withheld)
        mine = {key: tag for key, tag in mine.items() if key not in withheld}
    shown = {
        # A null of the resource's own is sent as an empty text, over a default, too.
        key: Tag(_printable(key, value, defaults), THE_RESOURCE if key in own.dropped else label)
        for key, value in merged.values.items()
        if key not in mine
    }
    visible = any(key not in own.dropped and key not in defaults.outside for key in shown)
    hidden = "" if setting.settled or visible else defaults.hidden
    extra = defaults.tags if defaults.adds else {}
    return TagSet({**extra, **shown, **mine}, own.open or hidden or defaults.unseen, doubts)


def _may_be_overridden(tag: Tag) -> Unknown:
    return Unknown(f"the resource's own tags are {AFTER_APPLY}, and may override what {tag.source} set")


def _printable(key: str, value: Known | Unknown, defaults: Defaults) -> Known | Unknown:
    """A merged value that came from the provider; never to be printed where its defaults refer to something sensitive
    and don't state this one as a constant."""
    if not defaults.secret or not isinstance(value, Known):
        return value
    stated = defaults.tags.get(key)
    if stated is not None and stated.value == value:
        return value
    return Known(value.text, True)
