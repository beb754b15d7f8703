"""What runs code, and what spreads requests over it: Auto Scaling, load balancers, Lambda, containers, Batch."""

from collections.abc import Callable

from costguard.clouds.aws.native.listing import Batch, Each, Item, Kind, Listing, Reading, Step, To, legible
from costguard.model.resource import Manager


def _group(_: Reading, item: Item) -> Kind | None:
    """An Auto Scaling group. It has a status only while it is being deleted."""
    return None if item.get("Status") else Kind("aws_autoscaling_group")


_BALANCER_TAGS = Batch(
    operation="DescribeTags",
    parameter="ResourceArns",
    name="{arn}",
    size=20,
    answers="TagDescriptions",
    key="ResourceArn",
)


def _service(_: Reading, item: Item) -> Kind:
    """A service of ECS. An ARN without its cluster is of the format from before 2018, and only those of the new one
    take tags (Amazon ECS Developer Guide, "Amazon Resource Names (ARNs) and IDs")."""
    if str(item.get("arn")).count("/") < 2:
        return Kind("aws_ecs_service", untaggable="its ARN is of the old format, with which ECS takes no tags")
    return Kind("aws_ecs_service")


_EKS_CLUSTERS = Step(operation="ListClusters", items="clusters[].{cluster: @}", page=100)
_IN_EKS = To("cluster", "clusterName", "arn:{partition}:eks:{region}:{account}:cluster/{value}")


def _named(type_: str, tool: str, field: str) -> Callable[[Reading, Item], Kind]:
    """The kind of what a service may have made for something that ``field`` names."""

    def kind(_: Reading, item: Item) -> Kind:
        maker = item.get(field)
        return Kind(type_, managers=(Manager(tool=tool, name=legible(str(maker))),) if maker else ())

    return kind


