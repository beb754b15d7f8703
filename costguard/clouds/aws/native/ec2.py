"""EC2: machines, their disks and addresses, and the networks that they are in.

All of its listings show tags. They also show, for a while, what has been deleted, and what other accounts share with
this one; neither counts.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from costguard.clouds.aws.native.listing import Item, Kind, Listing, Reading, To, legible
from costguard.model.resource import Manager

# Not there any more, or on the way: EC2 shows them for up to an hour.
_PAST = frozenset(
    {
        "cancelled",
        "delete-complete",
        "delete-in-progress",
        "deleted",
        "deleting",
        "deregistered",
        "released",
        "released-permanent-failure",
        "shutting-down",
        "terminated",
    }
)
_OVER = _PAST | {"expired", "failed", "rejected"}
"""The same of what is an agreement, and no thing."""


def _row(
    operation: str,
    items: str,
    resource: str,
    type_: str,
    page: int = 1000,
    *,
    parents: tuple[str, ...] = (),
    related: tuple[To, ...] = (),
    **more: Any,
) -> Listing:
    """``parents`` are JMESPaths to the ids of what it is attached to or was made from."""
    return Listing(
        service="ec2",
        operation=operation,
        items=items,
        id=f"arn:{{partition}}:ec2:{{region}}:{{account}}:{resource}",
        page=page,
        related=(_WITHIN, *(To("parent", path) for path in parents), *related),
        **{"type": type_, "kind": _ours(type_), **more},
    )


# Wherever EC2 shows these, it is the network that a thing is in.
_WITHIN = To("network", "[VpcId, SubnetId]")
_ATTACHED = (To("network", "Attachments[].VpcId"),)


def _ours(type_: str, past: frozenset[str] = _PAST) -> Callable[[Reading, Item], Kind | None]:
    """The kind of whatever is there and belongs to the account."""

    def kind(reading: Reading, item: Item) -> Kind | None:
        if item.get("OwnerId", reading.account) != reading.account or _past(item, past):
            return None
        return Kind(type_, default=_unasked(type_, reading, item), managers=_operators(item))

    return kind


def _unasked(type_: str, reading: Reading, item: Item) -> str:
    """Whether AWS made it by itself: a default VPC in every region, and with every VPC what it can't be without
    (Amazon VPC User Guide, "Default VPCs"). A main route table of somebody's own can't be told from AWS's."""
    match type_:
        case "aws_vpc" if item.get("IsDefault") is True:
            return "AWS makes a default VPC in every region"
        case "aws_subnet" if item.get("DefaultForAz") is True:
            return "AWS makes a subnet for each zone of a default VPC"
        case "aws_network_acl" if item.get("IsDefault") is True:
            return "AWS makes a network ACL with every VPC"
        case "aws_security_group" if item.get("GroupName") == "default":
            return "AWS makes a security group with every VPC"
        case "aws_route_table" if any(one.get("Main") is True for one in item.get("Associations") or ()):
            return "AWS makes a main route table with every VPC"
        case "aws_internet_gateway" if any(
            one.get("VpcId") in _defaults(reading, "VpcId") for one in item.get("Attachments") or ()
        ):
            return "AWS makes an internet gateway with a default VPC"
        case "aws_vpc_dhcp_options" if item.get("DhcpOptionsId") in _defaults(reading, "DhcpOptionsId"):
            return "AWS makes a set of DHCP options with a default VPC"
        case "aws_ec2_transit_gateway_route_table" if (
            item.get("DefaultAssociationRouteTable") is True or item.get("DefaultPropagationRouteTable") is True
        ):
            return "AWS makes a default route table with a transit gateway"
        case _:
            return ""


def _defaults(reading: Reading, field: str) -> frozenset[str]:
    """A field of the region's default VPC; empty where it can't be read: what belongs to it is then like the rest."""
    from botocore.exceptions import ClientError

    if field not in reading.remembered:
        asks = {"Filters": [{"Name": "is-default", "Values": ["true"]}]}
        try:
            vpcs = [vpc for page in reading.pages("DescribeVpcs", asks) for vpc in page.get("Vpcs") or ()]
        except ClientError:
            vpcs = []
        reading.remembered[field] = frozenset(str(vpc.get(field)) for vpc in vpcs)
    return reading.remembered[field]


def _past(item: Item, past: frozenset[str]) -> bool:
    for field in ("State", "Status"):
        state = item.get(field)
        if isinstance(state, dict):
            state = state.get("Name") or state.get("Code")
        if isinstance(state, str) and state.lower() in past:
            return True
    return False


def _operators(item: Item) -> tuple[Manager, ...]:
    """The service that runs the resource for its owner (EKS Auto Mode, and the like). Its tags are the owner's."""
    operator = item.get("Operator")
    if isinstance(operator, dict) and operator.get("Managed") is True:
        return (Manager(tool="aws", name=legible(str(operator.get("Principal") or "an AWS service"))),)
    service = item.get("ServiceManaged")  # of an address: alb, nlb, rds, rnat
    if isinstance(service, str) and service:
        return (Manager(tool="aws", name=legible(service)),)
    if item.get("RequesterManaged") is True:
        return (Manager(tool="aws", name=legible(str(item.get("RequesterId") or "an AWS service"))),)
    return ()


