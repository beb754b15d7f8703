"""What moto holds, as the indexes would know it: read through moto's native describes, apart from costguard's own.

A test that makes resources through the SDK (or Terraform) needs an Explorer and a Config that know them; these rows
know the resources that tests make. Global services are read in us-east-1.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from botocore.exceptions import ClientError

from tests.servers.indexed import Item

Client = Callable[[str], Any]
Json = Mapping[str, Any]


class _Row(msgspec.Struct, frozen=True):
    """One kind of resource: the SDK's paginator and path to the resources, and what makes an ARN of one (a field that
    holds it, or a tail with fields in braces). ``tags`` is the field that holds them."""

    service: str
    method: str
    path: str
    type: str
    config_type: str
    arn: str
    tags: str = "Tags"


_ROWS: Final = (
    _Row(
        "ec2",
        "describe_instances",
        "Reservations[].Instances[]",
        "ec2:instance",
        "AWS::EC2::Instance",
        "instance/{InstanceId}",
    ),
    _Row("ec2", "describe_volumes", "Volumes[]", "ec2:volume", "AWS::EC2::Volume", "volume/{VolumeId}"),
    _Row("ec2", "describe_vpcs", "Vpcs[]", "ec2:vpc", "AWS::EC2::VPC", "vpc/{VpcId}"),
    _Row("ec2", "describe_subnets", "Subnets[]", "ec2:subnet", "AWS::EC2::Subnet", "subnet/{SubnetId}"),
    _Row(
        "ec2",
        "describe_security_groups",
        "SecurityGroups[]",
        "ec2:security-group",
        "AWS::EC2::SecurityGroup",
        "security-group/{GroupId}",
    ),
    _Row(
        "ec2",
        "describe_nat_gateways",
        "NatGateways[]",
        "ec2:natgateway",
        "AWS::EC2::NatGateway",
        "natgateway/{NatGatewayId}",
    ),
    _Row(
        "ec2",
        "describe_network_interfaces",
        "NetworkInterfaces[]",
        "ec2:network-interface",
        "AWS::EC2::NetworkInterface",
        "network-interface/{NetworkInterfaceId}",
        "TagSet",
    ),
    _Row("ec2", "describe_addresses", "Addresses[]", "ec2:elastic-ip", "AWS::EC2::EIP", "elastic-ip/{AllocationId}"),
    _Row("rds", "describe_db_instances", "DBInstances[]", "rds:db", "AWS::RDS::DBInstance", "DBInstanceArn", "TagList"),
    _Row(
        "rds", "describe_db_clusters", "DBClusters[]", "rds:cluster", "AWS::RDS::DBCluster", "DBClusterArn", "TagList"
    ),
    _Row(
        "secretsmanager", "list_secrets", "SecretList[]", "secretsmanager:secret", "AWS::SecretsManager::Secret", "ARN"
    ),
)


def read(client: Client, account: str, region: str) -> Iterator[Item]:
    """All resources of these kinds in one account and region; ``client`` makes the SDK's clients for them."""
    for row in _ROWS:
        sdk = client(row.service)
        pages = sdk.get_paginator(row.method).paginate() if sdk.can_paginate(row.method) else None
        found = pages.search(row.path) if pages else getattr(sdk, row.method)()[row.path.removesuffix("[]")]
        for one in found:
            prefix = f"arn:aws:{row.service}:{region}:{account}:"
            arn = prefix + row.arn.format(**one) if "{" in row.arn else str(one[row.arn])
            yield _item(row.type, row.config_type, arn, account, region, _pairs(one.get(row.tags)))
    yield from _with_a_call_each(client, account, region)
    if region == "us-east-1":
        yield from _global(client, account)


def _with_a_call_each(client: Client, account: str, region: str) -> Iterator[Item]:
    """The kinds whose tags are asked for one by one."""
    s3 = client("s3")
    for bucket in s3.list_buckets().get("Buckets", ()):
        name = bucket["Name"]
        if (s3.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1") != region:
            continue
        try:
            tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
        except ClientError:
            tags = []
        yield _item("s3:bucket", "AWS::S3::Bucket", f"arn:aws:s3:::{name}", account, region, _pairs(tags))
    sqs = client("sqs")
    for url in sqs.list_queues().get("QueueUrls", ()):
        arn = f"arn:aws:sqs:{region}:{account}:{url.rsplit('/', 1)[1]}"
        yield _item(
            "sqs:queue", "AWS::SQS::Queue", arn, account, region, sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        )
    sns = client("sns")
    for topic in sns.get_paginator("list_topics").paginate().search("Topics[].TopicArn"):
        tags = _pairs(sns.list_tags_for_resource(ResourceArn=topic)["Tags"])
        yield _item("sns:topic", "AWS::SNS::Topic", topic, account, region, tags)
    dynamodb = client("dynamodb")
    for table in dynamodb.get_paginator("list_tables").paginate().search("TableNames[]"):
        arn = f"arn:aws:dynamodb:{region}:{account}:table/{table}"
        tags = _pairs(dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"])
        yield _item("dynamodb:table", "AWS::DynamoDB::Table", arn, account, region, tags)
    functions = client("lambda")
    for arn in functions.get_paginator("list_functions").paginate().search("Functions[].FunctionArn"):
        tags = functions.list_tags(Resource=arn).get("Tags", {})
        yield _item("lambda:function", "AWS::Lambda::Function", arn, account, region, tags)
    kms = client("kms")
    for key in kms.get_paginator("list_keys").paginate().search("Keys[]"):
        listed = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
        tags = {tag["TagKey"]: tag["TagValue"] for tag in listed}
        yield _item("kms:key", "AWS::KMS::Key", key["KeyArn"], account, region, tags)
    logs = client("logs")
    for group in logs.get_paginator("describe_log_groups").paginate().search("logGroups[]"):
        arn = group["arn"].removesuffix(":*")
        tags = logs.list_tags_for_resource(resourceArn=arn).get("tags", {})
        yield _item("logs:log-group", "AWS::Logs::LogGroup", arn, account, region, tags)


def _global(client: Client, account: str) -> Iterator[Item]:
    iam = client("iam")
    for role in iam.get_paginator("list_roles").paginate().search("Roles[]"):
        tags = _pairs(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])
        yield _item("iam:role", "AWS::IAM::Role", role["Arn"], account, "global", tags)


def _item(type_: str, config_type: str, arn: str, account: str, region: str, tags: Mapping[str, str]) -> Item:
    return Item(arn=arn, type=type_, config_type=config_type, account=account, region=region, tags=tags)


def _pairs(tags: list[Json] | None) -> Mapping[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or ()}
