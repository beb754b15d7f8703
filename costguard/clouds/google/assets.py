"""Cloud Asset Inventory: its search (SearchAllResources) and its listing (ListAssets).

The search is the quicker one and shows Tags with where they are inherited from. It shows labels where the resource's
own message has them, and isn't documented to do so where a service calls them something else (``resourceLabels``,
``userLabels``). The listing has the resource's own content, so there its labels are read where they are, and its word
on labels counts first; it says when it looked, and shows no Tags. Both trail by minutes, and neither is known to trail
less, so that what only one of them shows is there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from costguard import catalog
from costguard.catalog import native
from costguard.clouds.google.api import Google, InvalidError
from costguard.clouds.google.calls import LIST, SEARCH, Call
from costguard.clouds.sighting import GLOBAL, Binding, Sighting
from costguard.model.resource import Relation

MANAGER = "//cloudresourcemanager.googleapis.com/"
_PROJECT = "cloudresourcemanager.googleapis.com/Project"
_ORGANIZATION = "cloudresourcemanager.googleapis.com/Organization"
_FIELDS = (
    "name",
    "asset_type",
    "project",
    "folders",
    "organization",
    "location",
    "labels",
    "tags",
    "effective_tags",
    "state",
    "parent_full_resource_name",
)
_LEAVING = frozenset({"DELETE_REQUESTED", "DELETE_IN_PROGRESS"})
"""The states of a project that is being deleted: what is in it is stopped, and nobody can change it any more."""

# "us-central1-a", and the zones for accelerators alone: "us-central1-ai1a".
_ZONE = re.compile(r"[a-z]+(?:-[a-z]+)+[0-9]+(-(?:ai[0-9]+)?[a-z])")


class Hierarchy(msgspec.Struct):
    """What is known of the projects and folders of a scope when its resources are read.

    ``names``: a project's number → its id. ``leaving``: the numbers of the projects that are being deleted. ``bound``:
    the Tags that hold for a project, a folder or the organisation (``projects/1``), of those that were asked for them;
    None where they could not be read. ``spelled``: Google's own name of a Tag's key (``tagKeys/1``) → the policy's.
    """

    names: dict[str, str] = msgspec.field(default_factory=dict)
    leaving: set[str] = msgspec.field(default_factory=set)
    bound: dict[str, tuple[Binding, ...] | None] = msgspec.field(default_factory=dict)
    spelled: Mapping[str, str] = {}


def search(
    google: Google, scope: str, hierarchy: Hierarchy, types: Sequence[str] = (), unknown: list[str] | None = None
) -> Iterator[list[Sighting]]:
    """All resources below a scope (``organizations/1``, ``folders/2``, ``projects/three``), of some asset types or all.

    ``unknown`` takes the asset types that Google doesn't know. Raises :class:`SourceError` where the search ends early.
    """
    request = {"scope": scope, "read_mask": {"paths": list(_FIELDS)}}
    for page in _pages(google, SEARCH, request, scope, types, unknown, page_size=500):
        yield [_found(result, hierarchy) for result in page.results]


def listing(
    google: Google, scope: str, hierarchy: Hierarchy, types: Sequence[str] = (), unknown: list[str] | None = None
) -> Iterator[list[Sighting]]:
    """The same, from the listing. Raises :class:`SourceError` where it ends early."""
    from google.cloud.asset_v1 import ContentType

    request = {"parent": scope, "content_type": ContentType.RESOURCE}
    for page in _pages(google, LIST, request, scope, types, unknown, page_size=1000):
        taken = page.read_time.seconds or None
        yield [_listed(asset, hierarchy, taken) for asset in page.assets]


def _pages(
    google: Google,
    call: Call,
    request: Mapping[str, Any],
    scope: str,
    types: Sequence[str],
    unknown: list[str] | None,
    *,
    page_size: int,
) -> Iterator[Any]:
    """The pages of some asset types. One that Google doesn't know spoils a request for many (INVALID_ARGUMENT, as the
    clients' documentation has it): what is refused is asked for in halves, until that one is found."""
    todo = [list(types)]
    doubted = False
    while todo:
        asked = todo.pop()
        shown = False
        try:
            for page in google.pages(call, {**request, "asset_types": asked}, scope, page_size=page_size):
                shown = True
                yield page
        except InvalidError:
            if shown or not asked or unknown is None:
                raise
            if not doubted:  # Without any types it is refused too, where it is something else that Google doesn't take.
                google.ask(call, {**request, "page_size": 1}, scope)
                doubted = True
            if len(asked) == 1:
                unknown += asked
            else:
                todo += [asked[len(asked) // 2 :], asked[: len(asked) // 2]]


def search_projects(google: Google, scope: str, hierarchy: Hierarchy) -> None:
    """Adds what the search knows of the projects below a scope: it names a project by its id and says its number beside
    ("Cloud Asset Inventory: asset names"). Raises :class:`SourceError` where the search ends early."""
    request = {"scope": scope, "asset_types": [_PROJECT], "read_mask": {"paths": ["name", "project", "state"]}}
    for page in google.pages(SEARCH, request, scope, page_size=500):
        for result in page.results:
            number = result.project.removeprefix("projects/")
            if number and result.name.startswith(f"{MANAGER}projects/"):
                hierarchy.names.setdefault(number, result.name.removeprefix(f"{MANAGER}projects/"))
                if result.state in _LEAVING:
                    hierarchy.leaving.add(number)


def unshown_types() -> tuple[str, ...]:
    """The Terraform types with labels that the search isn't documented to show."""
    return tuple(
        sorted(name for name in native.known() if (place := _place(name)) is not None and place != ("labels",))
    )


# Where the content has labels that Terraform has elsewhere: those of a template are among the properties of what it
# makes, and Cloud Run is shown as Knative has it, whichever API made it.
_OTHERWISE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "google_compute_instance_template": ("properties", "labels"),
        "google_compute_region_instance_template": ("properties", "labels"),
        "google_cloud_run_v2_service": ("metadata", "labels"),
        "google_cloud_run_v2_job": ("metadata", "labels"),
    }
)


