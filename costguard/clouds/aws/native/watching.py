"""What writes down and watches: log groups, alarms, trails, and the parameters beside them."""

from costguard.clouds.aws.native.listing import Batch, Each, Item, Kind, Listing, Reading


def _alarm(items: str, kind: str, type_: str) -> Listing:
    return Listing(
        service="cloudwatch",
        operation="DescribeAlarms",
        # Composite alarms are shown only where they are asked for (API reference, AlarmTypes).
        asks={"AlarmTypes": [kind]},
        items=items,
        id="{AlarmArn}",
        type=type_,
        page=100,
        tags=Each(operation="ListTagsForResource", asks={"ResourceARN": "{AlarmArn}"}),
    )


def _trail(reading: Reading, item: Item) -> Kind | None:
    """A trail; one of all regions is shown in each, and an organisation's in each of its accounts."""
    arn = str(item.get("TrailARN")).split(":")
    ours = arn[3:5] == [reading.region, reading.account]
    return Kind("aws_cloudtrail") if ours else None


ROWS = (
    Listing(
        service="logs",
        operation="DescribeLogGroups",
        items="logGroups",
        id="{logGroupArn}",
        type="aws_cloudwatch_log_group",
        page=50,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{logGroupArn}"}, tags="tags"),
    ),
    _alarm("MetricAlarms", "MetricAlarm", "aws_cloudwatch_metric_alarm"),
    _alarm("CompositeAlarms", "CompositeAlarm", "aws_cloudwatch_composite_alarm"),
    Listing(
        service="cloudtrail",
        operation="ListTrails",
        items="Trails",
        id="{TrailARN}",
        type="aws_cloudtrail",
        kind=_trail,
        tags=Batch(
            operation="ListTags",
            parameter="ResourceIdList",
            name="{TrailARN}",
            size=20,
            answers="ResourceTagList",
            key="ResourceId",
            tags="TagsList",
        ),
    ),
    Listing(
        service="ssm",
        operation="DescribeParameters",
        items="Parameters",
        id="arn:{partition}:ssm:{region}:{account}:parameter/{Name:^/}",
        type="aws_ssm_parameter",
        page=50,
        tags=Each(
            operation="ListTagsForResource",
            asks={"ResourceType": "Parameter", "ResourceId": "{Name}"},
            tags="TagList",
        ),
    ),
)
