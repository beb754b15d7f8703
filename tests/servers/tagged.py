"""What a call writes on whose tags, and what AWS refuses of that where moto doesn't.

Knows the calls of Resource Groups Tagging, EC2, S3 and Auto Scaling one by one, and all others by their models: an
operation that names a resource and brings tags, or keys of tags to take away.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

import msgspec
from botocore.exceptions import UnknownServiceError

from tests.servers import wire
from tests.servers.http1 import Request
from tests.servers.indexed import ApiError
from tests.servers.wire import Call


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """One key of one resource that a call wrote: ``value`` is None where it was taken away. ``resource`` is what the
    call named it: an ARN, or an id or name where the service takes no ARNs. ``at`` is seconds of the server's clock."""

    resource: str
    key: str
    value: str | None
    by: str
    account: str
    region: str
    at: float


_WRITES: Final = re.compile(
    r"Tag(?:Resources?|Queue|DeliveryStream|Role|User|Policy|InstanceProfile|OpenIDConnectProvider|SAMLProvider"
    r"|ServerCertificate|CertificateAuthority)|Untag.+|(?:Add|Remove|Create|Delete)Tags.*|CreateOrUpdateTags"
    r"|ChangeTagsForResource|PutBucketTagging|DeleteBucketTagging"
)
_TAKES: Final = re.compile(r"Untag|Remove|Delete")


def is_write(call: Call) -> bool:
    return _WRITES.fullmatch(call.operation) is not None


def pairs(call: Call, request: Request) -> Iterator[tuple[str, str, str | None]]:
    """(resource, key, value or None) of all that the call is to write."""
    asked = call.parameters
    match call.service, call.operation:
        case "s3control" | "s3", operation:
            yield from _of_s3(call, operation, request)
        case "autoscaling", operation:
            for tag in asked.get("Tags", ()):
                value = None if operation == "DeleteTags" else str(tag.get("Value", ""))
                yield str(tag.get("ResourceId")), str(tag.get("Key")), value
        case "route53", _:
            pass  # Its bodies are XML, which nobody needs to know yet.
        case "resourcegroupstaggingapi", operation:
            for arn in asked.get("ResourceARNList", ()):
                for key, value in _tags(asked):
                    yield str(arn), key, None if operation == "UntagResources" else value
        case "ec2", operation:
            for id_ in asked.get("Resources", ()):
                for key, value in _tags(asked):
                    yield str(id_), key, None if operation == "DeleteTags" else value
        case _, operation:
            takes = _TAKES.match(operation) is not None
            for resource in _resources(call):
                for key, value in _tags(asked):
                    yield resource, key, None if takes else value


def _resources(call: Call) -> list[str]:
    """What the parameter that names the resource says."""
    try:
        shape = wire.operation_model(call.service, call.operation).input_shape
    except (UnknownServiceError, KeyError, ValueError):
        return []
    for name in shape.required_members if shape is not None else ():
        value = call.parameters.get(name)
        if "tag" in name.lower() or name == "ResourceType" or value is None:
            continue
        return [str(one) for one in value] if isinstance(value, list) else [unquote(str(value))]
    return [str(value) for name, value in call.parameters.items() if name in ("StreamName", "StreamARN")]