ROWS = (
    Listing(
        service="autoscaling",
        operation="DescribeAutoScalingGroups",
        items="AutoScalingGroups",
        id="{AutoScalingGroupARN}",
        type="aws_autoscaling_group",
        kind=_group,
        related=(To("network", "VPCZoneIdentifier"),),
        page=100,
    ),
    Listing(
        service="elb",
        operation="DescribeLoadBalancers",
        items="LoadBalancerDescriptions",
        id="arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{LoadBalancerName}",
        type="aws_elb",
        related=(To("network", "[VPCId, Subnets]"),),
        page=400,
        tags=Batch(
            operation="DescribeTags",
            parameter="LoadBalancerNames",
            name="{LoadBalancerName}",
            size=20,
            answers="TagDescriptions",
            key="LoadBalancerName",
        ),
    ),
    Listing(
        service="elbv2",
        operation="DescribeLoadBalancers",
        items="LoadBalancers[].{arn: LoadBalancerArn, network: [VpcId, AvailabilityZones[].SubnetId]}",
        id="{arn}",
        type="aws_lb",
        related=(To("network", "network"),),
        page=400,
        tags=_BALANCER_TAGS,
    ),
    Listing(
        service="elbv2",
        operation="DescribeTargetGroups",
        items="TargetGroups[].{arn: TargetGroupArn, balancers: LoadBalancerArns, network: VpcId}",
        id="{arn}",
        type="aws_lb_target_group",
        related=(To("parent", "balancers"), To("network", "network")),
        page=400,
        tags=_BALANCER_TAGS,
    ),
    Listing(
        service="elbv2",
        within=(
            Step(operation="DescribeLoadBalancers", items="LoadBalancers[].{balancer: LoadBalancerArn}", page=400),
        ),
        operation="DescribeListeners",
        asks={"LoadBalancerArn": "{balancer}"},
        items="Listeners[].{arn: ListenerArn}",
        id="{arn}",
        type="aws_lb_listener",
        related=(To("parent", "balancer"),),
        page=400,
        tags=_BALANCER_TAGS,
    ),
    Listing(
        service="lambda",
        operation="ListFunctions",
        items="Functions",
        id="{FunctionArn}",
        type="aws_lambda_function",
        related=(To("network", "VpcConfig.[VpcId, SubnetIds]"),),
        tags=Each(operation="ListTags", asks={"Resource": "{FunctionArn}"}),
    ),
    Listing(
        service="ecs",
        operation="ListClusters",
        items="clusterArns[].{arn: @}",
        id="{arn}",
        type="aws_ecs_cluster",
        page=100,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{arn}"}, tags="tags"),
    ),
    Listing(
        service="ecs",
        within=(Step(operation="ListClusters", items="clusterArns[].{cluster: @}", page=100),),
        operation="ListServices",
        asks={"cluster": "{cluster}"},
        items="serviceArns[].{arn: @}",
        id="{arn}",
        type="aws_ecs_service",
        kind=_service,
        related=(To("cluster", "cluster"),),
        page=100,
        tags=Batch(
            operation="DescribeServices",
            parameter="services",
            name="{arn}",
            size=10,
            answers="services",
            key="serviceArn",
            asks={"cluster": "{cluster}", "include": ["TAGS"]},
            tags="tags",
        ),
    ),
    Listing(
        service="ecs",
        operation="ListTaskDefinitions",
        asks={"status": "ACTIVE"},
        items="taskDefinitionArns[].{arn: @}",
        id="{arn}",
        type="aws_ecs_task_definition",
        page=100,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{arn}"}, tags="tags"),
    ),
    Listing(
        service="eks",
        operation="ListClusters",
        items="clusters[].{name: @}",
        id="arn:{partition}:eks:{region}:{account}:cluster/{name}",
        type="aws_eks_cluster",
        page=100,
        tags=Each(
            operation="ListTagsForResource",
            asks={"resourceArn": "arn:{partition}:eks:{region}:{account}:cluster/{name}"},
            tags="tags",
        ),
    ),
    Listing(
        service="eks",
        within=(
            _EKS_CLUSTERS,
            Step(
                operation="ListNodegroups", asks={"clusterName": "{cluster}"}, items="nodegroups[].{name: @}", page=100
            ),
        ),
        operation="DescribeNodegroup",
        asks={"clusterName": "{cluster}", "nodegroupName": "{name}"},
        items="[nodegroup]",
        id="{nodegroupArn}",
        type="aws_eks_node_group",
        related=(_IN_EKS, To("network", "subnets")),
        tags="tags",
    ),
    Listing(
        service="eks",
        within=(
            _EKS_CLUSTERS,
            Step(
                operation="ListFargateProfiles",
                asks={"clusterName": "{cluster}"},
                items="fargateProfileNames[].{name: @}",
                page=100,
            ),
        ),
        operation="DescribeFargateProfile",
        asks={"clusterName": "{cluster}", "fargateProfileName": "{name}"},
        items="[fargateProfile]",
        id="{fargateProfileArn}",
        type="aws_eks_fargate_profile",
        related=(_IN_EKS, To("network", "subnets")),
        tags="tags",
    ),
    Listing(
        service="ecr",
        operation="DescribeRepositories",
        items="repositories",
        id="{repositoryArn}",
        type="aws_ecr_repository",
        page=1000,
        tags=Each(operation="ListTagsForResource", asks={"resourceArn": "{repositoryArn}"}, tags="tags"),
    ),
    Listing(
        service="batch",
        operation="DescribeComputeEnvironments",
        items="computeEnvironments",
        id="{computeEnvironmentArn}",
        type="aws_batch_compute_environment",
        related=(To("network", "computeResources.subnets"),),
        page=100,
        tags="tags",
    ),
    Listing(
        service="batch",
        operation="DescribeJobQueues",
        items="jobQueues",
        id="{jobQueueArn}",
        type="aws_batch_job_queue",
        related=(To("cluster", "computeEnvironmentOrder[].computeEnvironment"),),
        page=100,
        tags="tags",
    ),
    Listing(
        service="batch",
        operation="DescribeJobDefinitions",
        asks={"status": "ACTIVE"},
        items="jobDefinitions",
        id="{jobDefinitionArn}",
        type="aws_batch_job_definition",
        page=100,
        tags="tags",
    ),
    Listing(
        service="emr",
        operation="ListClusters",
        # The others are over; EMR remembers them for two months.
        asks={"ClusterStates": ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"]},
        items="Clusters",
        id="{ClusterArn}",
        type="aws_emr_cluster",
        tags=Each(operation="DescribeCluster", asks={"ClusterId": "{Id}"}, tags="Cluster.Tags"),
    ),
    Listing(
        service="cloudformation",
        operation="DescribeStacks",
        items="Stacks",
        id="{StackId}",
        type="aws_cloudformation_stack",
        kind=_named("aws_cloudformation_stack", "cloudformation", "ParentId"),
        related=(To("parent", "ParentId"),),
    ),
)
