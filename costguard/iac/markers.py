"""What the tags on a live resource say of who manages it: stacks, groups, clusters, and people's own conventions.

One table of tag keys, each with where it is documented. Two kinds of tools are told apart. Some keep what they made as
their own definition says, so that a tag belongs in that definition and is undone or lost on the thing itself: a stack,
an Auto Scaling group, a node pool. Others (:data:`CLAIMS`) only say where a thing comes from, in words that people or
their tools wrote: nothing keeps ``managed-by: terraform`` true, and it names no configuration.

Values are what somebody wrote: they are text and nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from costguard.model.resource import Manager

CLAIMS = frozenset(
    {
        "ansible-tag",
        "cdk-tag",
        "cloudformation-tag",
        "config-connector-tag",
        "crossplane-tag",
        "helm-tag",
        "kubernetes-tag",
        "opentofu-tag",
        "pulumi-tag",
        "sam-tag",
        "serverless-tag",
        "terraform-tag",
        "yor",
    }
)
"""The ``tool`` of managers that a tag merely claims; every other tool keeps its resources as it defines them."""


class Mark(NamedTuple):
    """One tag that says something, and all tags of the resource, which may say the rest."""

    key: str
    value: str
    tags: Mapping[str, str]


Say = Callable[[Mark], Iterator[Manager]]


def managers(tags: Mapping[str, str]) -> tuple[Manager, ...]:
    """Who manages a resource, by its tags: each manager once, what is only claimed after the others."""
    found: dict[Manager, None] = {}
    for key, value in tags.items():
        say = _KEYS.get(key)
        if say is None and (say := _FOLDED.get(key.casefold().replace("_", "-"))) is None:
            say = next((row.say for row in _PREFIXES if key.startswith(row.key)), None)
        if say is not None:
            found.update(dict.fromkeys(say(Mark(key, value, tags))))
    if not found:
        return ()
    return tuple(sorted(found, key=lambda each: (each.tool in CLAIMS, each.tool, each.name, each.where)))


class Row(msgspec.Struct, frozen=True):
    """A tag key (for :data:`_PREFIXES` the beginning of one) and what it says."""

    key: str
    say: Say


def _named(tool: str, what: str) -> Say:
    """The value is the manager's name: ``what`` says of what kind ("Auto Scaling group")."""

    def say(mark: Mark) -> Iterator[Manager]:
        name = _clip(mark.value)
        yield Manager(tool=tool, name=f"{what} {name}" if name else what)

    return say


def _fact(tool: str, name: str) -> Say:
    """That the tag is there says all."""

    manager = Manager(tool=tool, name=name)
    return lambda _: iter((manager,))


def _clip(text: str) -> str:
    """A value of a tag is at most 256 characters on every cloud."""
    text = text.strip()
    return text if len(text) <= 256 else f"{text[:255]}…"


_STACK_ID = re.compile(r"arn:[^:]*:cloudformation:([^:]*):([0-9]*):stack/([^/]+)/")


def _stack(mark: Mark) -> Iterator[Manager]:
    """A stack, from its name or its ARN: the resource's name in it where that is told, else what it is."""
    found = _STACK_ID.match(mark.tags.get("aws:cloudformation:stack-id", ""))
    stack = _clip(mark.tags.get("aws:cloudformation:stack-name", "") or (found[3] if found else ""))
    if not stack:
        return
    logical = _clip(mark.tags.get("aws:cloudformation:logical-id", ""))
    # CloudFormation names the stacks of a StackSet itself: StackSet-NAME-uuid.
    tool = "cloudformation-stackset" if stack.startswith("StackSet-") else "cloudformation"
    yield Manager(tool=tool, name=logical or f"stack {stack}", where=f"stack {stack}" if logical else "")


def _cluster_in_key(tool: str, what: str, prefix: str) -> Say:
    """The key ends with a cluster's name, and the value says whether the cluster owns the thing or shares it."""

    def say(mark: Mark) -> Iterator[Manager]:
        if mark.value.strip().casefold() == "owned":
            yield Manager(tool=tool, name=f"{what} {_clip(mark.key.removeprefix(prefix))}")

    return say


