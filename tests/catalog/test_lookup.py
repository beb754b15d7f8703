"""What the catalogue says of single types, and the laws that hold for all of them."""

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.catalog import LIMITS, Surface, TaggableType, cloud_of, lookup

from .known import ALL_TYPES, PREFIXES, TYPES, TYPES_FILE

AWS_TAGS = Surface(("tags",), "map", inherits=True, effective=("tags_all",))
MERGED_LABELS = ("terraform_labels", "effective_labels")
LABELS = Surface(("labels",), "map", inherits=True, effective=MERGED_LABELS)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("aws_s3_bucket", AWS_TAGS),
        ("aws_s3_directory_bucket", AWS_TAGS),  # tags came with provider 6
        ("aws_vpn_concentrator", AWS_TAGS),  # a plugin-framework type of provider 6
        ("aws_autoscaling_group", Surface(("tag",), "blocks")),
        ("aws_autoscaling_group_tag", None),
        ("aws_ec2_tag", None),
        ("aws_inspector_resource_group", None),
        ("aws_devopsguru_resource_collection", None),
        ("aws_iam_role_policy", None),
        ("google_storage_bucket", LABELS),
        ("google_project", LABELS),
        ("google_compute_security_policy", LABELS),  # labels came with provider 7
        ("google_folder", None),
        ("google_cloud_identity_group", None),
        ("google_container_cluster", Surface(("resource_labels",), inherits=True, effective=MERGED_LABELS)),
        ("google_container_node_pool", None),
        ("google_cloud_run_service", Surface(("metadata", "labels"), inherits=True, effective=MERGED_LABELS)),
        (
            "google_cloud_run_domain_mapping",
            Surface(("metadata", "labels"), inherits=True, effective=MERGED_LABELS),
        ),
        ("google_sql_database_instance", Surface(("settings", "user_labels"))),
        ("google_monitoring_notification_channel", Surface(("user_labels",))),
        ("google_monitoring_metric_descriptor", None),
        ("google_monitoring_alert_policy", Surface(("user_labels",))),
        ("azurerm_storage_account", Surface(("tags",))),
        ("azurerm_subnet", None),
    ],
)
def test_own_tags_stand_where_the_provider_documents_them(name: str, own: Surface | None) -> None:
    known = lookup(name)
    assert known is not None
    assert known.own == own


@pytest.mark.parametrize(
    ("name", "created"),
    [
        ("aws_launch_template", [Surface(("tag_specifications", "tags"), label="resource_type")]),
        ("aws_batch_compute_environment", [Surface(("compute_resources", "tags"))]),
        ("aws_dlm_lifecycle_policy", [Surface(("policy_details", "schedule", "tags_to_add"), label="name")]),
        ("aws_eks_node_group", []),  # its `labels` are Kubernetes node labels
        ("aws_s3_bucket_lifecycle_configuration", []),
        ("aws_ce_cost_category", []),
        ("aws_backup_framework", []),
        ("google_container_node_pool", [Surface(("node_config", "resource_labels"))]),
        ("google_project", []),  # its `tags` are resource-manager tags
        ("azurerm_kubernetes_cluster", [Surface(("default_node_pool", "tags"))]),
    ],
)
def test_tags_of_what_will_be_created_are_told_from_selectors(name: str, created: list[Surface]) -> None:
    known = lookup(name)
    assert known is not None
    assert list(known.created) == created


@pytest.mark.parametrize("name", ["aws_instance", "aws_spot_instance_request"])
def test_block_devices_and_volume_tags_take_provider_defaults(name: str) -> None:
    known = lookup(name)
    assert known is not None
    assert {".".join(surface.path): (surface.inherits, surface.effective) for surface in known.created} == {
        "root_block_device.tags": (True, ("tags_all",)),
        "ebs_block_device.tags": (True, ("tags_all",)),
        "volume_tags": (True, ()),
    }


@pytest.mark.parametrize(
    "name",
    [
        "",
        "aws",
        "aws_",
        "s3_bucket",
        "aws_no_such_thing",
        "AWS_S3_BUCKET",
        "awscc_s3_bucket",
        "kubernetes_namespace",
    ],
)
def test_a_type_that_no_provider_has_is_unknown(name: str) -> None:
    assert lookup(name) is None


