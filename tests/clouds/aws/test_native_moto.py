"""What is made in a cloud with boto3 is what the rows show: its ARN as the service gave it, its tags as they were set.

moto stands for AWS. Each maker makes one resource with tags and one without, and says what they are called.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from costguard.catalog import native as names
from costguard.clouds.aws.native.listing import Listing
from costguard.clouds.sighting import GLOBAL
from tests.clouds.aws.native_reading import ROWS, access, read
from tests.servers.aws import HOME, AwsServer

Tags = Mapping[str, str]
Made = dict[str, Tags]
Maker = Callable[[AwsServer], Made]

TAGS: Tags = {"Owner": "payments", "cost:centre": "4711", "note": ""}
EC2 = f"arn:aws:ec2:us-east-1:{HOME}:"


def _kv(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _lower(tags: Tags) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _ec2(kind: str, make: Callable[[Any, int], str]) -> Maker:
    """One with tags and one without; EC2 takes them the same way for all."""

    def maker(aws: AwsServer) -> Made:
        ec2 = aws.client("ec2")
        tagged, bare = make(ec2, 0), make(ec2, 1)
        ec2.create_tags(Resources=[tagged], Tags=_kv(TAGS))
        return {f"{EC2}{kind}/{tagged}": TAGS, f"{EC2}{kind}/{bare}": {}}

    return maker


def _instance(ec2: Any, _: int = 0) -> str:
    made = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
    return str(made["Instances"][0]["InstanceId"])


def _volume(ec2: Any, _: int = 0) -> str:
    return str(ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"])


def _vpc(ec2: Any, number: int = 0) -> str:
    return str(ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"])


def _subnet(ec2: Any, number: int = 0) -> str:
    made = ec2.create_subnet(VpcId=_vpc(ec2, number), CidrBlock=f"10.{number}.1.0/24")
    return str(made["Subnet"]["SubnetId"])


def _subnets(ec2: Any) -> list[str]:
    """Two subnets in two zones, of the default network."""
    found = ec2.describe_subnets()["Subnets"]
    return [str(subnet["SubnetId"]) for subnet in sorted(found, key=lambda one: str(one["AvailabilityZone"]))[:2]]


def _peering(ec2: Any, number: int) -> str:
    made = ec2.create_vpc_peering_connection(VpcId=_vpc(ec2, number), PeerVpcId=_vpc(ec2, number + 10))
    return str(made["VpcPeeringConnection"]["VpcPeeringConnectionId"])


def _endpoint(ec2: Any, number: int) -> str:
    made = ec2.create_vpc_endpoint(VpcId=_vpc(ec2, number), ServiceName="com.amazonaws.us-east-1.s3")
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _template(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"InstanceType": "t3.micro"},
        **({"TagSpecifications": [{"ResourceType": "launch-template", "Tags": _kv(tags)}]} if tags else {}),
    )
    return f"{EC2}launch-template/{made['LaunchTemplate']['LaunchTemplateId']}"


def _vpn(ec2: Any, number: int) -> str:
    made = ec2.create_vpn_connection(
        Type="ipsec.1",
        CustomerGatewayId=_customer(ec2, number),
        VpnGatewayId=ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"],
    )
    return str(made["VpnConnection"]["VpnConnectionId"])


def _customer(ec2: Any, number: int) -> str:
    made = ec2.create_customer_gateway(Type="ipsec.1", PublicIp=f"198.51.100.{number + 1}", BgpAsn=65000)
    return str(made["CustomerGateway"]["CustomerGatewayId"])


def _attachment(ec2: Any, number: int) -> str:
    subnet = _subnet(ec2, number)
    (found,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=found["VpcId"], SubnetIds=[subnet])
    return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])


def _flow_log(ec2: Any, number: int) -> str:
    made = ec2.create_flow_logs(
        ResourceIds=[_vpc(ec2, number)],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=f"flows-{number}",
        DeliverLogsPermissionArn=f"arn:aws:iam::{HOME}:role/flows",
    )
    return str(made["FlowLogIds"][0])


def _role_arn(aws: AwsServer) -> str:
    iam = aws.client("iam")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    return str(iam.create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"])


def _groups(aws: AwsServer) -> Made:
    template = _template(aws, "web", {}).rsplit("/", 1)[-1]
    scaling = aws.client("autoscaling")
    for name in ("tagged", "bare"):
        tags = [{**tag, "PropagateAtLaunch": True} for tag in _kv(TAGS)] if name == "tagged" else []
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate={"LaunchTemplateId": template},
            MinSize=0,
            MaxSize=0,
            AvailabilityZones=["us-east-1a"],
            Tags=tags,
        )
    found = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    return {
        str(group["AutoScalingGroupARN"]): TAGS if group["AutoScalingGroupName"] == "tagged" else {} for group in found
    }


def _classic(aws: AwsServer) -> Made:
    elb = aws.client("elb")
    for name in ("tagged", "bare"):
        elb.create_load_balancer(
            LoadBalancerName=name,
            AvailabilityZones=["us-east-1a"],
            Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}],
            **({"Tags": _kv(TAGS)} if name == "tagged" else {}),
        )
    prefix = f"arn:aws:elasticloadbalancing:us-east-1:{HOME}:loadbalancer/"
    return {f"{prefix}tagged": TAGS, f"{prefix}bare": {}}


def _balancer(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("elbv2").create_load_balancer(
        Name=name, Subnets=_subnets(aws.client("ec2")), **({"Tags": _kv(tags)} if tags else {})
    )
    return str(made["LoadBalancers"][0]["LoadBalancerArn"])


def _targets(aws: AwsServer, name: str, tags: Tags) -> str:
    network = aws.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    made = aws.client("elbv2").create_target_group(
        Name=name, Protocol="HTTP", Port=80, VpcId=network, **({"Tags": _kv(tags)} if tags else {})
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def _listeners(aws: AwsServer) -> Made:
    balancer = _balancer(aws, "front", {})
    forward = [{"Type": "forward", "TargetGroupArn": _targets(aws, "back", {})}]
    elb = aws.client("elbv2")

    def listener(port: int, **more: Any) -> str:
        made = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=forward, **more)
        return str(made["Listeners"][0]["ListenerArn"])

    return {listener(80, Tags=_kv(TAGS)): TAGS, listener(81): {}}


def _functions(aws: AwsServer) -> Made:
    role = _role_arn(aws)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "def handle(event, context): return None")

    def function(name: str, **more: Any) -> str:
        made = aws.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role,
            Handler="handler.handle",
            Code={"ZipFile": code.getvalue()},
            **more,
        )
        return str(made["FunctionArn"])

    return {function("tagged", Tags=dict(TAGS)): TAGS, function("bare"): {}}


def _both(make: Callable[[AwsServer, str, Tags], str]) -> Maker:
    return lambda aws: {make(aws, "tagged", TAGS): TAGS, make(aws, "bare", {}): {}}


def _simple(service: str, operation: str, answer: str, spelt: Callable[[Tags], Any], tags: str, **asks: Any) -> Maker:
    """``operation`` is asked with ``asks``, in which ``{name}`` is the resource's; ``answer`` is the way to its ARN."""

    def make(aws: AwsServer, name: str, wanted: Tags) -> str:
        filled = _filled(asks, name)
        made = getattr(aws.client(service), operation)(**filled, **({tags: spelt(wanted)} if wanted else {}))
        if answer.startswith("arn:"):
            return answer.format(name=name)
        for step in answer.split("."):
            made = made[int(step) if step.isdigit() else step]
        return str(made)

    return _both(make)


