"""The aggregator of AWS Config: one place that knows of many accounts, where somebody has set one up.

Config doesn't record the tags of every type, so a resource that it shows without tags may have some; what it isn't told
to record it doesn't show. Its word therefore counts last.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from costguard import catalog
from costguard.catalog.native import terraform_type
from costguard.clouds.aws.api import Access, guarded_pages, told
from costguard.clouds.sighting import GLOBAL, Sighting, SourceAbsent

_PAGE = 100
_ACCOUNTS = 150
"""An expression has 4,096 characters at most; an account takes 15 of them."""


class _Tag(msgspec.Struct):
    key: str = ""
    value: str | None = None


class _Item(msgspec.Struct, rename="camel"):
    arn: str = ""
    resource_type: str = ""
    account_id: str = ""
    aws_region: str = ""
    tags: list[_Tag] = []
    configuration_item_capture_time: str = ""


# Made before there are threads: two that make it at once crash msgspec (tests/test_threads.py).
_ITEM = msgspec.json.Decoder(_Item)


def find(access: Access, region: str) -> str:
    """The name of the aggregator in a region, the first by name of several. Raises :class:`SourceError`, and
    :class:`SourceAbsent` where there is none."""
    client = access.client("config", region)
    pages = guarded_pages(client.get_paginator("describe_configuration_aggregators").paginate())
    found = [
        one for page in pages for one in told(page, "ConfigurationAggregators", "DescribeConfigurationAggregators")
    ]
    names = sorted(one["ConfigurationAggregatorName"] for one in found if one.get("ConfigurationAggregatorName"))
    if not names:
        raise SourceAbsent("there is no AWS Config aggregator in this region")
    return str(names[0])


def read(access: Access, region: str, name: str, accounts: Sequence[str]) -> Iterator[Sequence[Sighting]]:
    """What the aggregator knows of these accounts. Raises boto3's errors."""
    client = access.client("config", region)
    paginator = client.get_paginator("select_aggregate_resource_config")
    for start in range(0, len(accounts), _ACCOUNTS):
        among = ", ".join(f"'{account}'" for account in accounts[start : start + _ACCOUNTS])
        asked = (
            "SELECT arn, resourceType, accountId, awsRegion, tags, configurationItemCaptureTime "
            f"WHERE accountId IN ({among})"
        )
        for page in paginator.paginate(
            Expression=asked, ConfigurationAggregatorName=name, PaginationConfig={"PageSize": _PAGE}
        ):
            yield [
                seen
                for text in told(page, "Results", "SelectAggregateResourceConfig")
                if (seen := _sighting(text)) is not None
            ]


def _sighting(text: str) -> Sighting | None:
    """None for what has no ARN, and for what can't be tagged or isn't known to: Config records such things, too."""
    try:
        item = _ITEM.decode(text)
    except msgspec.MsgspecError:
        return None
    type_ = terraform_type(item.resource_type)
    known = catalog.lookup(type_) if type_ is not None else None
    if not item.arn or (not item.tags and (known is None or known.own is None)):
        return None
    return Sighting(
        id=item.arn,
        type=type_ or item.resource_type,
        account=item.account_id,
        region=item.aws_region or GLOBAL,
        tags={tag.key: tag.value or "" for tag in item.tags} or None,
        reported=_seconds(item.configuration_item_capture_time),
    )


def _seconds(text: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return None
