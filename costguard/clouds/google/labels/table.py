"""Which of Google's APIs write labels only where nobody else has changed them, and how each wants to be asked.

A type is written only where it has a row here, and a row needs a documented refusal: a fingerprint of the labels, a
generation, or an etag that the service holds against its own. The paths are those of Google's discovery documents.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

import msgspec

from costguard.clouds.google.calls import RestCall
from costguard.clouds.writing import How
from costguard.model.resource import Cloud

Way = Literal["fingerprint", "metageneration", "if-match", "etag"]
"""``fingerprint``: all labels are sent with the fingerprint of those that were read. ``metageneration``: the changed
labels are sent, with the generation as a parameter. ``if-match``: the same with the etag as a header. ``etag``: all
labels are sent under a mask, with the etag among the content."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Resources of one form of full resource names, with names in braces for what varies.

    ``labels`` and ``stamp`` are the fields that hold the labels and what guards them. ``poll`` asks how far the
    operation is that ``write`` begins, None where that answers when it is done. ``mask``: only those two fields are
    asked for. ``precondition`` is what FAILED_PRECONDITION means where its text doesn't speak of an etag or a
    fingerprint. ``source`` says where the refusal is documented.
    """

    form: str
    read: RestCall
    write: RestCall
    poll: RestCall | None = None
    way: Way
    labels: str = "labels"
    stamp: str
    mask: bool = True
    precondition: How = "refused"
    source: str


_COMPUTE = "compute.googleapis.com"
_PLACES = MappingProxyType({"zone": "zones/{location}", "region": "regions/{location}", "global": "global"})

# "Compute Engine rate quotas": for each project (and region, of what is in one) 1,500 a minute of reads, of other
# calls, and of reads of operations, each for themselves. Labels of images and snapshots are counted among "global
# resource mutation requests"; how many isn't known here, so that these begin mildly.
_OPERATIONS = MappingProxyType(
    {
        scope: RestCall(
            api=_COMPUTE,
            verb="GET",
            method=f"compute.{scope}Operations.get",
            path=f"/compute/v1/projects/{{project}}/{place}/operations/{{operation}}",
            permission=f"compute.{scope}Operations.get",
            per_minute=1500,
            family="operations",
            each=True,
        )
        for scope, place in _PLACES.items()
    }
)


def _compute(scope: str, collection: str, method: str = "", permission: str = "", *, scarce: bool = False) -> Row:
    """``collection`` is how paths have it; ``method`` and ``permission`` what methods and IAM call it otherwise."""
    method = method or collection
    held = permission or method
    path = f"projects/{{project}}/{_PLACES[scope]}/{collection}/{{name}}"

    def call(verb: Literal["GET", "POST"], name: str, tail: str, per_minute: int, family: str) -> RestCall:
        return RestCall(
            api=_COMPUTE,
            verb=verb,
            method=f"compute.{method}.{name}",
            path=f"/compute/v1/{path}{tail}",
            permission=f"compute.{held}.{name}",
            per_minute=per_minute,
            family=family,
            each=True,
        )

    return Row(
        form=f"//{_COMPUTE}/{path}",
        read=call("GET", "get", "", 1500, "reads"),
        write=call("POST", "setLabels", "/setLabels", *((300, "labels of images") if scarce else (1500, "writes"))),
        poll=_OPERATIONS[scope],
        way="fingerprint",
        stamp="labelFingerprint",
        source="Compute Engine API: labelFingerprint, 412 conditionNotMet",
    )


def _secret(api: str, path: str, method: str) -> Row:
    # "Secret Manager: quotas": 600 reads and 600 writes a minute for a project.
    read = RestCall(
        api=api,
        verb="GET",
        method=f"secretmanager.{method}.get",
        path=f"/v1/{path}",
        permission="secretmanager.secrets.get",
        per_minute=600,
        family="reads",
    )
    return Row(
        form=f"//secretmanager.googleapis.com/{path}",
        read=read,
        write=msgspec.structs.replace(
            read,
            verb="PATCH",
            method=f"secretmanager.{method}.patch",
            permission="secretmanager.secrets.update",
            family="writes",
        ),
        way="etag",
        stamp="etag",
        precondition="conflict",
        source="Secret Manager, Etags: an etag that isn't the current one fails with FAILED_PRECONDITION",
    )


def _dataset(path: str, what: str) -> Row:
    # "BigQuery: quotas and limits": 100 calls of one method a second for a user, and 5 updates of a dataset or a table
    # in 10 seconds, which one run doesn't come near. What the etag of a part of the content would be isn't documented.
    read = RestCall(
        api="bigquery.googleapis.com",
        verb="GET",
        method=f"bigquery.{what}.get",
        path=f"/bigquery/v2/{path}",
        permission=f"bigquery.{what}.get",
        per_minute=3000,
        family="reads",
    )
    return Row(
        form=f"//bigquery.googleapis.com/{path}",
        read=read,
        write=msgspec.structs.replace(
            read,
            verb="PATCH",
            method=f"bigquery.{what}.patch",
            permission=f"bigquery.{what}.update",
            family="writes",
        ),
        way="if-match",
        stamp="etag",
        mask=False,
        source="BigQuery's own client sends If-Match with the etag, and documents the 412 of one that has changed",
    )


def _bucket() -> Row:
    # "Cloud Storage: quotas and limits" has one update of a bucket's metadata a second, and no bound for all buckets.
    read = RestCall(
        api="storage.googleapis.com",
        verb="GET",
        method="storage.buckets.get",
        path="/storage/v1/b/{name}",
        permission="storage.buckets.get",
        per_minute=1200,
        family="reads",
    )
    return Row(
        form="//storage.googleapis.com/{name}",
        read=read,
        write=msgspec.structs.replace(
            read, verb="PATCH", method="storage.buckets.patch", permission="storage.buckets.update", family="writes"
        ),
        way="metageneration",
        stamp="metageneration",
        source="Cloud Storage, Request preconditions: ifMetagenerationMatch, 412",
    )


def _cluster(where: str) -> Row:
    """A zonal cluster's name may say its zone as one; it is asked for as all others are."""
    api = "container.googleapis.com"
    parent = "/v1/projects/{project}/locations/{location}"

    def call(verb: Literal["GET", "POST"], method: str, path: str, permission: str, family: str) -> RestCall:
        return RestCall(
            api=api,
            verb=verb,
            method=f"container.projects.locations.{method}",
            path=f"{parent}/{path}",
            permission=f"container.{permission}",
            per_minute=600,  # A mild guess to begin with.
            family=family,
        )

    return Row(
        form=f"//{api}/projects/{{project}}/{where}/{{location}}/clusters/{{name}}",
        read=call("GET", "clusters.get", "clusters/{name}", "clusters.get", "reads"),
        write=call(
            "POST", "clusters.setResourceLabels", "clusters/{name}:setResourceLabels", "clusters.update", "writes"
        ),
        poll=call("GET", "operations.get", "operations/{operation}", "operations.get", "reads"),
        way="fingerprint",
        labels="resourceLabels",
        stamp="labelFingerprint",
        # One operation at a time: while another one runs, nothing is begun.
        precondition="again",
        source="Google Kubernetes Engine API, SetLabelsRequest: labelFingerprint is required to detect conflicts",
    )