def _filled(asked: Any, name: str) -> Any:
    match asked:
        case str():
            return asked.replace("{name}", name)
        case dict():
            return {key: _filled(value, name) for key, value in asked.items()}
        case list():
            return [_filled(value, name) for value in asked]
    return asked


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:us-east-1:{HOME}:{rest}"


def _cluster(engine: str) -> Maker:
    return _simple(
        "rds",
        "create_db_cluster",
        "DBCluster.DBClusterArn",
        _kv,
        "Tags",
        DBClusterIdentifier="{name}",
        Engine=engine,
        MasterUsername="root",
        MasterUserPassword="correct-horse",
    )


_INSTANCE = {
    "DBInstanceIdentifier": "{name}",
    "Engine": "mysql",
    "DBInstanceClass": "db.t3.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "root",
    "MasterUserPassword": "correct-horse",
}


def _members(aws: AwsServer) -> Made:
    """Instances in an Aurora cluster."""
    _cluster("aurora-mysql")(aws)
    return _simple(
        "rds",
        "create_db_instance",
        "DBInstance.DBInstanceArn",
        _kv,
        "Tags",
        **{**_INSTANCE, "Engine": "aurora-mysql", "DBClusterIdentifier": "bare"},
    )(aws)


def _snapshots(aws: AwsServer) -> Made:
    aws.client("rds").create_db_instance(**_filled(_INSTANCE, "db"))
    return _simple(
        "rds",
        "create_db_snapshot",
        "DBSnapshot.DBSnapshotArn",
        _kv,
        "Tags",
        DBSnapshotIdentifier="{name}",
        DBInstanceIdentifier="db",
    )(aws)


