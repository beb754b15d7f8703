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
    it shares that with.
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
        """The family of calls that share it, and the quota.

        Google counts calls by the minute: what may be sent at once is taken off, or the first minute had too many.
        """
        burst = max(1, self.per_minute // 60)
        return self.family or self.method, Quota((self.per_minute - burst) / 60, burst)


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
"""All calls."""

ROLES = ("roles/cloudasset.viewer", "roles/browser", "roles/resourcemanager.tagViewer")
"""Google's own roles that hold the permissions, and more than these."""


def permissions() -> tuple[str, ...]:
    """The IAM permissions that a reader needs on each scope, in their order. Where calls are counted against another
    project than the credentials' own (``quota-project``), it needs ``serviceusage.services.use`` there besides."""
    return tuple(sorted({call.permission for call in CALLS}))


def role_document() -> str:
    """A custom role with exactly those, as ``gcloud iam roles create costguardReader --file=…`` takes it."""
    return "\n".join(
        (
            "title: Costguard reader",
            "description: Reads the inventory of resources, labels and Tags; changes nothing.",
            "stage: GA",
            "includedPermissions:",
            *(f"- {permission}" for permission in permissions()),
            "",
        )
    )
