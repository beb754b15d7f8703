"""Resource Explorer: the index that also lists what was never tagged.

An account has an index in some regions; one of them may be the aggregator, which holds copies of the others. Traps of
``ListResources``, from its documentation and cloud-custodian#11021: a page of 1,000 has no token for the next one, so
pages are of 500; tags are there only if the view includes them; IAM's never are; entries trail what is there now.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from costguard.catalog.native import terraform_type, terraform_type_of_arn
from costguard.clouds.aws.api import Access, guarded_pages, told
from costguard.clouds.sighting import Sighting, SourceAbsent, SourceError

_PAGE = 500
_FILTER = "resourcetype.supports:tags"


def indexes(access: Access) -> tuple[str | None, frozenset[str]]:
    """The region of the aggregator index, if there is one, and all regions that have an index.

    Raises :class:`SourceError`, and :class:`SourceAbsent` where Resource Explorer isn't turned on.
    """
    client = access.client("resource-explorer-2", access.region)
    pages = guarded_pages(client.get_paginator("list_indexes").paginate())
    found = [index for page in pages for index in told(page, "Indexes", "ListIndexes")]
    if not found:
        raise SourceAbsent("Resource Explorer isn't turned on in this account")
    aggregator = next((str(index.get("Region")) for index in found if index.get("Type") == "AGGREGATOR"), None)
    return aggregator, frozenset(str(told(index, "Region", "ListIndexes")) for index in found)


def read(
    access: Access, region: str, view: str | None, accounts: Collection[str], regions: Collection[str] | None
) -> Iterator[Sequence[Sighting]]:
    """What the index in ``region`` lists of these accounts and regions (all without them), and of what is global.

    ``view`` is the ARN of the view to look through, the region's default view without one. Raises boto3's errors, and
    :class:`SourceAbsent` where there is no view.
    """
    client = access.client("resource-explorer-2", region)
    chosen = view or _default_view(client)
    shown = told(client.get_view(ViewArn=chosen), "View", "GetView")
    with_tags = any(included.get("Name") == "tags" for included in shown.get("IncludedProperties", ()))
    asked = {"ViewArn": chosen, "Filters": {"FilterString": _FILTER}, "PaginationConfig": {"PageSize": _PAGE}}
    unread = "" if with_tags else f"the Resource Explorer view {chosen} doesn't include tags; add the property to it"
    for page in client.get_paginator("list_resources").paginate(**asked):
        yield [
            seen
            for entry in told(page, "Resources", "ListResources")
            if entry.get("OwningAccountId") in accounts
            and (regions is None or entry.get("Region") in regions or entry.get("Region") == "global")
            and (seen := _sighting(entry, with_tags, unread)) is not None
        ]
    if narrowed := (shown.get("Filters") or {}).get("FilterString"):
        raise SourceError(f"the view {chosen} shows only what its filter ({narrowed}) lets through")


def _default_view(client: Any) -> str:
    answer = client.get_default_view()
    if not answer.get("ViewArn"):
        raise SourceAbsent("Resource Explorer has no default view in this region; name one with explorer-view")
    return str(answer["ViewArn"])


def _sighting(entry: dict[str, Any], with_tags: bool, unread: str) -> Sighting | None:
    arn = entry.get("Arn")
    if not arn:
        return None
    kind = entry.get("ResourceType") or ""
    reported = entry.get("LastReportedAt")
    tags: dict[str, str] | None = None
    # "IAM tags are not indexed": an IAM resource without any may have some.
    if with_tags and entry.get("Service") != "iam":
        tags = {}
        for part in entry.get("Properties") or ():
            if part.get("Name") == "tags":
                tags = _tags(part.get("Data"))
                reported = part.get("LastReportedAt") or reported
    return Sighting(
        id=arn,
        # The ARN before Explorer's word, which is the same for load balancers of either generation.
        type=terraform_type_of_arn(arn) or _type(kind) or entry.get("CfnResourceType") or kind,
        account=entry["OwningAccountId"],
        region=entry.get("Region") or "global",
        tags=tags,
        unread=unread if tags is None else "",
        reported=int(reported.timestamp()) if isinstance(reported, datetime) else None,
    )


def _tags(data: Any) -> dict[str, str] | None:
    """The tags of a property; None where it has another shape than the documented list of keys and values."""
    if not isinstance(data, list):
        return None
    tags = {}
    for one in data:
        if not isinstance(one, dict) or not isinstance(one.get("Key"), str):
            return None
        tags[one["Key"]] = str(one.get("Value") or "")
    return tags


@lru_cache(maxsize=4096)
def _type(kind: str) -> str | None:
    return terraform_type(kind)
