"""What AWS makes unasked is told from what people make, in a cloud that has both."""

import pytest

from tests.clouds.aws.native_reading import access, read
from tests.servers.aws import AwsServer


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("aws_vpc", "a default VPC in every region"),
        ("aws_subnet", "a subnet for each zone of a default VPC"),
        ("aws_network_acl", "a network ACL with every VPC"),
        ("aws_security_group", "a security group with every VPC"),
        ("aws_route_table", "a main route table with every VPC"),
        ("aws_athena_workgroup", "the workgroup primary in every region"),
        ("aws_cloudwatch_event_bus", "the event bus default in every region"),
    ],
)
def test_a_new_account_s_own_things_are_all_aws_s(aws: AwsServer, type_: str, words: str) -> None:
    aws.client("events").list_rules()  # moto makes a region's bus when it is first asked.
    found = read(access(), type_)
    assert found
    assert {seen.default for seen in found.values()} == {f"AWS makes {words}"}


def test_a_network_of_one_s_own_brings_three_of_aws_s_and_the_rest_is_one_s_own(aws: AwsServer) -> None:
    ec2 = aws.client("ec2")
    before = {type_: set(read(access(), type_)) for type_ in TYPES}
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
    ec2.create_security_group(VpcId=vpc, GroupName="web", Description="web")
    ec2.create_route_table(VpcId=vpc)
    ec2.create_network_acl(VpcId=vpc)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.com"]}])
    made = {
        type_: sorted(bool(seen.default) for id_, seen in read(access(), type_).items() if id_ not in before[type_])
        for type_ in TYPES
    }
    assert made == {
        "aws_vpc": [False],
        "aws_subnet": [False],
        "aws_security_group": [False, True],
        "aws_route_table": [False, True],
        "aws_network_acl": [False, True],
        "aws_internet_gateway": [False],
        "aws_vpc_dhcp_options": [False],
    }


TYPES = (
    "aws_vpc",
    "aws_subnet",
    "aws_security_group",
    "aws_route_table",
    "aws_network_acl",
    "aws_internet_gateway",
    "aws_vpc_dhcp_options",
)


def test_the_gateway_and_the_options_of_a_default_network_are_aws_s(aws: AwsServer) -> None:
    ec2 = aws.client("ec2")
    (default,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=default["VpcId"], InternetGatewayId=gateway)
    (seen,) = read(access(), "aws_internet_gateway").values()
    assert seen.default == "AWS makes an internet gateway with a default VPC"
    made = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["ec2.internal"]}])
    ec2.associate_dhcp_options(VpcId=default["VpcId"], DhcpOptionsId=made["DhcpOptions"]["DhcpOptionsId"])
    (seen,) = read(access(), "aws_vpc_dhcp_options").values()
    assert seen.default == "AWS makes a set of DHCP options with a default VPC"


def test_a_role_that_a_service_made_for_itself_is_nobody_s(aws: AwsServer) -> None:
    aws.client("iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    (seen,) = read(access(), "aws_iam_service_linked_role").values()
    assert seen.type == "aws_iam_service_linked_role"
    assert seen.default == "autoscaling.amazonaws.com makes its own role"