def _cluster_snapshots(aws: AwsServer) -> Made:
    _cluster("aurora-mysql")(aws)
    return _simple(
        "rds",
        "create_db_cluster_snapshot",
        "DBClusterSnapshot.DBClusterSnapshotArn",
        _kv,
        "Tags",
        DBClusterSnapshotIdentifier="{name}-snapshot",
        DBClusterIdentifier="bare",
    )(aws)


def _subnet_groups(aws: AwsServer) -> Made:
    return _simple(
        "rds",
        "create_db_subnet_group",
        "DBSubnetGroup.DBSubnetGroupArn",
        _kv,
        "Tags",
        DBSubnetGroupName="{name}",
        DBSubnetGroupDescription="d",
        SubnetIds=_subnets(aws.client("ec2")),
    )(aws)


def _buckets(aws: AwsServer) -> Made:
    s3 = aws.client("s3")
    for name in ("ledger", "scratch"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket="ledger", Tagging={"TagSet": _kv(TAGS)})
    return {"arn:aws:s3:::ledger": TAGS, "arn:aws:s3:::scratch": {}}


def _tables(aws: AwsServer) -> Made:
    return _simple(
        "dynamodb",
        "create_table",
        "TableDescription.TableArn",
        _kv,
        "Tags",
        TableName="{name}",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )(aws)


def _services(aws: AwsServer) -> Made:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="other")
    ecs.create_cluster(clusterName="web")
    _definitions(aws)
    return _simple(
        "ecs",
        "create_service",
        "service.serviceArn",
        _lower,
        "tags",
        cluster="web",
        serviceName="{name}",
        taskDefinition="bare",
        desiredCount=0,
    )(aws)


def _definitions(aws: AwsServer) -> Made:
    return _simple(
        "ecs",
        "register_task_definition",
        "taskDefinition.taskDefinitionArn",
        _lower,
        "tags",
        family="{name}",
        containerDefinitions=[{"name": "web", "image": "web", "memory": 128}],
    )(aws)