ROWS: tuple[Row, ...] = (
    _compute("region", "addresses"),
    _compute("global", "addresses", "globalAddresses"),
    _compute("zone", "disks"),
    _compute("region", "disks", "regionDisks", "disks"),
    _compute("global", "externalVpnGateways"),
    _compute("region", "forwardingRules"),
    _compute("global", "forwardingRules", "globalForwardingRules"),
    _compute("global", "images", scarce=True),
    _compute("zone", "instances"),
    _compute("zone", "instantSnapshots"),
    _compute("region", "instantSnapshots", "regionInstantSnapshots", "instantSnapshots"),
    _compute("region", "interconnectAttachments"),
    _compute("global", "interconnects"),
    _compute("global", "machineImages"),
    _compute("global", "securityPolicies"),
    _compute("global", "snapshots", scarce=True),
    _compute("region", "targetVpnGateways"),
    _compute("region", "vpnGateways"),
    _compute("region", "vpnTunnels"),
    _bucket(),
    _dataset("projects/{project}/datasets/{dataset}", "datasets"),
    _dataset("projects/{project}/datasets/{dataset}/tables/{name}", "tables"),
    _cluster("locations"),
    _cluster("zones"),
    _secret("secretmanager.googleapis.com", "projects/{project}/secrets/{name}", "projects.secrets"),
    # Those of a region are there alone ("Secret Manager: regional service endpoints").
    _secret(
        "secretmanager.{location}.rep.googleapis.com",
        "projects/{project}/locations/{location}/secrets/{name}",
        "projects.locations.secrets",
    ),
)

CALLS = frozenset(call for row in ROWS for call in (row.read, row.write, row.poll) if call is not None)
"""All calls over HTTP."""

UNGUARDED: Mapping[str, str] = MappingProxyType(
    {
        "cloudsql.googleapis.com": "Cloud SQL holds the version of its settings against its own where all of them are "
        "replaced, and isn't documented to where labels alone are changed",
        "run.googleapis.com": "what an update of Cloud Run rolls out beside the labels isn't documented",
    }
)
"""Why labels aren't written in services that seem to have something to hold a write back with."""

_ZONE = re.compile(r"[0-9]-[a-z]\Z")
_HOLE = re.compile(r"\{([a-z]+)\}")
# What a name may be that becomes a part of a path: anything that can't lead out of it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class Found(msgspec.Struct, frozen=True):
    """The row of a resource, and what its name has in the places of the row's form."""

    row: Row
    parts: Mapping[str, str]


def find(cloud: Cloud, name: str) -> Found | str:
    """The row of a full resource name; the reason why it has none."""
    if cloud != "google":
        return "it is no resource of Google Cloud's"
    host, *path = name.removeprefix("//").split("/")
    if not name.startswith("//") or not path:
        return "its id is no full resource name"
    for row, steps in _forms().get((host, len(path)), ()):
        parts = {}
        for step, part in zip(steps, path, strict=True):
            hole = _HOLE.fullmatch(step)
            if hole:
                parts[hole[1]] = part
            elif step != part:
                break
        else:
            flaw = next((part for part in parts.values() if not _harmless(part)), None)
            return Found(row, parts) if flaw is None else "its id has a part that can't be the name of anything"
    return UNGUARDED.get(host, "its API has no way to write labels only where nobody else has, or none is known here")


@cache
def _forms() -> Mapping[tuple[str, int], tuple[tuple[Row, tuple[str, ...]], ...]]:
    found: dict[tuple[str, int], tuple[tuple[Row, tuple[str, ...]], ...]] = {}
    for row in ROWS:
        host, *steps = row.form.removeprefix("//").split("/")
        place = host, len(steps)
        found[place] = (*found.get(place, ()), (row, tuple(steps)))
    return found


def region(location: str) -> str:
    """The region of a zone, for both have one quota; what is no zone as it is."""
    return location[:-2] if _ZONE.search(location) else location


def _harmless(part: str) -> bool:
    """Whether it can be a segment of a path: no other resource, and no other host, is ever meant by it."""
    try:
        part.encode()
    except UnicodeEncodeError:
        return False
    return part not in ("", ".", "..") and not _CONTROLS.search(part)