# What these call `labels` is their own configuration: a Slack channel's has a `team`.
_SETTINGS = frozenset({"google_monitoring_notification_channel"})


def _place(type_: str) -> tuple[str, ...] | None:
    """Where Google's own content of a type has its labels; None for a type that isn't known, or has none."""
    known = catalog.lookup(type_)
    if known is None or known.cloud != "google" or known.own is None:
        return None
    return _OTHERWISE.get(type_) or tuple(map(_camel, known.own.path))


def _found(result: Any, hierarchy: Hierarchy) -> Sighting:
    id_, type_ = _identity(result.name, result.asset_type, result.project)
    labels = {} if type_ in _SETTINGS else dict(result.labels)
    open_ = "" if labels else _doubt(type_)
    return Sighting(
        id=id_,
        type=type_,
        account=_account(id_, [result.project, *result.folders, result.organization], hierarchy),
        region=_region(result.location),
        tags=labels,
        open=open_,
        bound=_bound(result, hierarchy),
        untaggable=_untaggable(result.asset_type, result.state, result.project, hierarchy),
        related=_found_in(id_, result),
    )


def _listed(asset: Any, hierarchy: Hierarchy, taken: int | None) -> Sighting:
    project = next((name for name in asset.ancestors if name.startswith("projects/")), "")
    id_, type_ = _identity(asset.name, asset.asset_type, project)
    labels, open_, unread = _labels(asset, type_)
    return Sighting(
        id=id_,
        type=type_,
        account=_account(id_, asset.ancestors, hierarchy),
        region=_region(asset.resource.location),
        tags=labels,
        unread=unread,
        open=open_,
        bound=None if id_.startswith(MANAGER) else _inherited(next(iter(asset.ancestors), ""), hierarchy),
        reported=taken,
        untaggable=_untaggable(asset.asset_type, _text(asset.resource.data, ("lifecycleState",)), project, hierarchy),
        related=_listed_with(id_, asset.resource.data),
    )


