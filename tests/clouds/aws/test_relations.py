"""What AWS's listings show beside a resource: the network that it is in, what it is attached to or was made from.

One small estate in moto, read by the rows themselves. What a relation leads to is a resource of the same scan.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.catalog.native import canonical, ec2_resource
from costguard.clouds.aws import native
from costguard.clouds.aws.marks import GROUP, relations
from costguard.clouds.aws.native.listing import Reading, To
from costguard.clouds.sighting import GLOBAL, Sighting
from costguard.clouds.store import Store
from costguard.clouds.union import Union
from costguard.model.resource import Relation
from tests.clouds.aws.native_reading import access, read, says
from tests.servers.aws import HOME, AwsServer

REGION = "us-east-1"
EC2 = f"arn:aws:ec2:{REGION}:{HOME}:"


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{HOME}:{rest}"


class Estate:
    """What was made, by what a test calls it."""

    def __init__(self, aws: AwsServer) -> None:
        self._aws = aws
        self._network()
        self._machines()
        self._balancers()
        self._databases()
        self._functions()
        self._containers()

    def _network(self) -> None:
        ec2 = self._aws.client("ec2")
        self.vpc = str(ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"])
        self.subnets = [
            str(
                ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.7.{number}.0/24", AvailabilityZone=zone)["Subnet"][
                    "SubnetId"
                ]
            )
            for number, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        self.routes = str(ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"])
        self.door = str(ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        ec2.attach_internet_gateway(InternetGatewayId=self.door, VpcId=self.vpc)
        self.guard = str(ec2.create_security_group(GroupName="shop", Description="d", VpcId=self.vpc)["GroupId"])
        made = ec2.create_vpc_endpoint(VpcId=self.vpc, ServiceName=f"com.amazonaws.{REGION}.s3")
        self.endpoint = str(made["VpcEndpoint"]["VpcEndpointId"])
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        made = ec2.create_nat_gateway(SubnetId=self.subnets[0], AllocationId=address)
        self.nat = str(made["NatGateway"]["NatGatewayId"])
        made = ec2.create_flow_logs(
            ResourceIds=[self.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName="flows",
            DeliverLogsPermissionArn=f"arn:aws:iam::{HOME}:role/flows",
        )
        self.flows = str(made["FlowLogIds"][0])

    def _machines(self) -> None:
        ec2 = self._aws.client("ec2")
        (made,) = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=self.subnets[0])[
            "Instances"
        ]
        self.instance = str(made["InstanceId"])
        self.volume = str(ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"])
        ec2.attach_volume(VolumeId=self.volume, InstanceId=self.instance, Device="/dev/sdf")
        self.loose = str(ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"])
        self.snapshot = str(ec2.create_snapshot(VolumeId=self.volume)["SnapshotId"])
        made = ec2.create_network_interface(SubnetId=self.subnets[1])["NetworkInterface"]
        self.interface = str(made["NetworkInterfaceId"])
        ec2.attach_network_interface(NetworkInterfaceId=self.interface, InstanceId=self.instance, DeviceIndex=1)
        self.image = str(ec2.create_image(InstanceId=self.instance, Name="shop")["ImageId"])
        self.address = str(ec2.allocate_address(Domain="vpc")["AllocationId"])
        ec2.associate_address(AllocationId=self.address, InstanceId=self.instance)
        template = ec2.create_launch_template(
            LaunchTemplateName="shop", LaunchTemplateData={"InstanceType": "t3.micro", "ImageId": "ami-12345678"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        scaling = self._aws.client("autoscaling")
        scaling.create_auto_scaling_group(
            AutoScalingGroupName="shop",
            LaunchTemplate={"LaunchTemplateId": template},
            MinSize=1,
            MaxSize=1,
            VPCZoneIdentifier=",".join(self.subnets),
        )
        (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        self.group = str(group["AutoScalingGroupARN"])
        self.scaled = str(group["Instances"][0]["InstanceId"])

    def _balancers(self) -> None:
        elb = self._aws.client("elbv2")
        self.balancer = str(
            elb.create_load_balancer(Name="shop", Subnets=self.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        )
        made = elb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=self.vpc)
        self.targets = str(made["TargetGroups"][0]["TargetGroupArn"])
        made = elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.targets}],
        )
        self.listener = str(made["Listeners"][0]["ListenerArn"])

    def _databases(self) -> None:
        rds = self._aws.client("rds")
        rds.create_db_subnet_group(DBSubnetGroupName="shop", DBSubnetGroupDescription="d", SubnetIds=self.subnets)
        login = {"MasterUsername": "root", "MasterUserPassword": "correct-horse"}
        rds.create_db_cluster(DBClusterIdentifier="orders", Engine="aurora-mysql", DBSubnetGroupName="shop", **login)
        rds.create_db_instance(
            DBInstanceIdentifier="orders-1",
            Engine="aurora-mysql",
            DBInstanceClass="db.t3.micro",
            DBClusterIdentifier="orders",
            DBSubnetGroupName="shop",
        )
        rds.create_db_instance(
            DBInstanceIdentifier="stock", Engine="mysql", DBInstanceClass="db.t3.micro", AllocatedStorage=20, **login
        )
        rds.create_db_instance_read_replica(DBInstanceIdentifier="stock-2", SourceDBInstanceIdentifier="stock")
        rds.create_db_snapshot(DBSnapshotIdentifier="stock-monday", DBInstanceIdentifier="stock")
        rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="orders-monday", DBClusterIdentifier="orders")
        files = self._aws.client("efs")
        system = files.create_file_system(CreationToken="shop")
        self.files = str(system["FileSystemArn"])
        self.way = str(files.create_access_point(FileSystemId=system["FileSystemId"])["AccessPointArn"])

    def _functions(self) -> None:
        trusts = {"Principal": {"Service": "lambda.amazonaws.com"}, "Effect": "Allow", "Action": "sts:AssumeRole"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trusts]})
        iam = self._aws.client("iam")
        role = iam.create_role(RoleName="runs", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        self.role = str(role)
        self.profile = str(iam.create_instance_profile(InstanceProfileName="runs")["InstanceProfile"]["Arn"])
        iam.add_role_to_instance_profile(InstanceProfileName="runs", RoleName="runs")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "def handle(event, context): return None")
        made = self._aws.client("lambda").create_function(
            FunctionName="bill",
            Runtime="python3.12",
            Role=role,
            Handler="handler.handle",
            Code={"ZipFile": code.getvalue()},
            VpcConfig={"SubnetIds": self.subnets, "SecurityGroupIds": [self.guard]},
        )
        self.function = str(made["FunctionArn"])
        logs = self._aws.client("logs")
        for name in ("/aws/lambda/bill", "/shop/lambda/bill"):
            logs.create_log_group(logGroupName=name)
        self._aws.client("cloudwatch").put_metric_alarm(
            AlarmName="busy",
            Namespace="AWS/EC2",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "InstanceId", "Value": self.instance}],
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Statistic="Average",
            Threshold=90,
        )

    def _containers(self) -> None:
        ecs = self._aws.client("ecs")
        self.cluster = str(ecs.create_cluster(clusterName="web")["cluster"]["clusterArn"])
        ecs.register_task_definition(family="web", containerDefinitions=[{"name": "w", "image": "w", "memory": 128}])
        made = ecs.create_service(cluster="web", serviceName="front", taskDefinition="web", desiredCount=0)
        self.service = str(made["service"]["serviceArn"])
        eks = self._aws.client("eks")
        made = eks.create_cluster(
            name="jobs", roleArn=f"arn:aws:iam::{HOME}:role/eks", resourcesVpcConfig={"subnetIds": self.subnets}
        )
        self.kubernetes = str(made["cluster"]["arn"])
        made = eks.create_nodegroup(
            clusterName="jobs",
            nodegroupName="small",
            subnets=self.subnets,
            nodeRole=f"arn:aws:iam::{HOME}:role/nodes",
        )
        self.nodes = str(made["nodegroup"]["nodegroupArn"])


def _store(folder: Path, sightings: list[Sighting]) -> Store:
    store = Store.create(folder / "scan.db")
    store.add("native", [_joined(seen) for seen in sightings])
    return store


def _joined(seen: Sighting) -> Sighting:
    return msgspec.structs.replace(seen, id=canonical(seen.id))


def test_what_is_related_is_shown_by_the_same_scan(aws: AwsServer, tmp_path: Path) -> None:
    """Each of these was made in the estate with the calls above; which relations follow is by their documentation."""
    made = Estate(aws)
    aws.absent_is_empty = True
    seen = [
        sighting
        for row in native.rows()
        for page in row.read(access(), GLOBAL if row.scope == "global" else REGION, ())
        for sighting in page
    ]
    with _store(tmp_path, seen) as store:
        found = {one.id: set(one.related) for one in Union(store, store.cells()).resources() if one.id}

    def ec2(*kinds: tuple[str, str]) -> set[Relation]:
        return {Relation(kind, f"{EC2}{resource}") for kind, resource in kinds}  # type: ignore[arg-type]

    vpc = ("network", f"vpc/{made.vpc}")
    near, far = (("network", f"subnet/{subnet}") for subnet in made.subnets)
    instance = ("parent", f"instance/{made.instance}")
    cluster = {Relation("parent", arn("rds", "cluster:orders"))}
    expected: Mapping[str, set[Relation]] = {
        f"{EC2}vpc/{made.vpc}": set(),
        f"{EC2}subnet/{made.subnets[0]}": ec2(vpc),
        f"{EC2}route-table/{made.routes}": ec2(vpc),
        f"{EC2}internet-gateway/{made.door}": ec2(vpc),
        f"{EC2}security-group/{made.guard}": ec2(vpc),
        f"{EC2}vpc-endpoint/{made.endpoint}": ec2(vpc),
        f"{EC2}natgateway/{made.nat}": ec2(vpc, near),
        f"{EC2}vpc-flow-log/{made.flows}": ec2(("parent", f"vpc/{made.vpc}")),
        f"{EC2}instance/{made.instance}": ec2(vpc, near),
        f"{EC2}volume/{made.volume}": ec2(instance),
        f"{EC2}volume/{made.loose}": set(),
        f"arn:aws:ec2:{REGION}::snapshot/{made.snapshot}": ec2(("parent", f"volume/{made.volume}")),
        f"{EC2}network-interface/{made.interface}": ec2(vpc, far, instance),
        made.group: ec2(near, far),
        made.balancer: ec2(vpc, near, far),
        made.targets: {Relation("parent", made.balancer), *ec2(vpc)},
        made.listener: {Relation("parent", made.balancer)},
        arn("rds", "subgrp:shop"): ec2(vpc, near, far),
        arn("rds", "cluster:orders"): {Relation("network", arn("rds", "subgrp:shop"))},
        arn("rds", "db:orders-1"): {*cluster, *ec2(vpc)},
        arn("rds", "db:stock-2"): {Relation("parent", arn("rds", "db:stock"))},
        arn("rds", "snapshot:stock-monday"): {Relation("parent", arn("rds", "db:stock"))},
        arn("rds", "cluster-snapshot:orders-monday"): cluster,
        made.way: {Relation("parent", made.files)},
        made.function: ec2(near, far, ("network", "vpc/vpc-123abc")),  # moto's VPC of all functions
        made.profile: {Relation("parent", made.role)},
        arn("logs", "log-group:/aws/lambda/bill"): {Relation("parent", made.function)},
        arn("logs", "log-group:/shop/lambda/bill"): set(),
        arn("cloudwatch", "alarm:busy"): ec2(instance),
        made.service: {Relation("cluster", made.cluster)},
        made.nodes: {Relation("cluster", made.kubernetes), *ec2(near, far)},
    }
    assert {id_: found[id_] for id_ in expected} == expected

    image = {one.id for one in found[f"arn:aws:ec2:{REGION}::image/{made.image}"]}
    assert any(":snapshot/" in id_ for id_ in image), "an image is made of snapshots"
    address = found[f"{EC2}elastic-ip/{made.address}"]
    assert Relation("parent", f"{EC2}instance/{made.instance}") in address
    assert Relation("cluster", made.group) in found[f"{EC2}instance/{made.scaled}"]

    # moto takes an image's snapshot of a volume that it then takes away.
    dangling = {
        (id_, one.id) for id_, related in found.items() for one in related if one.id not in found and id_ not in image
    }
    assert dangling == {(made.function, f"{EC2}vpc/vpc-123abc")}


@pytest.mark.parametrize(
    ("type_", "operation", "output", "related"),
    [
        pytest.param(
            "aws_ebs_snapshot",
            "DescribeSnapshots",
            {"Snapshots": [{"SnapshotId": "snap-0a", "VolumeId": "vol-ffffffff", "OwnerId": HOME}]},
            set(),
            id="a snapshot that is a copy has an id of a volume that is nobody's",
        ),
        pytest.param(
            "aws_eip",
            "DescribeAddresses",
            {"Addresses": [{"AllocationId": "eipalloc-0a", "NetworkInterfaceId": "eni-0b", "Domain": "vpc"}]},
            {Relation("parent", f"{EC2}network-interface/eni-0b")},
            id="an address of an interface",
        ),
        pytest.param(
            "aws_vpn_gateway",
            "DescribeVpnGateways",
            {
                "VpnGateways": [
                    {
                        "VpnGatewayId": "vgw-0a",
                        "VpcAttachments": [
                            {"VpcId": "vpc-0b", "State": "detached"},
                            {"VpcId": "vpc-0c", "State": "attached"},
                        ],
                    }
                ]
            },
            {Relation("network", f"{EC2}vpc/vpc-0c")},
            id="a gateway is where it is attached now",
        ),
        pytest.param(
            "aws_ec2_transit_gateway_vpc_attachment",
            "DescribeTransitGatewayAttachments",
            {
                "TransitGatewayAttachments": [
                    {
                        "TransitGatewayAttachmentId": "tgw-attach-0a",
                        "TransitGatewayId": "tgw-0b",
                        "ResourceType": "vpc",
                        "ResourceId": "vpc-0c",
                    }
                ]
            },
            {Relation("parent", f"{EC2}transit-gateway/tgw-0b"), Relation("network", f"{EC2}vpc/vpc-0c")},
            id="an attachment",
        ),
        pytest.param(
            "aws_elasticache_cluster",
            "DescribeCacheClusters",
            {
                "CacheClusters": [
                    {
                        "ARN": arn("elasticache", "cluster:c-001"),
                        "ReplicationGroupId": "c",
                        "CacheSubnetGroupName": "shop",
                    }
                ]
            },
            {
                Relation("parent", arn("elasticache", "replicationgroup:c")),
                Relation("network", arn("elasticache", "subnetgroup:shop")),
            },
            id="a member of a cache",
        ),
        pytest.param(
            "aws_db_instance",
            "DescribeDBInstances",
            {
                "DBInstances": [
                    {
                        "DBInstanceArn": arn("rds", "db:copy"),
                        "Engine": "mysql",
                        "ReadReplicaSourceDBInstanceIdentifier": f"arn:aws:rds:eu-west-1:{HOME}:db:stock",
                    }
                ]
            },
            {Relation("parent", f"arn:aws:rds:eu-west-1:{HOME}:db:stock")},
            id="a replica of a database elsewhere",
        ),
        pytest.param(
            "aws_cloudwatch_log_group",
            "DescribeLogGroups",
            {
                "logGroups": [
                    {
                        "logGroupArn": arn("logs", "log-group:/aws/rds/instance/stock/error"),
                        "logGroupName": "/aws/rds/instance/stock/error",
                    }
                ]
            },
            {Relation("parent", arn("rds", "db:stock"))},
            id="a database's log",
        ),
        pytest.param(
            "aws_cloudwatch_metric_alarm",
            "DescribeAlarms",
            {
                "MetricAlarms": [
                    {
                        "AlarmArn": arn("cloudwatch", "alarm:own"),
                        "Namespace": "Shop",
                        "Dimensions": [{"Name": "InstanceId", "Value": "i-0a"}],
                    }
                ]
            },
            set(),
            id="a metric of somebody's own may mean anything with its dimensions",
        ),
    ],
)
def test_what_an_answer_says_of_others(
    type_: str, operation: str, output: Mapping[str, Any], related: set[Relation], aws: AwsServer
) -> None:
    aws.fault(says(output), operation=operation)
    (seen,) = read(access(), type_, {str(one) for one in _ids(output)}).values()
    assert set(seen.related) == related
    assert len(seen.related) == len(related)


def _ids(output: Mapping[str, Any]) -> Iterator[object]:
    """What the listing isn't to ask tags for."""
    for items in output.values():
        for item in items:
            yield from (value for key, value in item.items() if key.lower().endswith("arn"))