def _ecs_service(mark: Mark) -> Iterator[Manager]:
    cluster = _clip(mark.tags.get("aws:ecs:clusterName", ""))
    yield Manager(tool="ecs", name=f"ECS service {_clip(mark.value)}", where=f"cluster {cluster}" if cluster else "")


def _ecs_cluster(mark: Mark) -> Iterator[Manager]:
    if "aws:ecs:serviceName" not in mark.tags:
        yield Manager(tool="ecs", name=f"ECS cluster {_clip(mark.value)}")


def _yor(mark: Mark) -> Iterator[Manager]:
    """Yor tags a block of Terraform, CloudFormation and other source with the file that it stands in."""
    file, repository = _clip(mark.tags.get("git_file", "")), _clip(mark.tags.get("git_repo", ""))
    organisation = _clip(mark.tags.get("git_org", ""))
    where = f"{organisation}/{repository}" if organisation and repository else repository
    yield Manager(tool="yor", name=file or f"trace {_clip(mark.tags.get('yor_trace', ''))}".strip(), where=where)


_TRUE = frozenset({"true", "yes", "1", "y"})


def _flag(tool: str) -> Say:
    """A convention of people: ``terraform: true``. ``false`` says that it isn't so."""

    def say(mark: Mark) -> Iterator[Manager]:
        if mark.value.strip().casefold() in _TRUE:
            yield Manager(tool=f"{tool}-tag", name=f"{mark.key}={_clip(mark.value)}")

    return say


# The words for tools in `managed-by` and the like, and the tool that each means.
_TOOLS: Mapping[str, str] = {
    "terraform": "terraform",
    "tf": "terraform",
    "terragrunt": "terraform",
    "atlantis": "terraform",
    "spacelift": "terraform",
    "terraform-cloud": "terraform",
    "opentofu": "opentofu",
    "tofu": "opentofu",
    "pulumi": "pulumi",
    "cloudformation": "cloudformation",
    "cfn": "cloudformation",
    "cdk": "cdk",
    "aws-cdk": "cdk",
    "sam": "sam",
    "serverless": "serverless",
    "ansible": "ansible",
    "crossplane": "crossplane",
    "helm": "helm",
    "config-connector": "config-connector",
    "cnrm": "config-connector",
    "kubernetes": "kubernetes",
}


def _managed_by(mark: Mark) -> Iterator[Manager]:
    """A convention of people, whose value names a tool; what is no tool (a team) says nothing of this."""
    word = re.sub(r"[\s_]+", "-", mark.value.strip().casefold())
    tool = _TOOLS.get(word)
    if tool is not None:
        yield Manager(tool=f"{tool}-tag", name=f"{mark.key}={_clip(mark.value)}")


def _sam(mark: Mark) -> Iterator[Manager]:
    if mark.value.strip() == "SAM":
        yield Manager(tool="sam", name="SAM template")


def _node_group(mark: Mark) -> Iterator[Manager]:
    cluster = _clip(mark.tags.get("eks:cluster-name", "") or mark.tags.get("aws:eks:cluster-name", ""))
    yield Manager(tool="eks", name=f"EKS node group {_clip(mark.value)}", where=f"cluster {cluster}" if cluster else "")


def _eks_cluster(mark: Mark) -> Iterator[Manager]:
    if "eks:nodegroup-name" not in mark.tags:
        yield Manager(tool="eks", name=f"EKS cluster {_clip(mark.value)}")


def _volume_claim(mark: Mark) -> Iterator[Manager]:
    space = _clip(mark.tags.get("kubernetes.io/created-for/pvc/namespace", ""))
    yield Manager(
        tool="kubernetes", name=f"volume claim {_clip(mark.value)}", where=f"namespace {space}" if space else ""
    )


def _crossplane(mark: Mark) -> Iterator[Manager]:
    kind = _clip(mark.tags.get("crossplane-kind", ""))
    yield Manager(tool="crossplane", name=f"{kind or 'managed resource'} {_clip(mark.value)}")