def _identity(name: str, asset_type: str, project: str) -> tuple[str, str]:
    """The full resource name and the Terraform type, Google's where there is none.

    A project is named by its number, as Resource Manager does, whichever of its names the inventory has.
    """
    if asset_type == _PROJECT and project:
        name = f"{MANAGER}{project}"
    elif not name.startswith("//"):
        name = f"//{name}"
    return name, native.terraform_type(asset_type, name) or asset_type


def _found_in(id_: str, result: Any) -> tuple[Relation, ...]:
    """What the search says that it lies in. That most lie in a project says nothing that their account doesn't; a
    project and a folder say which folder or organisation they are in, by its number."""
    parent: str = result.parent_full_resource_name
    if id_.startswith(MANAGER):
        above = (f"{MANAGER}{one}" for one in (*result.folders, result.organization) if one)
        parent = next((one for one in above if one != id_), "")
    elif parent.startswith(MANAGER) or not parent.startswith("//"):
        parent = ""
    return (Relation("parent", parent),) if parent and parent != id_ else ()


# Where the content of Compute Engine's resources names others, as its API has them.
_NAMED: tuple[tuple[Literal["parent", "network"], tuple[str, ...]], ...] = (
    ("parent", ("users",)),  # of a disk: the machines that it is attached to
    ("parent", ("sourceDisk",)),
    ("network", ("network",)),
    ("network", ("subnetwork",)),
    ("network", ("networkInterfaces", "network")),
    ("network", ("networkInterfaces", "subnetwork")),
)
_COMPUTE = "//compute.googleapis.com/"
_SELF = re.compile(r"https://(?:www\.googleapis\.com/compute|compute\.googleapis\.com/compute)/[a-z0-9]+/(projects/.+)")


def _listed_with(id_: str, data: Any) -> tuple[Relation, ...]:
    """What the content of a resource of Compute Engine names, by the full resource names of those."""
    if not id_.startswith(_COMPUTE):
        return ()
    found = set()
    for kind, place in _NAMED:
        for text in _every(data, place):
            said = _SELF.fullmatch(text)
            if said is not None and f"{_COMPUTE}{said[1]}" != id_:
                found.add(Relation(kind, f"{_COMPUTE}{said[1]}"))
    return tuple(sorted(found))


def _every(data: Any, place: Sequence[str]) -> Iterator[str]:
    """The texts at a place, through lists."""
    first, *rest = place
    if first not in data.fields:
        return
    value = data.fields[first]
    for one in value.list_value.values if value.WhichOneof("kind") == "list_value" else (value,):
        match one.WhichOneof("kind"):
            case "string_value" if not rest:
                yield one.string_value
            case "struct_value" if rest:
                yield from _every(one.struct_value, rest)


def _account(id_: str, belongs: Sequence[str], hierarchy: Hierarchy) -> str:
    """The project that it belongs to by its id (by its number, where that isn't known), else the folder or the
    organisation. These are their own."""
    if id_.startswith(f"{MANAGER}folders/"):
        return id_.removeprefix(MANAGER)
    nearest = next(filter(None, belongs), "")
    kind, _, number = nearest.partition("/")
    return hierarchy.names.get(number, number) if kind == "projects" else nearest or "-"


def _region(location: str) -> str:
    """The region of a zone, so that a policy which names a region means its zones too."""
    location = location.lower()
    zone = _ZONE.fullmatch(location)
    return location.removesuffix(zone[1]) if zone else location or GLOBAL


def _untaggable(asset_type: str, state: str, project: str, hierarchy: Hierarchy) -> str:
    if asset_type == _ORGANIZATION:
        return "an organisation takes no labels"
    if asset_type.partition("/")[0].endswith("k8s.io"):
        return "an object in a Kubernetes cluster; its labels are Kubernetes's, and no bill shows them"
    if asset_type.startswith(MANAGER[2:]) and state in _LEAVING:
        return "it is being deleted"
    if project.removeprefix("projects/") in hierarchy.leaving:
        return "its project is being deleted" if asset_type != _PROJECT else "it is being deleted"
    return ""