# What services write into the description of an interface that they make.
_MAKERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ec2", re.compile(r"Interface for NAT Gateway (nat-[0-9a-z]+)")),
    ("ec2", re.compile(r"VPC Endpoint Interface (vpce-[0-9a-z]+)")),
    ("ec2", re.compile(r"Network Interface for Transit Gateway Attachment (tgw-attach-[0-9a-z]+)")),
    ("elasticloadbalancing", re.compile(r"ELB (\S+)")),
    ("lambda", re.compile(r"AWS Lambda VPC ENI-(\S+?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?")),
    ("elasticfilesystem", re.compile(r"EFS mount target for (fs-[0-9a-z]+)(?: .*)?")),
    ("rds", re.compile(r"(RDSNetworkInterface)")),
    ("eks", re.compile(r"Amazon EKS (\S+)")),
    ("elasticache", re.compile(r"ElastiCache (\S+)")),
)


def _interface(reading: Reading, item: Item) -> Kind | None:
    """A network interface. One that is requester-managed is its service's to change, but for its tags, which are the
    account's to set (Amazon EC2 User Guide, "Requester-managed network interfaces"). It comes unasked with what it
    serves."""
    if item.get("OwnerId", reading.account) != reading.account:
        return None
    managers = _operators(item)
    made = item.get("RequesterManaged") is True or item.get("InterfaceType", "interface") not in _PLAIN
    if made:
        description = str(item.get("Description") or "")
        for tool, pattern in _MAKERS:
            said = pattern.fullmatch(description)
            if said is not None:
                managers = (Manager(tool=tool, name=legible(said[1])),)
                break
        else:
            managers = managers or (Manager(tool="aws", name=legible(str(item.get("InterfaceType")))),)
    unasked = f"{managers[0].name} brings this interface along" if made else ""
    return Kind("aws_network_interface", default=unasked, managers=managers)


_PLAIN = frozenset({"interface", "efa", "efa-only", "trunk", "branch"})
"""Interfaces that people make; the others come with the service that they are called after."""


def _peering(reading: Reading, item: Item) -> Kind | None:
    """Each side of a peering has its own tags."""
    if _past(item, _OVER):
        return None
    requester = item.get("RequesterVpcInfo") or {}
    asked = requester.get("OwnerId") == reading.account
    return Kind("aws_vpc_peering_connection" if asked else "aws_vpc_peering_connection_accepter")


_ATTACHMENTS: Mapping[str, str] = MappingProxyType(
    {
        "connect": "aws_ec2_transit_gateway_connect",
        "peering": "aws_ec2_transit_gateway_peering_attachment",
        "vpc": "aws_ec2_transit_gateway_vpc_attachment",
    }
)


def _attachment(reading: Reading, item: Item) -> Kind | None:
    type_ = _ATTACHMENTS.get(str(item.get("ResourceType")))
    if type_ is None or item.get("ResourceOwnerId", reading.account) != reading.account or _past(item, _OVER):
        return None
    return Kind(type_)