def _gke(mark: Mark) -> Iterator[Manager]:
    cluster, pool = (
        _clip(mark.tags.get("goog-k8s-cluster-name", "")),
        _clip(mark.tags.get("goog-k8s-node-pool-name", "")),
    )
    if pool:
        yield Manager(tool="gke", name=f"GKE node pool {pool}", where=f"cluster {cluster}" if cluster else "")
    else:
        yield Manager(tool="gke", name=f"GKE cluster {cluster}" if cluster else "GKE")


def _config_connector(mark: Mark) -> Iterator[Manager]:
    if mark.value.strip().casefold() in _TRUE:
        yield Manager(tool="config-connector", name="Config Connector")


def _pulumi(mark: Mark) -> Iterator[Manager]:
    project, stack = _clip(mark.tags.get("pulumi:project", "")), _clip(mark.tags.get("pulumi:stack", ""))
    yield Manager(tool="pulumi-tag", name="/".join(part for part in (project, stack) if part) or "pulumi")


_CLUSTER = "kubernetes.io/cluster/"
_CLUSTER_API = "sigs.k8s.io/cluster-api-provider-aws/cluster/"

# Keys are exact, for the services write them exactly so.
_ROWS: tuple[Row, ...] = (
    # CloudFormation user guide, "Resource tags": what a stack makes has these; a resource's name alone says nothing.
    Row("aws:cloudformation:stack-name", _stack),
    Row("aws:cloudformation:stack-id", _stack),
    # SAM (aws/serverless-application-model, translator): functions of a template have lambda:createdBy: SAM.
    Row("lambda:createdBy", _sam),
    # CDK (aws/aws-cdk): the bootstrap stack's roles, and the buckets and repositories that it empties for an app.
    Row("aws-cdk:bootstrap-role", _fact("cdk", "CDK bootstrap")),
    Row("aws-cdk:auto-delete-objects", _fact("cdk", "CDK app")),
    Row("aws-cdk:auto-delete-images", _fact("cdk", "CDK app")),
    # Elastic Beanstalk developer guide, "Tagging resources in your environments".
    Row("elasticbeanstalk:environment-name", _named("elastic-beanstalk", "Elastic Beanstalk environment")),
    # EC2 Auto Scaling user guide, "Tag Auto Scaling groups and instances".
    Row("aws:autoscaling:groupName", _named("autoscaling", "Auto Scaling group")),
    # EC2 user guide, "EC2 Fleet" and "Spot Fleet": on the instances that they launch.
    Row("aws:ec2:fleet-id", _named("ec2-fleet", "EC2 Fleet")),
    Row("aws:ec2spot:fleet-request-id", _named("ec2-fleet", "Spot Fleet")),
    # EKS user guide, "Tag your resources", and that of Auto Mode for the last.
    Row("eks:nodegroup-name", _node_group),
    Row("aws:eks:cluster-name", _eks_cluster),
    Row("eks:eks-cluster-name", _eks_cluster),
    # Karpenter, "NodeClasses: spec.tags"; the second is that of versions before 0.32.
    Row("karpenter.sh/nodepool", _named("karpenter", "Karpenter node pool")),
    Row("karpenter.sh/provisioner-name", _named("karpenter", "Karpenter provisioner")),
    # EBS and EFS CSI drivers, "Tagging".
    Row("kubernetes.io/created-for/pvc/name", _volume_claim),
    Row("ebs.csi.aws.com/cluster", _fact("kubernetes", "EBS CSI driver")),
    Row("efs.csi.aws.com/cluster", _fact("kubernetes", "EFS CSI driver")),
    # AWS Load Balancer Controller, "Subnet and resource tags".
    Row("elbv2.k8s.aws/cluster", _named("kubernetes", "Kubernetes cluster")),
    Row("ingress.k8s.aws/stack", _named("kubernetes", "Kubernetes ingress")),
    Row("service.k8s.aws/stack", _named("kubernetes", "Kubernetes service")),
    # Crossplane (crossplane/upjet): the external tags of managed resources.
    Row("crossplane-name", _crossplane),
    # ECS developer guide, "Amazon ECS-managed tags".
    Row("aws:ecs:serviceName", _ecs_service),
    Row("aws:ecs:clusterName", _ecs_cluster),
    # EMR management guide, "Tag and categorize cluster resources": system tags of instances.
    Row("aws:elasticmapreduce:job-flow-id", _named("emr", "EMR cluster")),
    # AWS Backup developer guide: the system tag of recovery points, AMIs and snapshots.
    Row("aws:backup:source-resource", _named("backup", "AWS Backup of")),
    # EBS user guide, "Amazon Data Lifecycle Manager: system tags" of snapshots and AMIs.
    Row("aws:dlm:lifecycle-policy-id", _named("dlm", "lifecycle policy")),
    # Service Catalog administrator guide, "AutoTags".
    Row("aws:servicecatalog:provisionedProductArn", _named("service-catalog", "provisioned product")),
    # AWS Batch's managed policy asks for this tag on what it launches.
    Row("AWSBatchServiceTag", _fact("batch", "AWS Batch")),
    # Image Builder user guide: the tags of its images.
    Row("Ec2ImageBuilderArn", _named("image-builder", "Image Builder of")),
    # Glue developer guide: its network interfaces.
    Row("aws-glue-service-resource", _fact("glue", "AWS Glue")),
    # Google provider's reference, add_terraform_attribution_label (set by default since version 6).
    Row("goog-terraform-provisioned", _flag("terraform")),
    # GKE, "Automatically applied labels".
    Row("goog-k8s-cluster-name", _gke),
    Row("goog-k8s-node-pool-name", _gke),
    Row("goog-gke-node", _gke),
    Row("goog-gke-volume", _gke),
    # Dataproc, "Automatically applied labels".
    Row("goog-dataproc-cluster-name", _named("dataproc", "Dataproc cluster")),
    Row("goog-dataproc-batch-id", _named("dataproc", "Dataproc batch")),
    # Dataflow: the labels of worker machines.
    Row("goog-dataflow-job-name", _named("dataflow", "Dataflow job")),
    # Cloud Composer: the labels of what an environment runs on.
    Row("goog-composer-environment", _named("composer", "Composer environment")),
    # Deployment Manager: what its deployments make.
    Row("goog-dm", _named("deployment-manager", "deployment")),
    # Config Connector, "Labels": on all that it makes.
    Row("managed-by-cnrm", _config_connector),
    # Yor's README: its groups of tags.
    Row("yor_trace", _yor),
    # Pulumi, by the convention of its documents on automatic tagging.
    Row("pulumi:project", _pulumi),
    Row("pulumi:stack", _pulumi),
)