def _eks_cluster(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("eks").create_cluster(
        name=name,
        roleArn=f"arn:aws:iam::{HOME}:role/eks",
        resourcesVpcConfig={"subnetIds": _subnets(aws.client("ec2"))},
        **({"tags": dict(tags)} if tags else {}),
    )
    return str(made["cluster"]["arn"])


def _node_group(aws: AwsServer, name: str, tags: Tags) -> str:
    eks = aws.client("eks")
    if not eks.list_clusters()["clusters"]:
        _eks_cluster(aws, "web", {})
    made = eks.create_nodegroup(
        clusterName="web",
        nodegroupName=name,
        subnets=_subnets(aws.client("ec2")),
        nodeRole=f"arn:aws:iam::{HOME}:role/nodes",
        **({"tags": dict(tags)} if tags else {}),
    )
    return str(made["nodegroup"]["nodegroupArn"])


def _queue(aws: AwsServer, name: str, tags: Tags) -> str:
    aws.client("sqs").create_queue(QueueName=name, **({"tags": dict(tags)} if tags else {}))
    return _arn("sqs", name)


def _stream(aws: AwsServer, name: str, tags: Tags) -> str:
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    if tags:
        kinesis.add_tags_to_stream(StreamName=name, Tags=dict(tags))
    return _arn("kinesis", f"stream/{name}")


def _log_group(aws: AwsServer, name: str, tags: Tags) -> str:
    aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}", **({"tags": dict(tags)} if tags else {}))
    return _arn("logs", f"log-group:/aws/lambda/{name}")


def _alarm(aws: AwsServer, name: str, tags: Tags) -> str:
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Period=60,
        Statistic="Sum",
        Threshold=1,
        **({"Tags": _kv(tags)} if tags else {}),
    )
    return _arn("cloudwatch", f"alarm:{name}")


def _key(aws: AwsServer, name: str, tags: Tags) -> str:
    spelt = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    return str(aws.client("kms").create_key(Description=name, Tags=spelt)["KeyMetadata"]["Arn"])


def _rest_api(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("apigateway").create_rest_api(name=name, **({"tags": dict(tags)} if tags else {}))
    return f"arn:aws:apigateway:us-east-1::/restapis/{made['id']}"


def _http_api(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("apigatewayv2").create_api(Name=name, ProtocolType="HTTP", Tags=dict(tags))
    return f"arn:aws:apigateway:us-east-1::/apis/{made['ApiId']}"


def _http_stage(aws: AwsServer, name: str, tags: Tags) -> str:
    gateway = aws.client("apigatewayv2")
    api = gateway.create_api(Name=name, ProtocolType="HTTP")["ApiId"]
    gateway.create_stage(ApiId=api, StageName=name, Tags=dict(tags))
    return f"arn:aws:apigateway:us-east-1::/apis/{api}/stages/{name}"


def _distribution(aws: AwsServer, name: str, tags: Tags) -> str:
    custom = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    origin = {"Id": "o", "DomainName": "example.com", "CustomOriginConfig": custom}
    made = aws.client("cloudfront").create_distribution_with_tags(
        DistributionConfigWithTags={
            "DistributionConfig": {
                "CallerReference": name,
                "Comment": "",
                "Enabled": False,
                "Origins": {"Quantity": 1, "Items": [origin]},
                "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
            },
            "Tags": {"Items": _kv(tags)},
        }
    )
    return str(made["Distribution"]["ARN"])


def _zone(aws: AwsServer, name: str, tags: Tags) -> str:
    route53 = aws.client("route53")
    made = route53.create_hosted_zone(Name=f"{name}.example", CallerReference=name)["HostedZone"]["Id"]
    zone = made.removeprefix("/hostedzone/")
    if tags:
        route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=_kv(tags))
    return f"arn:aws:route53:::hostedzone/{zone}"


def _workgroup(aws: AwsServer, name: str, tags: Tags) -> str:
    aws.client("athena").create_work_group(Name=name, Tags=_kv(tags))
    return _arn("athena", f"workgroup/{name}")


def _rule(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)", Tags=_kv(tags))
    return str(made["RuleArn"])


def _project(aws: AwsServer, name: str, tags: Tags) -> str:
    made = aws.client("codebuild").create_project(
        name=name,
        source={"type": "S3", "location": "bucket/path"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=f"arn:aws:iam::{HOME}:role/service-role/build",
        **({"tags": _lower(tags)} if tags else {}),
    )
    return str(made["project"]["arn"])


def _file_system(aws: AwsServer, name: str, tags: Tags) -> str:
    return str(aws.client("efs").create_file_system(CreationToken=name, Tags=_kv(tags))["FileSystemArn"])


def _stacks(aws: AwsServer) -> Made:
    """Stacks take no empty values."""
    tags = {key: value for key, value in TAGS.items() if value}
    return {_stack(aws, "tagged", tags): tags, _stack(aws, "bare", {}): {}}


def _stack(aws: AwsServer, name: str, tags: Tags) -> str:
    body = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    made = aws.client("cloudformation").create_stack(
        StackName=name, TemplateBody=json.dumps(body), **({"Tags": _kv(tags)} if tags else {})
    )
    return str(made["StackId"])


def _endpoint_config(aws: AwsServer, name: str, tags: Tags) -> str:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=f"arn:aws:iam::{HOME}:role/learns", Tags=_kv(tags))
    variant = {
        "VariantName": "v",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.t2.medium",
        "InitialVariantWeight": 1,
    }
    made = sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=_kv(tags))
    return str(made["EndpointConfigArn"])


