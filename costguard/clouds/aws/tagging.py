"""The Resource Groups Tagging API: all that is tagged, or ever was, in one region of an account.

It says nothing of what was never tagged, so absence from it proves nothing here; what it shows, it shows with all tags.
"""

from collections.abc import Collection, Iterator, Sequence

from costguard.catalog.native import explorer_type, native_types, terraform_type_of_arn
from costguard.clouds.aws.api import Access, told
from costguard.clouds.sighting import GLOBAL, Sighting

_PAGE = 100
_MOST_FILTERS = 100

# Services without regions; their ARNs name none, and us-east-1 (of its partition) lists them.
_GLOBAL = frozenset({"iam", "cloudfront", "route53", "route53domains", "globalaccelerator", "waf", "organizations"})


def read(access: Access, region: str, types: Collection[str] | None) -> Iterator[Sequence[Sighting]]:
    """All that is or was tagged in the region; of ``types`` alone, where they are given. Raises boto3's errors."""
    client = access.client("resourcegroupstaggingapi", region)
    asked: dict[str, object] = {"ResourcesPerPage": _PAGE}
    # A filter by service takes in all of its types; not every spelling of a type is one that this API knows.
    services = sorted({name.split(":")[0] for one in types or () for name in native_types(one) if _is_filter(name)})
    if services and len(services) <= _MOST_FILTERS:
        asked["ResourceTypeFilters"] = services
    for attempt in (1, 2):
        try:
            for page in client.get_paginator("get_resources").paginate(**asked):
                yield [
                    _sighting(entry["ResourceARN"], entry.get("Tags", ()), access.account, region)
                    for entry in told(page, "ResourceTagMappingList", "GetResources")
                    if entry.get("ResourceARN")
                ]
        except client.exceptions.PaginationTokenExpiredException:
            # A token lives for 15 minutes. What comes again is the same resource seen twice, which is no harm.
            if attempt == 2:
                raise
        else:
            return


def _sighting(arn: str, tags: Sequence[dict[str, str]], account: str, region: str) -> Sighting:
    parts = arn.split(":", 5)
    service, where, owner = parts[2:5] if len(parts) == 6 else ("", "", "")
    return Sighting(
        id=arn,
        type=terraform_type_of_arn(arn) or explorer_type(arn) or service or "unknown",
        account=owner or account,
        region=where or (GLOBAL if service in _GLOBAL else region),
        tags={tag["Key"]: tag.get("Value", "") for tag in tags if "Key" in tag},
    )


def _is_filter(name: str) -> bool:
    """Whether a native type's name is in the spelling of ARNs (``ec2:instance``)."""
    return name.count(":") == 1 and "::" not in name