# These keys end with a name.
_PREFIXES: tuple[Row, ...] = (
    # Kubernetes' cloud provider for AWS: `owned` is the cluster's own, `shared` is somebody else's.
    Row(_CLUSTER, _cluster_in_key("kubernetes", "Kubernetes cluster", _CLUSTER)),
    # Cluster API's provider for AWS has the same two words.
    Row(_CLUSTER_API, _cluster_in_key("cluster-api", "Cluster API cluster", _CLUSTER_API)),
)

# Keys that people made up: compared without case, and `_` is `-`.
_CONVENTIONS: tuple[Row, ...] = (
    # No document binds anybody; these keys are common in public modules and in examples of default_tags.
    Row("terraform", _flag("terraform")),
    Row("is-terraform", _flag("terraform")),
    Row("terraform-managed", _flag("terraform")),
    Row("managed-by-terraform", _flag("terraform")),
    Row("opentofu", _flag("opentofu")),
    Row("pulumi", _flag("pulumi")),
    Row("managed-by", _managed_by),
    Row("managedby", _managed_by),
    Row("provisioner", _managed_by),
    Row("provisioned-by", _managed_by),
    Row("provisionedby", _managed_by),
    Row("deployed-by", _managed_by),
    Row("created-by", _managed_by),
    Row("iac", _managed_by),
    # Kubernetes, "Recommended labels", on what controllers make in a cloud.
    Row("app.kubernetes.io/managed-by", _managed_by),
)

_KEYS: Mapping[str, Say] = {row.key: row.say for row in _ROWS}
_FOLDED: Mapping[str, Say] = {row.key: row.say for row in _CONVENTIONS}
