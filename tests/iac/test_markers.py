"""What tags say of who manages a resource: exact keys of services, conventions of people, and hostile text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.iac import markers
from costguard.iac.markers import CLAIMS, managers
from tests.conftest import ROOT

STACK_ID = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/6a7b"
NESTED_ID = "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop-Net-1ABC/6a7b"

Said = tuple[str, str, str]
"""(tool, name, where)"""

CASES: list[tuple[dict[str, str], list[Said]]] = [
    ({}, []),
    ({"owner": "payments", "Name": "x"}, []),
    (
        {
            "aws:cloudformation:stack-name": "shop",
            "aws:cloudformation:stack-id": STACK_ID,
            "aws:cloudformation:logical-id": "Topic",
        },
        [("cloudformation", "Topic", "stack shop")],
    ),
    ({"aws:cloudformation:stack-id": NESTED_ID}, [("cloudformation", "stack shop-Net-1ABC", "")]),
    ({"aws:cloudformation:stack-id": "no ARN"}, []),
    ({"aws:cloudformation:logical-id": "Topic"}, []),
    (
        {"aws:cloudformation:stack-name": "StackSet-baseline-6a7b", "aws:cloudformation:logical-id": "Role"},
        [("cloudformation-stackset", "Role", "stack StackSet-baseline-6a7b")],
    ),
    ({"lambda:createdBy": "SAM"}, [("sam", "SAM template", "")]),
    ({"lambda:createdBy": "me"}, []),
    ({"aws-cdk:auto-delete-objects": "true"}, [("cdk", "CDK app", "")]),
    (
        {"elasticbeanstalk:environment-name": "shop-prod"},
        [("elastic-beanstalk", "Elastic Beanstalk environment shop-prod", "")],
    ),
    ({"aws:autoscaling:groupName": "web"}, [("autoscaling", "Auto Scaling group web", "")]),
    ({"aws:ec2:fleet-id": "fleet-1"}, [("ec2-fleet", "EC2 Fleet fleet-1", "")]),
    (
        {"eks:nodegroup-name": "spot", "eks:cluster-name": "prod"},
        [("eks", "EKS node group spot", "cluster prod")],
    ),
    (
        {"eks:nodegroup-name": "spot", "aws:eks:cluster-name": "prod"},
        [("eks", "EKS node group spot", "cluster prod")],
    ),
    ({"aws:eks:cluster-name": "prod"}, [("eks", "EKS cluster prod", "")]),
    ({"kubernetes.io/cluster/prod": "owned"}, [("kubernetes", "Kubernetes cluster prod", "")]),
    ({"kubernetes.io/cluster/prod": "shared"}, []),
    ({"karpenter.sh/nodepool": "default"}, [("karpenter", "Karpenter node pool default", "")]),
    (
        {"sigs.k8s.io/cluster-api-provider-aws/cluster/prod": "owned"},
        [("cluster-api", "Cluster API cluster prod", "")],
    ),
    (
        {"crossplane-name": "db", "crossplane-kind": "instance.rds.aws.upbound.io"},
        [("crossplane", "instance.rds.aws.upbound.io db", "")],
    ),
    (
        {"kubernetes.io/created-for/pvc/name": "data", "kubernetes.io/created-for/pvc/namespace": "shop"},
        [("kubernetes", "volume claim data", "namespace shop")],
    ),
    (
        {"aws:ecs:clusterName": "prod", "aws:ecs:serviceName": "api"},
        [("ecs", "ECS service api", "cluster prod")],
    ),
    ({"aws:ecs:clusterName": "prod"}, [("ecs", "ECS cluster prod", "")]),
    ({"aws:elasticmapreduce:job-flow-id": "j-1"}, [("emr", "EMR cluster j-1", "")]),
    ({"aws:backup:source-resource": "vol-1"}, [("backup", "AWS Backup of vol-1", "")]),
    ({"aws:dlm:lifecycle-policy-id": "policy-1"}, [("dlm", "lifecycle policy policy-1", "")]),
    ({"goog-terraform-provisioned": "true"}, [("terraform-tag", "goog-terraform-provisioned=true", "")]),
    (
        {"goog-k8s-cluster-name": "prod", "goog-k8s-node-pool-name": "spot", "goog-gke-node": ""},
        [("gke", "GKE node pool spot", "cluster prod")],
    ),
    ({"goog-gke-volume": ""}, [("gke", "GKE", "")]),
    ({"goog-dataproc-cluster-name": "etl"}, [("dataproc", "Dataproc cluster etl", "")]),
    ({"goog-dataflow-job-name": "etl"}, [("dataflow", "Dataflow job etl", "")]),
    ({"managed-by-cnrm": "true"}, [("config-connector", "Config Connector", "")]),
    (
        {"yor_trace": "6a7b", "git_file": "net/main.tf", "git_repo": "infra", "git_org": "shop"},
        [("yor", "net/main.tf", "shop/infra")],
    ),
    ({"yor_trace": "6a7b"}, [("yor", "trace 6a7b", "")]),
    ({"pulumi:project": "shop", "pulumi:stack": "prod"}, [("pulumi-tag", "shop/prod", "")]),
    # Conventions: any case, `_` or `-`, and only values that name a tool.
    ({"terraform": "true"}, [("terraform-tag", "terraform=true", "")]),
    ({"Terraform": "Yes"}, [("terraform-tag", "Terraform=Yes", "")]),
    ({"terraform": "false"}, []),
    ({"ManagedBy": "Terraform"}, [("terraform-tag", "ManagedBy=Terraform", "")]),
    ({"managed_by": "atlantis"}, [("terraform-tag", "managed_by=atlantis", "")]),
    ({"Managed-By": "OpenTofu"}, [("opentofu-tag", "Managed-By=OpenTofu", "")]),
    ({"managed-by": "platform team"}, []),
    ({"CreatedBy": "alice"}, []),
    # Services' own keys are exact: nobody but AWS can write them.
    ({"AWS:Autoscaling:GroupName": "web"}, []),
]


@pytest.mark.parametrize(("tags", "expected"), CASES)
def test_what_tags_say(tags: dict[str, str], expected: list[Said]) -> None:
    assert [(manager.tool, manager.name, manager.where) for manager in managers(tags)] == expected


def test_what_is_only_claimed_comes_last() -> None:
    found = managers(
        {"ManagedBy": "Terraform", "yor_trace": "t", "elbv2.k8s.aws/cluster": "prod", "aws:ec2:fleet-id": "f"}
    )

    assert [manager.tool for manager in found] == ["ec2-fleet", "kubernetes", "terraform-tag", "yor"]


def test_tools_that_claim_are_told_from_tools_that_keep() -> None:
    tools = {tool for _, said in CASES for tool, _, _ in said}

    assert {tool for tool in tools if tool.endswith("-tag") or tool == "yor"} == tools & CLAIMS


def test_a_key_stands_in_the_table_once() -> None:
    rows = [row.key for row in (*markers._ROWS, *markers._PREFIXES, *markers._CONVENTIONS)]

    assert len(rows) == len(set(rows))


_KEYS = [key for tags, _ in CASES for key in tags]


@given(st.dictionaries(st.sampled_from(_KEYS) | st.text(), st.text() | st.sampled_from(["true", "owned", "x" * 5000])))
def test_any_text_is_text(tags: dict[str, str]) -> None:
    found = managers(tags)

    assert len(set(found)) == len(found)
    assert managers(dict(reversed(tags.items()))) == found
    for manager in found:
        assert manager.tool
        assert manager.name
        assert len(manager.name) < 600


def test_the_reference_names_every_tool() -> None:
    page = (ROOT / "docs" / "reference" / "state.md").read_text("utf-8")
    tools = {tool for _, said in CASES for tool, _, _ in said if not tool.endswith("-tag")}

    assert {tool for tool in tools if f"`{tool}`" not in page} == set()