def _tags(asked: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for name, value in asked.items():
        if "tag" not in name.lower():
            continue
        if isinstance(value, dict):
            yield from ((str(key), str(text)) for key, text in value.items())
        elif isinstance(value, list):
            for tag in value:
                if isinstance(tag, dict):
                    named = {word.lower().removeprefix("tag"): text for word, text in tag.items()}
                    yield str(named.get("key")), str(named.get("value", ""))
                else:
                    yield str(tag), None


def _of_s3(call: Call, operation: str, request: Request) -> Iterator[tuple[str, str, str | None]]:
    path, _, query = request.target.partition("?")
    named = str(call.parameters.get("Bucket") or unquote(path).partition("/tags/")[2])
    if operation in ("UntagResource", "DeleteBucketTagging"):
        keys = parse_qs(query).get("tagKeys", ["*"])
        yield from ((named, key, None) for key in keys)
        return
    try:
        root = ElementTree.fromstring(request.body)  # noqa: S314 - the client under test wrote it.
    except ElementTree.ParseError:
        return
    for tag in root.iter():
        if tag.tag.rpartition("}")[2] == "Tag":
            found = {child.tag.rpartition("}")[2]: child.text or "" for child in tag}
            yield named, found.get("Key", ""), found.get("Value", "")


# ------------------------------------------------------------------ EC2

# What begins an id, the kind in its ARN, and how moto is asked whether there is one; none where nobody asks.
KINDS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "i": ("instance", "DescribeInstances", "InstanceId", "InvalidInstanceID.NotFound"),
    "vol": ("volume", "DescribeVolumes", "VolumeId", "InvalidVolume.NotFound"),
    "snap": ("snapshot", "DescribeSnapshots", "SnapshotId", "InvalidSnapshot.NotFound"),
    "ami": ("image", "DescribeImages", "ImageId", "InvalidAMIID.NotFound"),
    "vpc": ("vpc", "DescribeVpcs", "VpcId", "InvalidVpcID.NotFound"),
    "subnet": ("subnet", "DescribeSubnets", "SubnetId", "InvalidSubnetID.NotFound"),
    "sg": ("security-group", "DescribeSecurityGroups", "GroupId", "InvalidGroup.NotFound"),
    "eni": (
        "network-interface",
        "DescribeNetworkInterfaces",
        "NetworkInterfaceId",
        "InvalidNetworkInterfaceID.NotFound",
    ),
    "eipalloc": ("elastic-ip", "DescribeAddresses", "AllocationId", "InvalidAllocationID.NotFound"),
    "igw": ("internet-gateway", "DescribeInternetGateways", "InternetGatewayId", "InvalidInternetGatewayID.NotFound"),
    "rtb": ("route-table", "DescribeRouteTables", "RouteTableId", "InvalidRouteTableID.NotFound"),
    "acl": ("network-acl", "DescribeNetworkAcls", "NetworkAclId", "InvalidNetworkAclID.NotFound"),
    "nat": ("natgateway", "DescribeNatGateways", "NatGatewayId", "NatGatewayNotFound"),
    "key": ("key-pair", "", "", ""),
    "lt": ("launch-template", "", "", ""),
    "vpce": ("vpc-endpoint", "", "", ""),
    "sgr": ("security-group-rule", "", "", ""),
}


def arn_of(id_: str, region: str, account: str) -> str:
    """The ARN of an id of EC2's; an ARN as it is."""
    kind = KINDS.get(id_.rpartition("-")[0], (id_.rpartition("-")[0],))[0]
    return id_ if id_.startswith("arn:") else f"arn:aws:ec2:{region}:{account}:{kind}/{id_}"


def check_ec2(call: Call) -> None:
    """Raises what EC2 refuses and moto accepts, but for ids that aren't there."""
    ids = call.parameters.get("Resources", ())
    if not ids:
        raise ApiError("MissingParameter", "The request must contain the parameter resourceIdSet")
    if len(ids) > 1000:
        raise ApiError("InvalidParameterValue", "The maximum number of resources is 1000.")
    for key, value in _tags({"Tags": call.parameters.get("Tags", ())}):
        if key.lower().startswith("aws:"):
            raise ApiError(
                "InvalidParameterValue", f"Tag keys starting with 'aws:' are reserved for internal use: {key}"
            )
        if not 1 <= len(key) <= 127 + 1:
            raise ApiError("InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters")
        if value is not None and len(value) > 256:
            raise ApiError("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")


_ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(?:\d{12})?:\S.*", re.DOTALL)


def check_arns(arns: list[str]) -> None:
    """Raises what Resource Groups Tagging answers to a call in which one ARN is no ARN: nothing of it is done."""
    for arn in arns:
        if not _ARN.fullmatch(arn) or len(arn) > 1011:
            raise ApiError("InvalidParameterException", f"{arn[:80]} is not a valid ARN")