_values = st.recursive(
    st.none()
    | st.integers()
    | st.text()
    | st.sampled_from(["vpc-0a", "vpc-zz", "arn:", "i-0a,i-0b", "{region}", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.usefixtures("aws")
@given(found=_values)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_where_an_id_is_expected_nothing_stumbles(found: Any) -> None:
    reading = Reading(access(), "ec2", REGION, ())
    to = (
        To("network", "it"),
        To("parent", "it", "arn:{partition}:rds:{region}:{account}:db:{value}"),
        To("cluster", "it", pattern="(i-.*)"),
    )
    for relation in reading.related(f"{EC2}vpc/vpc-0b", to, {"it": found}):
        assert relation.id.startswith("arn:")
        assert relation.id.encode()


def test_ids_of_ec2_are_those_that_it_gives_out() -> None:
    assert ec2_resource("vol-0123456789abcdef0") == "volume/vol-0123456789abcdef0"
    assert ec2_resource("tgw-rtb-0a") == "transit-gateway-route-table/tgw-rtb-0a"
    assert [ec2_resource(text) for text in ("vol-", "vol-payments", "fs-0a", "payments", "", "-0a")] == [None] * 6


_PLACE = (HOME, REGION)


@pytest.mark.parametrize(
    ("tags", "related"),
    [
        ({"aws:eks:cluster-name": "jobs"}, {Relation("cluster", arn("eks", "cluster/jobs"))}),
        (
            {"aws:ecs:clusterName": "web", "aws:ecs:serviceName": "front"},
            {Relation("cluster", arn("ecs", "cluster/web")), Relation("parent", arn("ecs", "service/web/front"))},
        ),
        ({"aws:ecs:serviceName": "front"}, set()),
        (
            {"aws:elasticmapreduce:job-flow-id": "j-1"},
            {Relation("cluster", arn("elasticmapreduce", "cluster/j-1"))},
        ),
        (
            {"aws:rds:primaryDBInstanceArn": arn("rds", "db:stock")},
            {Relation("parent", arn("rds", "db:stock"))},
        ),
        ({"aws:rds:primaryDBInstanceArn": "stock"}, set()),
        ({"eks:cluster-name": "jobs", "Owner": "shop"}, set()),
    ],
)
def test_what_aws_itself_wrote_on_a_resource(tags: Mapping[str, str], related: set[Relation]) -> None:
    assert relations(tags, f"{EC2}instance/i-0a", *_PLACE) == related


def test_a_group_is_found_by_its_name_in_its_own_place_alone(tmp_path: Path) -> None:
    group = f"arn:aws:autoscaling:{REGION}:{HOME}:autoScalingGroup:0a0b:autoScalingGroupName/web"
    elsewhere = group.replace(REGION, "eu-west-1")
    seen = [
        Sighting(id=group, type="aws_autoscaling_group", account=HOME, region=REGION, tags={}),
        Sighting(id=elsewhere, type="aws_autoscaling_group", account=HOME, region="eu-west-1", tags={}),
        *(
            Sighting(id=f"{EC2}instance/i-0{name}", type="aws_instance", account=HOME, region=REGION, tags=tags)
            for name, tags in (("a", {GROUP: "web"}), ("b", {GROUP: "other"}), ("c", {}))
        ),
    ]
    with _store(tmp_path, seen) as store:
        found = {one.id: one.related for one in Union(store, store.cells()).resources()}
    assert found[f"{EC2}instance/i-0a"] == (Relation("cluster", group),)
    assert [found[f"{EC2}instance/i-0{name}"] for name in "bc"] == [(), ()]