def _learning_endpoint(aws: AwsServer, name: str, tags: Tags) -> str:
    _endpoint_config(aws, name, {})
    made = aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=_kv(tags))
    return str(made["EndpointArn"])


_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)

MAKERS: Mapping[str, Maker] = {
    "aws_instance": _ec2("instance", _instance),
    "aws_ebs_volume": _ec2("volume", _volume),
    "aws_ebs_snapshot": _ec2("snapshot", lambda ec2, _: ec2.create_snapshot(VolumeId=_volume(ec2))["SnapshotId"]),
    "aws_ami": _ec2(
        "image", lambda ec2, number: ec2.create_image(InstanceId=_instance(ec2), Name=f"image-{number}")["ImageId"]
    ),
    "aws_eip": _ec2("elastic-ip", lambda ec2, _: ec2.allocate_address(Domain="vpc")["AllocationId"]),
    "aws_nat_gateway": _ec2(
        "natgateway",
        lambda ec2, number: ec2.create_nat_gateway(
            SubnetId=_subnet(ec2, number), AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"]
        )["NatGateway"]["NatGatewayId"],
    ),
    "aws_network_interface": _ec2(
        "network-interface",
        lambda ec2, number: ec2.create_network_interface(SubnetId=_subnet(ec2, number))["NetworkInterface"][
            "NetworkInterfaceId"
        ],
    ),
    "aws_security_group": _ec2(
        "security-group",
        lambda ec2, number: ec2.create_security_group(GroupName=f"g{number}", Description="d")["GroupId"],
    ),
    "aws_launch_template": _both(_template),
    "aws_key_pair": _ec2("key-pair", lambda ec2, number: ec2.create_key_pair(KeyName=f"k{number}")["KeyPairId"]),
    "aws_ec2_host": _ec2(
        "dedicated-host",
        lambda ec2, _: ec2.allocate_hosts(AvailabilityZone="us-east-1a", InstanceType="m5.large", Quantity=1)[
            "HostIds"
        ][0],
    ),
    "aws_vpc": _ec2("vpc", _vpc),
    "aws_subnet": _ec2("subnet", _subnet),
    "aws_route_table": _ec2(
        "route-table",
        lambda ec2, number: ec2.create_route_table(VpcId=_vpc(ec2, number))["RouteTable"]["RouteTableId"],
    ),
    "aws_internet_gateway": _ec2(
        "internet-gateway", lambda ec2, _: ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ),
    "aws_egress_only_internet_gateway": _ec2(
        "egress-only-internet-gateway",
        lambda ec2, number: ec2.create_egress_only_internet_gateway(VpcId=_vpc(ec2, number))[
            "EgressOnlyInternetGateway"
        ]["EgressOnlyInternetGatewayId"],
    ),
    "aws_network_acl": _ec2(
        "network-acl",
        lambda ec2, number: ec2.create_network_acl(VpcId=_vpc(ec2, number))["NetworkAcl"]["NetworkAclId"],
    ),
    "aws_vpc_dhcp_options": _ec2(
        "dhcp-options",
        lambda ec2, number: ec2.create_dhcp_options(
            DhcpConfigurations=[{"Key": "domain-name", "Values": [f"d{number}.example"]}]
        )["DhcpOptions"]["DhcpOptionsId"],
    ),
    "aws_flow_log": _ec2("vpc-flow-log", _flow_log),
    "aws_ec2_managed_prefix_list": _ec2(
        "prefix-list",
        lambda ec2, number: ec2.create_managed_prefix_list(
            PrefixListName=f"p{number}", MaxEntries=1, AddressFamily="IPv4"
        )["PrefixList"]["PrefixListId"],
    ),
    "aws_vpc_endpoint": _ec2("vpc-endpoint", _endpoint),
    "aws_vpc_peering_connection": _ec2("vpc-peering-connection", _peering),
    "aws_ec2_transit_gateway": _ec2(
        "transit-gateway", lambda ec2, _: ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    ),
    "aws_ec2_transit_gateway_vpc_attachment": _ec2("transit-gateway-attachment", _attachment),
    "aws_vpn_gateway": _ec2(
        "vpn-gateway", lambda ec2, _: ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ),
    "aws_customer_gateway": _ec2("customer-gateway", _customer),
    "aws_vpn_connection": _ec2("vpn-connection", _vpn),
    "aws_autoscaling_group": _groups,
    "aws_elb": _classic,
    "aws_lb": _both(_balancer),
    "aws_lb_target_group": _both(_targets),
    "aws_lb_listener": _listeners,
    "aws_lambda_function": _functions,
    "aws_ecs_cluster": _simple("ecs", "create_cluster", "cluster.clusterArn", _lower, "tags", clusterName="{name}"),
    "aws_ecs_service": _services,
    "aws_ecs_task_definition": _definitions,
    "aws_eks_cluster": _both(_eks_cluster),
    "aws_eks_node_group": _both(_node_group),
    "aws_ecr_repository": _simple(
        "ecr", "create_repository", "repository.repositoryArn", _kv, "tags", repositoryName="{name}"
    ),
    "aws_emr_cluster": _simple(
        "emr",
        "run_job_flow",
        "ClusterArn",
        _kv,
        "Tags",
        Name="{name}",
        Instances={
            "MasterInstanceType": "m5.xlarge",
            "SlaveInstanceType": "m5.xlarge",
            "InstanceCount": 2,
            "KeepJobFlowAliveWhenNoSteps": True,
        },
        JobFlowRole="flow",
        ServiceRole="emr",
    ),
    "aws_cloudformation_stack": _stacks,
    "aws_efs_file_system": _both(_file_system),
    "aws_backup_vault": _simple(
        "backup", "create_backup_vault", "BackupVaultArn", dict, "BackupVaultTags", BackupVaultName="{name}"
    ),
    "aws_s3_bucket": _buckets,
    "aws_db_instance": _simple("rds", "create_db_instance", "DBInstance.DBInstanceArn", _kv, "Tags", **_INSTANCE),
    "aws_rds_cluster_instance": _members,
    "aws_rds_cluster": _cluster("aurora-mysql"),
    "aws_neptune_cluster": _cluster("neptune"),
    "aws_db_snapshot": _snapshots,
    "aws_db_cluster_snapshot": _cluster_snapshots,
    "aws_db_subnet_group": _subnet_groups,
    "aws_db_parameter_group": _simple(
        "rds",
        "create_db_parameter_group",
        "DBParameterGroup.DBParameterGroupArn",
        _kv,
        "Tags",
        DBParameterGroupName="{name}",
        DBParameterGroupFamily="mysql8.0",
        Description="d",
    ),
    "aws_dynamodb_table": _tables,
    "aws_elasticache_cluster": _simple(
        "elasticache",
        "create_cache_cluster",
        "CacheCluster.ARN",
        _kv,
        "Tags",
        CacheClusterId="{name}",
        CacheNodeType="cache.t3.micro",
        Engine="redis",
        NumCacheNodes=1,
    ),
    "aws_elasticache_replication_group": _simple(
        "elasticache",
        "create_replication_group",
        "ReplicationGroup.ARN",
        _kv,
        "Tags",
        ReplicationGroupId="{name}",
        ReplicationGroupDescription="d",
        Engine="redis",
    ),
    "aws_redshift_cluster": _simple(
        "redshift",
        "create_cluster",
        _arn("redshift", "cluster:{name}"),
        _kv,
        "Tags",
        ClusterIdentifier="{name}",
        NodeType="ra3.large",
        MasterUsername="root",
        MasterUserPassword="Correct-horse1",
    ),
    "aws_opensearch_domain": _simple(
        "opensearch", "create_domain", "DomainStatus.ARN", _kv, "TagList", DomainName="{name}"
    ),
    "aws_sqs_queue": _both(_queue),
    "aws_sns_topic": _simple("sns", "create_topic", "TopicArn", _kv, "Tags", Name="{name}"),
    "aws_kinesis_stream": _both(_stream),
    "aws_kinesis_firehose_delivery_stream": _simple(
        "firehose",
        "create_delivery_stream",
        "DeliveryStreamARN",
        _kv,
        "Tags",
        DeliveryStreamName="{name}",
        S3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{HOME}:role/fire",
            "BucketARN": "arn:aws:s3:::ledger",
        },
    ),
    "aws_msk_cluster": _simple(
        "kafka",
        "create_cluster_v2",
        "ClusterArn",
        dict,
        "Tags",
        ClusterName="{name}",
        Provisioned={
            "BrokerNodeGroupInfo": {
                "InstanceType": "kafka.t3.small",
                "ClientSubnets": ["s"],
                "SecurityGroups": ["g"],
            },
            "KafkaVersion": "3.6.0",
            "NumberOfBrokerNodes": 1,
        },
    ),
    "aws_mq_broker": _simple(
        "mq",
        "create_broker",
        "BrokerArn",
        dict,
        "Tags",
        BrokerName="{name}",
        AutoMinorVersionUpgrade=False,
        DeploymentMode="SINGLE_INSTANCE",
        EngineType="ACTIVEMQ",
        EngineVersion="5.18",
        HostInstanceType="mq.t3.micro",
        PubliclyAccessible=False,
        Users=[],
    ),
    "aws_cloudwatch_event_bus": _simple("events", "create_event_bus", "EventBusArn", _kv, "Tags", Name="{name}"),
    "aws_cloudwatch_event_rule": _both(_rule),
    "aws_sfn_state_machine": _simple(
        "stepfunctions",
        "create_state_machine",
        "stateMachineArn",
        _lower,
        "tags",
        name="{name}",
        definition='{"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}',
        roleArn=f"arn:aws:iam::{HOME}:role/steps",
    ),
    "aws_sfn_activity": _simple("stepfunctions", "create_activity", "activityArn", _lower, "tags", name="{name}"),
    "aws_codebuild_project": _both(_project),
    "aws_glue_job": _simple(
        "glue",
        "create_job",
        _arn("glue", "job/{name}"),
        dict,
        "Tags",
        Name="{name}",
        Role="glue",
        Command={"Name": "glueetl"},
    ),
    "aws_athena_workgroup": _both(_workgroup),
    "aws_sagemaker_endpoint": _both(_learning_endpoint),
    "aws_sagemaker_endpoint_configuration": _both(_endpoint_config),
    "aws_sagemaker_notebook_instance": _simple(
        "sagemaker",
        "create_notebook_instance",
        "NotebookInstanceArn",
        _kv,
        "Tags",
        NotebookInstanceName="{name}",
        InstanceType="ml.t3.medium",
        RoleArn=f"arn:aws:iam::{HOME}:role/learns",
    ),
    "aws_api_gateway_rest_api": _both(_rest_api),
    "aws_apigatewayv2_api": _both(_http_api),
    "aws_apigatewayv2_stage": _both(_http_stage),
    "aws_cloudfront_distribution": _both(_distribution),
    "aws_route53_zone": _both(_zone),
    "aws_iam_role": _simple(
        "iam", "create_role", "Role.Arn", _kv, "Tags", RoleName="{name}", AssumeRolePolicyDocument=_POLICY
    ),
    "aws_iam_user": _simple("iam", "create_user", "User.Arn", _kv, "Tags", UserName="{name}", Path="/people/"),
    "aws_iam_policy": _simple(
        "iam", "create_policy", "Policy.Arn", _kv, "Tags", PolicyName="{name}", PolicyDocument=_POLICY
    ),
    "aws_kms_key": _both(_key),
    "aws_secretsmanager_secret": _simple(
        "secretsmanager", "create_secret", "ARN", _kv, "Tags", Name="{name}", SecretString="s"
    ),
    "aws_acm_certificate": _simple(
        "acm", "request_certificate", "CertificateArn", _kv, "Tags", DomainName="{name}.example"
    ),
    "aws_cloudwatch_log_group": _both(_log_group),
    "aws_cloudwatch_metric_alarm": _both(_alarm),
    "aws_ssm_parameter": _simple(
        "ssm",
        "put_parameter",
        _arn("ssm", "parameter/{name}"),
        _kv,
        "Tags",
        Name="/{name}",
        Value="v",
        Type="String",
    ),
}