@given(st.text() | st.sampled_from(sorted(PREFIXES.values())).flatmap(lambda prefix: st.text().map(prefix.__add__)))
def test_any_name_is_known_under_that_name_or_not_at_all(name: str) -> None:
    known = lookup(name)
    assert known is None or known.name == name


@pytest.mark.parametrize("name", ["aws_s3_access_point", "aws_s3_directory_bucket"])
def test_a_type_that_got_its_tags_later_says_since_when(name: str) -> None:
    """The schema of AWS provider 5.100 has these types without tags; 6.25 has them with tags."""
    known = lookup(name)
    assert known is not None
    assert known.since == 6


def test_every_known_type_keeps_the_laws() -> None:
    for name in ALL_TYPES:
        known = lookup(name)
        assert known is not None, name
        assert known.name == name
        assert name.startswith(PREFIXES[known.cloud])
        assert known.cloud in LIMITS
        surfaces = [known.own, *known.created] if known.own else list(known.created)
        assert len({surface.path for surface in surfaces}) == len(surfaces), known
        for surface in surfaces:
            assert surface.path, known
            assert all(part.isidentifier() for part in (*surface.path, *surface.effective)), known
            assert len(surface.path) > 1 or not surface.label, f"{known}: a sibling names a block"
            assert surface.inherits or not surface.effective, f"{known}: only defaults are merged"
            assert not surface.inherits or known.cloud != "azure", f"{known}: azurerm has no defaults"


def known_types(cloud: str) -> list[TaggableType]:
    return [known for name in ALL_TYPES if (known := lookup(name)) and known.cloud == cloud]


@pytest.mark.parametrize(
    ("cloud", "fewest"),
    [
        # The schema of AWS provider 5.100 has 747 types with tags_all; the catalogue is a union and never
        # shrinks.
        ("aws", 747),
        # The source of Google provider 7.45 merges labels (SetLabelsDiff and its kin) in 313 resources.
        ("google", 313),
    ],
)
def test_no_type_that_takes_provider_defaults_is_lost(cloud: str, fewest: int) -> None:
    assert sum(known.own is not None and known.own.inherits for known in known_types(cloud)) >= fewest


def test_no_taggable_azure_type_is_lost() -> None:
    """azurerm 4.55 and 5.2 together have 413 types with tags, by their generated bindings and their documentation."""
    assert sum(known.own is not None for known in known_types("azure")) >= 413


@pytest.mark.parametrize(
    ("provider", "cloud"),
    [
        ("registry.terraform.io/hashicorp/aws", "aws"),
        ("registry.opentofu.org/hashicorp/aws", "aws"),
        ("mirror.example.com:8443/hashicorp/aws", "aws"),
        ("hashicorp/aws", "aws"),
        ("HashiCorp/AWS", "aws"),
        ("aws", "aws"),
        ("registry.opentofu.org/opentofu/google", "google"),
        ("registry.terraform.io/hashicorp/google-beta", "google"),
        ("google-beta", "google"),
        ("registry.terraform.io/hashicorp/azurerm", "azure"),
        ("registry.terraform.io/azure/azapi", "azure"),
        ("azapi", "azure"),
        ("registry.terraform.io/hashicorp/awscc", None),
        ("registry.terraform.io/hashicorp/kubernetes", None),
        ("registry.terraform.io/somebody/aws", "aws"),  # a fork may mean anything by the same names
        ("terraform.io/builtin/terraform", None),
        ("", None),
    ],
)
def test_a_provider_is_known_by_its_address_on_any_host(provider: str, cloud: str | None) -> None:
    assert cloud_of(provider) == cloud


def test_importing_the_catalogue_reads_nothing() -> None:
    """A start-up pays for the catalogue only when it looks something up."""
    code = """
import sys
import costguard.catalog
print("costguard.catalog.surfaces" in sys.modules, costguard.catalog._types.cache_info().misses)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False 0\n"


def test_the_types_say_one_thing_each_and_stay_small() -> None:
    assert TYPES_FILE.stat().st_size <= 200_000
    for part in TYPES.values():
        names = [*part.defaults, *part.plain, *part.none]
        assert len(names) == len(set(names))


def test_a_taggable_type_survives_a_round_trip() -> None:
    """Results travel between processes in a parallel run."""
    known = lookup("aws_instance")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(known), type=TaggableType) == known