def _doubt(type_: str) -> str:
    """Why a resource without labels in the search may have some."""
    if catalog.lookup(type_) is None:
        return _WHETHER
    place = _place(type_)
    return f"the asset search need not show {'.'.join(place)}" if place not in (None, ("labels",)) else ""


_WHETHER = "whether this type takes labels isn't known"


def _bound(result: Any, hierarchy: Hierarchy) -> tuple[Binding, ...] | None:
    """Its Tags: those that are inherited, and over them those that are its own. None where one isn't said by name."""
    bound: dict[str, Binding] = {}
    nameless = False
    for origin, tags in (
        *((details.attached_resource, details.effective_tags) for details in result.effective_tags),
        (result.name, result.tags),
    ):
        whose = "" if origin in ("", result.name) else origin.removeprefix(MANAGER)
        for tag in tags:
            nameless |= not tag.tag_key or not tag.tag_value
            key = hierarchy.spelled.get(tag.tag_key_id, tag.tag_key)
            if not whose or key not in bound:
                bound[key] = Binding(key, short_value(tag.tag_key, tag.tag_value), whose)
    return None if nameless else tuple(bound[key] for key in sorted(bound))


def _inherited(above: str, hierarchy: Hierarchy) -> tuple[Binding, ...] | None:
    """The Tags that a resource inherits from what it lies in. One of its own may stand in the place of each, and there
    may be others beside them: the listing doesn't show those. None where even what is inherited isn't known."""
    tags = hierarchy.bound.get(above)
    if tags is None:
        return None
    unshown = "the listing doesn't show the Tags that are bound to a resource itself"
    return (
        Binding("*", "", doubt=unshown),
        *(Binding(tag.key, tag.value, tag.origin or above, f"{unshown}; it inherits {tag.value}") for tag in tags),
    )


def short_value(key: str, value: str) -> str:
    """``payments`` of the value ``123/owner/payments`` of the key ``123/owner``."""
    return value.removeprefix(f"{key}/") if value.startswith(f"{key}/") else value.rpartition("/")[2]


# Where services have labels; another version of an API may have them in another place.
_PLACES = (("labels",), ("resourceLabels",), ("userLabels",), ("settings", "userLabels"), ("metadata", "labels"))


def _labels(asset: Any, type_: str) -> tuple[dict[str, str] | None, str, str]:
    """The labels in the content, why there may be more, and why they could not be read.

    JSON of Google's leaves out what is empty, so that no field is no label, where the place is known and what holds it
    is there.
    """
    if not asset.resource.HasField("data"):
        return None, "", "the listing has no content for it"
    data, place = asset.resource.data, _place(type_)
    for one in _PLACES if place is None else (place,) if type_ in _SETTINGS else (place, *_PLACES):
        labels = _map(data, one)
        if labels is not None:
            return labels, "", ""
    if place is None:
        return {}, _WHETHER if catalog.lookup(type_) is None else "", ""
    if place[0] in data.fields or len(place) == 1:
        return {}, "", ""
    return {}, f"the listing shows no {place[0]}, where its labels are", ""


def _map(data: Any, place: Sequence[str]) -> dict[str, str] | None:
    """The map of texts at a place, None where there is none."""
    for step in place:
        if step not in data.fields or data.fields[step].WhichOneof("kind") != "struct_value":
            return None
        data = data.fields[step].struct_value
    if any(value.WhichOneof("kind") != "string_value" for value in data.fields.values()):
        return None
    return {key: value.string_value for key, value in data.fields.items()}


def _text(data: Any, place: Sequence[str]) -> str:
    return str(data.fields[place[0]].string_value) if place[0] in data.fields else ""


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