# Types of an ARN's family, where the ARN doesn't tell which of them it is (and None for none of the family).
_FAMILIES: Mapping[str, str | None] = {
    "aws_ec2_transit_gateway_vpc_attachment": None,
    "aws_neptune_cluster": "aws_rds_cluster",
    "aws_rds_cluster_instance": "aws_db_instance",
}
_OTHER_ARNS = ("aws_mq_broker", "aws_msk_cluster")
"""moto's ARNs of these aren't formed as AWS's are."""


@pytest.mark.parametrize("type_", sorted(MAKERS))
def test_a_row_shows_what_was_made_as_it_was_made(type_: str, aws: AwsServer) -> None:
    made = MAKERS[type_](aws)
    found = read(access(), type_)
    shown = {id_: seen for id_, seen in found.items() if seen.type == type_}
    assert set(made) <= set(shown)
    assert {id_: shown[id_].tags for id_ in made} == made
    assert {(shown[id_].unread, shown[id_].untaggable, shown[id_].account) for id_ in made} == {("", "", HOME)}
    # What was there before, and what had to be made beside them, has no tags, and is nothing more.
    assert all(seen.tags == {} or seen.untaggable for id_, seen in found.items() if id_ not in made)

    # What only an index has shown is typed by its ARN, as the service's own listing types it.
    if type_ not in _OTHER_ARNS:
        assert {names.terraform_type_of_arn(id_) for id_ in made} == {_FAMILIES.get(type_, type_)}

    # A service isn't asked for tags that the tagging API has just shown; one that shows them by itself goes on to.
    tagged = {id_ for id_, tags in made.items() if tags}
    before = len(aws.requests)
    again = read(access(), type_, tagged)
    assert all(again[id_] == shown[id_] for id_, tags in made.items() if not tags)
    (known,) = {again[id_].tags is None for id_ in tagged}
    if known:
        asked = [request for request in aws.requests[before:] if request.operation in _asked_for_tags(type_)]
        assert [request for request in asked if any(id_ in str(request.parameters) for id_ in tagged)] == []
        assert {again[id_].unread for id_ in tagged} == {""}
    else:
        assert all(again[id_] == shown[id_] for id_ in tagged)


def _asked_for_tags(type_: str) -> set[str]:
    row = ROWS[type_]
    if isinstance(row, Listing):
        assert not isinstance(row.tags, str)
        return {row.tags.operation}
    return {call.operation for call in row.calls if "Tag" in call.operation}


def test_the_global_services_are_read_without_a_region(aws: AwsServer) -> None:
    for type_ in ("aws_iam_role", "aws_cloudfront_distribution", "aws_route53_zone"):
        MAKERS[type_](aws)
        assert {seen.region for seen in read(access(), type_).values()} == {GLOBAL}
        assert ROWS[type_].scope == "global"
