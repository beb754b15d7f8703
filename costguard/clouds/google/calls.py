"""Every call that costguard makes to Google Cloud: what it is, which permission it needs, how often Google lets it.

The role in the documentation is made of this table, and the door to Google (:mod:`costguard.clouds.google.api`) lets
nothing through that isn't in it.
"""

from typing import Literal

import msgspec

from costguard.clouds.pace import Quota

Api = Literal["cloudasset.googleapis.com", "cloudresourcemanager.googleapis.com"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One method of Google's. ``service`` is its gRPC service, and the client that has it is named after that.

    ``paged``: it answers page by page. ``per_minute`` is how often it may be called by one project, and ``family`` what
    it shares that with. Without a ``permission`` none is needed.
    """

    api: Api
    service: str
    method: str
    permission: str
    paged: bool = True
    per_minute: int
    family: str = ""

    @property
    def rpc(self) -> str:
        """``/google.cloud.asset.v1.AssetService/SearchAllResources``: what goes over the wire."""
        return f"/{self.service}/{self.method}"

    @property
    def quota(self) -> tuple[str, Quota]:
        """The family of calls that share it, and the quota."""
        return self.family or self.method, _quota(self.per_minute)


class RestCall(msgspec.Struct, frozen=True, kw_only=True):
    """One method of an API that is spoken to over HTTP, because its client is dear or is none: Compute's takes seconds
    to import.

    ``method`` is its id in Google's discovery documents (``compute.instances.setLabels``), ``path`` its path there with
    names in braces for what varies. ``api`` is the host; ``{location}`` in it stands for where the resource is.
    ``each``: the quota is each project's of the resources, not the caller's, and each region's where there is one.
    """

    api: str
    verb: Literal["GET", "POST", "PATCH"]
    method: str
    path: str
    permission: str
    per_minute: int
    family: str
    each: bool = False

    @property
    def quota(self) -> tuple[str, Quota]:
        """The family of calls that share it, and the quota."""
        return f"{self.api} {self.family}", _quota(self.per_minute)


def _quota(per_minute: int) -> Quota:
    """Google counts calls by the minute: what may be sent at once is taken off, or the first minute had too many."""
    burst = max(1, per_minute // 60)
    return Quota((per_minute - burst) / 60, burst)


_ASSET: Api = "cloudasset.googleapis.com"
_MANAGER: Api = "cloudresourcemanager.googleapis.com"

# "Cloud Asset Inventory quotas and limits": per minute, 400 searches for a project (and 1,500 for an organisation,
# which one run under one project can't reach), 100 lists for a project.
SEARCH = Call(
    api=_ASSET,
    service="google.cloud.asset.v1.AssetService",
    method="SearchAllResources",
    permission="cloudasset.assets.searchAllResources",
    per_minute=400,
)
LIST = Call(
    api=_ASSET,
    service="google.cloud.asset.v1.AssetService",
    method="ListAssets",
    permission="cloudasset.assets.listResource",
    per_minute=100,
)
# "Resource Manager: quotas and limits": 600 a minute for a project, lists and other reads each for themselves.
_LISTS, _READS = "lists of Resource Manager", "reads of Resource Manager"
GET_PROJECT = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.Projects",
    method="GetProject",
    permission="resourcemanager.projects.get",
    paged=False,
    per_minute=600,
    family=_READS,
)
LIST_PROJECTS = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.Projects",
    method="ListProjects",
    permission="resourcemanager.projects.list",
    per_minute=600,
    family=_LISTS,
)
GET_FOLDER = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.Folders",
    method="GetFolder",
    permission="resourcemanager.folders.get",
    paged=False,
    per_minute=600,
    family=_READS,
)
LIST_FOLDERS = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.Folders",
    method="ListFolders",
    permission="resourcemanager.folders.list",
    per_minute=600,
    family=_LISTS,
)
GET_TAG_KEY = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.TagKeys",
    method="GetNamespacedTagKey",
    permission="resourcemanager.tagKeys.get",
    paged=False,
    per_minute=600,
    family=_READS,
)
LIST_TAG_KEYS = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.TagKeys",
    method="ListTagKeys",
    permission="resourcemanager.tagKeys.list",
    per_minute=600,
    family=_LISTS,
)
LIST_TAG_VALUES = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.TagValues",
    method="ListTagValues",
    permission="resourcemanager.tagValues.list",
    per_minute=600,
    family=_LISTS,
)
LIST_EFFECTIVE_TAGS = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.TagBindings",
    method="ListEffectiveTags",
    permission="resourcemanager.hierarchyNodes.listEffectiveTags",
    per_minute=600,
    family=_READS,
)

CALLS = (
    SEARCH,
    LIST,
    GET_PROJECT,
    LIST_PROJECTS,
    GET_FOLDER,
    LIST_FOLDERS,
    GET_TAG_KEY,
    LIST_TAG_KEYS,
    LIST_TAG_VALUES,
    LIST_EFFECTIVE_TAGS,
)
"""All calls of a scan."""

UPDATE_PROJECT = Call(
    api=_MANAGER,
    service="google.cloud.resourcemanager.v3.Projects",
    method="UpdateProject",
    permission="resourcemanager.projects.update",
    paged=False,
    per_minute=600,
    family="writes of Resource Manager",
)
# Whoever began an operation may ask how far it is.
GET_OPERATION = Call(
    api=_MANAGER,
    service="google.longrunning.Operations",
    method="GetOperation",
    permission="",
    paged=False,
    per_minute=600,
    family=_READS,
)
WRITER_CALLS = (GET_PROJECT, UPDATE_PROJECT, GET_OPERATION)
"""The calls over gRPC of who writes labels; those over HTTP are beside the types that they are for."""

ROLES = ("roles/cloudasset.viewer", "roles/browser", "roles/resourcemanager.tagViewer")
"""Google's own roles that hold the permissions, and more than these."""


def permissions() -> tuple[str, ...]:
    """The IAM permissions that a reader needs on each scope, in their order. Where calls are counted against another
    project than the credentials' own (``quota-project``), it needs ``serviceusage.services.use`` there besides."""
    return tuple(sorted({call.permission for call in CALLS}))


def writer_permissions() -> tuple[str, ...]:
    """Those that whoever writes labels needs on what is written, in their order; they are more than to label, for many
    an API has one permission for all that can be updated."""
    from costguard.clouds.google.labels.table import CALLS as OVER_HTTP

    held = {call.permission for call in WRITER_CALLS} | {call.permission for call in OVER_HTTP}
    return tuple(sorted(held - {""}))


def role_document() -> str:
    """A custom role with exactly those, as ``gcloud iam roles create costguardReader --file=…`` takes it."""
    return _role("reader", "Reads the inventory of resources, labels and Tags; changes nothing.", permissions())


def writer_role_document() -> str:
    """The same for ``costguard reconcile``, which writes labels. What isn't written may be left out."""
    return _role("writer", "Reads and writes the labels of single resources.", writer_permissions())


def _role(what: str, description: str, held: tuple[str, ...]) -> str:
    return "\n".join(
        (
            f"title: Costguard {what}",
            f"description: {description}",
            "stage: GA",
            "includedPermissions:",
            *(f"- {permission}" for permission in held),
            "",
        )
    )