def _rows() -> Iterable[Listing]:
    yield _row("DescribeInstances", "Reservations[].Instances[]", "instance/{InstanceId}", "aws_instance")
    yield _row(
        "DescribeVolumes", "Volumes", "volume/{VolumeId}", "aws_ebs_volume", parents=("Attachments[].InstanceId",)
    )
    yield _row(
        "DescribeSnapshots",
        "Snapshots",
        "snapshot/{SnapshotId}",
        "aws_ebs_snapshot",
        asks={"OwnerIds": ["self"]},
        parents=("VolumeId",),
    )
    yield _row(
        "DescribeImages",
        "Images",
        "image/{ImageId}",
        "aws_ami",
        asks={"Owners": ["self"], "IncludeDisabled": True},
        parents=("BlockDeviceMappings[].Ebs.SnapshotId", "SourceInstanceId"),
    )
    yield _row(
        "DescribeAddresses",
        "Addresses",
        "elastic-ip/{AllocationId}",
        "aws_eip",
        parents=("[InstanceId, NetworkInterfaceId]",),
    )
    yield _row("DescribeNatGateways", "NatGateways", "natgateway/{NatGatewayId}", "aws_nat_gateway")
    yield _row(
        "DescribeNetworkInterfaces",
        "NetworkInterfaces",
        "network-interface/{NetworkInterfaceId}",
        "aws_network_interface",
        tags="TagSet",
        kind=_interface,
        parents=("Attachment.InstanceId",),
    )
    yield _row("DescribeSecurityGroups", "SecurityGroups", "security-group/{GroupId}", "aws_security_group")
    yield _row(
        "DescribeLaunchTemplates",
        "LaunchTemplates",
        "launch-template/{LaunchTemplateId}",
        "aws_launch_template",
        page=200,
    )
    yield _row("DescribeKeyPairs", "KeyPairs", "key-pair/{KeyPairId}", "aws_key_pair")
    yield _row("DescribeHosts", "Hosts", "dedicated-host/{HostId}", "aws_ec2_host", page=500)
    yield _row(
        "DescribeCapacityReservations",
        "CapacityReservations",
        "capacity-reservation/{CapacityReservationId}",
        "aws_ec2_capacity_reservation",
        kind=_ours("aws_ec2_capacity_reservation", _OVER),
    )
    yield _row("DescribeVpcs", "Vpcs", "vpc/{VpcId}", "aws_vpc")
    yield _row("DescribeSubnets", "Subnets", "subnet/{SubnetId}", "aws_subnet")
    yield _row("DescribeRouteTables", "RouteTables", "route-table/{RouteTableId}", "aws_route_table", page=100)
    yield _row(
        "DescribeInternetGateways",
        "InternetGateways",
        "internet-gateway/{InternetGatewayId}",
        "aws_internet_gateway",
        besides=("DescribeVpcs",),
        related=_ATTACHED,
    )
    yield _row(
        "DescribeEgressOnlyInternetGateways",
        "EgressOnlyInternetGateways",
        "egress-only-internet-gateway/{EgressOnlyInternetGatewayId}",
        "aws_egress_only_internet_gateway",
        page=255,
        related=_ATTACHED,
    )
    yield _row("DescribeNetworkAcls", "NetworkAcls", "network-acl/{NetworkAclId}", "aws_network_acl")
    yield _row(
        "DescribeDhcpOptions",
        "DhcpOptions",
        "dhcp-options/{DhcpOptionsId}",
        "aws_vpc_dhcp_options",
        besides=("DescribeVpcs",),
    )
    yield _row("DescribeFlowLogs", "FlowLogs", "vpc-flow-log/{FlowLogId}", "aws_flow_log", parents=("ResourceId",))
    yield _row(
        "DescribeManagedPrefixLists",
        "PrefixLists",
        "prefix-list/{PrefixListId}",
        "aws_ec2_managed_prefix_list",
        page=100,
    )
    yield _row("DescribeVpcEndpoints", "VpcEndpoints", "vpc-endpoint/{VpcEndpointId}", "aws_vpc_endpoint")
    yield _row(
        "DescribeVpcEndpointServiceConfigurations",
        "ServiceConfigurations",
        "vpc-endpoint-service/{ServiceId}",
        "aws_vpc_endpoint_service",
        parents=("[NetworkLoadBalancerArns, GatewayLoadBalancerArns]",),
    )
    yield _row(
        "DescribeVpcPeeringConnections",
        "VpcPeeringConnections",
        "vpc-peering-connection/{VpcPeeringConnectionId}",
        "",
        kind=_peering,
        among=("aws_vpc_peering_connection", "aws_vpc_peering_connection_accepter"),
    )
    yield _row(
        "DescribeTransitGateways", "TransitGateways", "transit-gateway/{TransitGatewayId}", "aws_ec2_transit_gateway"
    )
    yield _row(
        "DescribeTransitGatewayAttachments",
        "TransitGatewayAttachments",
        "transit-gateway-attachment/{TransitGatewayAttachmentId}",
        "",
        kind=_attachment,
        among=tuple(_ATTACHMENTS.values()),
        parents=("TransitGatewayId",),
        related=(To("network", "[@][?ResourceType=='vpc'].ResourceId"),),
    )
    yield _row(
        "DescribeTransitGatewayRouteTables",
        "TransitGatewayRouteTables",
        "transit-gateway-route-table/{TransitGatewayRouteTableId}",
        "aws_ec2_transit_gateway_route_table",
        parents=("TransitGatewayId",),
    )
    yield _row(
        "DescribeVpnConnections",
        "VpnConnections",
        "vpn-connection/{VpnConnectionId}",
        "aws_vpn_connection",
        parents=("[VpnGatewayId, TransitGatewayId, CustomerGatewayId]",),
    )
    yield _row(
        "DescribeVpnGateways",
        "VpnGateways",
        "vpn-gateway/{VpnGatewayId}",
        "aws_vpn_gateway",
        related=(To("network", "VpcAttachments[?State=='attached'].VpcId"),),
    )
    yield _row(
        "DescribeCustomerGateways",
        "CustomerGateways",
        "customer-gateway/{CustomerGatewayId}",
        "aws_customer_gateway",
    )
    yield _row(
        "DescribeClientVpnEndpoints",
        "ClientVpnEndpoints",
        "client-vpn-endpoint/{ClientVpnEndpointId}",
        "aws_ec2_client_vpn_endpoint",
    )


ROWS = tuple(_rows())
