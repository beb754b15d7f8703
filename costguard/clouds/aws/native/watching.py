"""What writes down and watches: log groups, alarms, trails, and the parameters beside them."""

from costguard.clouds.aws.native.listing import Batch, Each, Item, Kind, Listing, Reading, To

# How services call the log groups that they write to, as each of their guides documents it.
_WRITERS = tuple(
    To("parent", "logGroupName", f"arn:{{partition}}:{arn}", pattern)
    for pattern, arn in (
        ("/aws/lambda/([^/]+)", "lambda:{region}:{account}:function:{value}"),
        ("/aws/codebuild/([^/]+)", "codebuild:{region}:{account}:project/{value}"),
        ("/aws/rds/instance/([^/]+)/.+", "rds:{region}:{account}:db:{value}"),
        ("/aws/rds/cluster/([^/]+)/.+", "rds:{region}:{account}:cluster:{value}"),
        ("/aws/eks/([^/]+)/cluster", "eks:{region}:{account}:cluster/{value}"),
        ("/aws/ecs/containerinsights/([^/]+)/performance", "ecs:{region}:{account}:cluster/{value}"),
        ("/aws/containerinsights/([^/]+)/.+", "eks:{region}:{account}:cluster/{value}"),
    )
)


def _watched(namespace: str, dimension: str, arn: str = "") -> To:
    """What a metric is of, by a dimension of the service's own metrics."""
    path = f"[@][?Namespace=='{namespace}'].Dimensions[] | [?Name=='{dimension}'].Value"
    return To("parent", path, arn and f"arn:{{partition}}:{arn}")


_WATCHED = (
    _watched("AWS/EC2", "InstanceId"),
    _watched("AWS/EBS", "VolumeId"),
    _watched("AWS/NATGateway", "NatGatewayId"),
    _watched("AWS/RDS", "DBInstanceIdentifier", "rds:{region}:{account}:db:{value}"),
    _watched("AWS/RDS", "DBClusterIdentifier", "rds:{region}:{account}:cluster:{value}"),
    _watched("AWS/Lambda", "FunctionName", "lambda:{region}:{account}:function:{value}"),
    _watched("AWS/SQS", "QueueName", "sqs:{region}:{account}:{value}"),
    _watched("AWS/SNS", "TopicName", "sns:{region}:{account}:{value}"),
    _watched("AWS/DynamoDB", "TableName", "dynamodb:{region}:{account}:table/{value}"),
    _watched("AWS/ApplicationELB", "LoadBalancer", "elasticloadbalancing:{region}:{account}:loadbalancer/{value}"),
    _watched("AWS/NetworkELB", "LoadBalancer", "elasticloadbalancing:{region}:{account}:loadbalancer/{value}"),
)


def _alarm(items: str, kind: str, type_: str, related: tuple[To, ...] = ()) -> Listing:
    return Listing(
        service="cloudwatch",
        operation="DescribeAlarms",
        # Composite alarms are shown only where they are asked for (API reference, AlarmTypes).
        asks={"AlarmTypes": [kind]},
        items=items,
        id="{AlarmArn}",
        type=type_,
        related=related,
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
        related=_WRITERS,
        page=50,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{logGroupArn}"}, tags="tags"),
    ),
    _alarm("MetricAlarms", "MetricAlarm", "aws_cloudwatch_metric_alarm", _WATCHED),
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
