"""States say which live resource is managed where, whatever their form, and never more than what names a resource."""

import gzip
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.catalog import native
from costguard.iac.state import Claim, States, configuration, local_states, read_state
from costguard.model.resource import Gap, Manager
from tests.conftest import ROOT, Terraform

if TYPE_CHECKING:
    from tests.servers.aws import AwsServer

STORED = ROOT / "tests" / "iac" / "states"
AWS = 'provider["registry.terraform.io/hashicorp/aws"]'
TOPIC = "arn:aws:sns:eu-west-1:111122223333:news"


def resource(type_: str, *instances: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mode": "managed", "type": type_, "name": "x", "provider": AWS, "instances": list(instances), **more}


def holding(**attributes: Any) -> dict[str, Any]:
    return {"schema_version": 0, "attributes": attributes}


def state(*resources: Any) -> bytes:
    return json.dumps({"version": 4, "serial": 1, "lineage": "l", "outputs": {}, "resources": resources}).encode()


def read(raw: bytes) -> States:
    return read_state(raw, "prod.tfstate", "live/prod")


def keys(type_: str, **attributes: Any) -> tuple[str, ...]:
    """All keys of one resource with these attributes."""
    found = read(state(resource(type_, holding(**attributes))))
    assert not found.gaps
    return tuple(key for claim in found.claims for key in claim.keys)


def names(raw: bytes) -> list[str]:
    found = read(raw)
    assert not found.gaps
    return [claim.manager.name for claim in found.claims]


def why(raw: bytes) -> str:
    """Why a file can't be read at all."""
    found = read(raw)
    assert found.claims == ()
    (gap,) = found.gaps
    assert gap.where == "prod.tfstate"
    assert "\n" not in gap.why
    return gap.why


class TestRealStates:
    @pytest.mark.parametrize("file", ["state.json", "show.json"])
    def test_each_resource_that_can_be_tagged_is_claimed_under_its_address(self, file: str) -> None:
        found = read((STORED / file).read_bytes())

        assert not found.gaps
        assert not found.unidentified
        # 19 were added; the policy and the secret's version can't be tagged; two volumes come with the instances.
        assert found.managed == 19
        assert sorted(claim.manager.name for claim in found.claims) == [
            "aws_cloudformation_stack.stack",
            "aws_cloudwatch_log_group.app",
            "aws_eip.out",
            "aws_instance.web[0]",
            "aws_instance.web[0]",
            "aws_instance.web[1]",
            "aws_instance.web[1]",
            "aws_key_pair.key",
            "aws_nat_gateway.out",
            "aws_s3_bucket.site",
            "aws_secretsmanager_secret.password",
            "aws_sns_topic.news",
            "aws_ssm_parameter.password",
            'aws_subnet.zone["a"]',
            'aws_subnet.zone["b $${x}\\""]',
            "aws_vpc.net",
            "aws_vpc_dhcp_options.net",
            'module.topic["mails"].aws_sns_topic.work',
            'module.topic["orders.eu"].aws_sns_topic.work',
        ]
        assert {claim.manager.tool for claim in found.claims} == {"terraform"}
        assert {claim.manager.where for claim in found.claims} == {"live/prod"}

    def test_the_state_file_and_what_terraform_shows_of_it_say_the_same(self) -> None:
        file, shown = (read((STORED / name).read_bytes()) for name in ("state.json", "show.json"))

        assert set(file.claims) == set(shown.claims)

    @pytest.mark.parametrize("file", ["state.json", "show.json"])
    def test_no_secret_is_kept(self, file: str) -> None:
        raw = (STORED / file).read_bytes()

        assert b"hunter2" in raw
        assert "hunter2" not in repr(read(raw))

    def test_gzip_in_one_or_several_parts_is_unpacked(self) -> None:
        raw = (STORED / "show.json").read_bytes()

        assert read(gzip.compress(raw)) == read(raw)
        assert read(gzip.compress(raw[:500]) + gzip.compress(raw[500:])) == read(raw)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_what_powershell_writes_is_read(self, encoding: str) -> None:
        raw = (STORED / "show.json").read_bytes()

        assert read(raw.decode().encode(encoding)) == read(raw)


@pytest.mark.terraform
def test_what_terraform_applied_is_found_live_under_the_keys(
    terraform: Terraform, aws: "AwsServer", tmp_path: Path
) -> None:
    """Every claim meets exactly one live resource, by the ids that AWS's own listings give."""
    for source in (*STORED.glob("*.tf"), *STORED.glob("*/*.tf")):
        target = tmp_path / source.relative_to(STORED)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
    pointed = msgspec.structs.replace(terraform, environment={**terraform.environment, **aws.environment()})
    pointed.init(tmp_path)
    pointed.run(tmp_path, "apply", "-auto-approve", "-input=false", "-no-color")
    found = read((tmp_path / "terraform.tfstate").read_bytes())
    shown = read(pointed.run(tmp_path, "show", "-json").encode())

    live: dict[str, set[str]] = {}
    for arn in _live(aws):
        for key in native.keys(arn):
            live.setdefault(key, set()).add(arn)
    met = {
        claim.manager.name + claim.type: set().union(*(live.get(key, set()) for key in claim.keys))
        for claim in found.claims
    }
    assert {name: arns for name, arns in met.items() if len(arns) != 1} == {}
    assert len(met) == 19
    assert set(found.claims) == set(shown.claims)
    listed = pointed.run(tmp_path, "state", "list").splitlines()
    assert {claim.manager.name for claim in found.claims} <= set(listed)


def _live(aws: "AwsServer") -> Iterator[str]:
    """The ARNs of everything, as the services list it; where they list only ids, with the ARN's documented form."""

    def client(service: str) -> Any:
        return aws.client(service, "eu-west-1")

    ec2 = client("ec2")
    here = f"arn:aws:ec2:eu-west-1:{client('sts').get_caller_identity()['Account']}"
    listed: list[tuple[list[Any], str, str]] = [
        (ec2.describe_vpcs()["Vpcs"], "vpc", "VpcId"),
        (ec2.describe_subnets()["Subnets"], "subnet", "SubnetId"),
        (ec2.describe_addresses()["Addresses"], "elastic-ip", "AllocationId"),
        (ec2.describe_nat_gateways()["NatGateways"], "natgateway", "NatGatewayId"),
        (ec2.describe_dhcp_options()["DhcpOptions"], "dhcp-options", "DhcpOptionsId"),
        (ec2.describe_key_pairs()["KeyPairs"], "key-pair", "KeyPairId"),
        (ec2.describe_volumes()["Volumes"], "volume", "VolumeId"),
    ]
    for items, word, id_ in listed:
        yield from (f"{here}:{word}/{item[id_]}" for item in items)
    for reservation in ec2.describe_instances()["Reservations"]:
        yield from (f"{here}:instance/{item['InstanceId']}" for item in reservation["Instances"])
    yield from (f"arn:aws:s3:::{item['Name']}" for item in client("s3").list_buckets()["Buckets"])
    yield from (item["TopicArn"] for item in client("sns").list_topics()["Topics"])
    yield from (item["ARN"] for item in client("secretsmanager").list_secrets()["SecretList"])
    yield from (item["arn"] for item in client("logs").describe_log_groups()["logGroups"])
    yield from (item["StackId"] for item in client("cloudformation").describe_stacks()["Stacks"])
    ssm = client("ssm")
    for item in ssm.describe_parameters()["Parameters"]:
        yield ssm.get_parameter(Name=item["Name"])["Parameter"]["ARN"]


class TestAddresses:
    @pytest.mark.parametrize(
        ("key", "printed"),
        [
            (None, "aws_sns_topic.x"),
            (0, "aws_sns_topic.x[0]"),
            ("0", 'aws_sns_topic.x["0"]'),
            ("", 'aws_sns_topic.x[""]'),
            ('a"b', 'aws_sns_topic.x["a\\"b"]'),
            ("a\\b", 'aws_sns_topic.x["a\\\\b"]'),
            ("a\nb\tc\rd", 'aws_sns_topic.x["a\\nb\\tc\\rd"]'),
            ("${a}%{b}$c", 'aws_sns_topic.x["$${a}%%{b}$c"]'),
            ("é 日本", 'aws_sns_topic.x["é 日本"]'),
            ("\x00\u200b", 'aws_sns_topic.x["\\u0000\\u200b"]'),
            ("\U000e0001", 'aws_sns_topic.x["\\U000e0001"]'),
        ],
    )
    def test_instances_are_named_as_terraform_prints_them(self, key: int | str | None, printed: str) -> None:
        assert names(state(resource("aws_sns_topic", {**holding(arn=TOPIC), "index_key": key}))) == [printed]

    def test_the_module_path_stands_before_it(self) -> None:
        block = resource("aws_sns_topic", holding(arn=TOPIC), module='module.a["x"].module.b[1]')

        assert names(state(block)) == ['module.a["x"].module.b[1].aws_sns_topic.x']

    def test_an_object_that_waits_for_its_deletion_is_claimed_and_called_so(self) -> None:
        old = {**holding(arn=f"{TOPIC}-old"), "deposed": "1a2b3c4d"}

        assert names(state(resource("aws_sns_topic", holding(arn=TOPIC), old))) == [
            "aws_sns_topic.x",
            "aws_sns_topic.x (deposed object 1a2b3c4d)",
        ]

    @pytest.mark.parametrize(
        ("provider", "tool"),
        [
            (AWS, "terraform"),
            (f"{AWS}.west", "terraform"),
            ('module.a.provider["mirror.example.com/hashicorp/aws"]', "terraform"),
            ("provider.aws", "terraform"),
            ('provider["registry.opentofu.org/hashicorp/aws"].west', "opentofu"),
            ("", "terraform"),
        ],
    )
    def test_the_registry_of_the_provider_tells_opentofu(self, provider: str, tool: str) -> None:
        block = resource("aws_sns_topic", holding(arn=TOPIC), provider=provider)

        (claim,) = read(state(block)).claims

        assert claim.manager.tool == tool


class TestWhatClaims:
    def test_a_data_source_claims_nothing(self) -> None:
        assert read(state(resource("aws_sns_topic", holding(arn=TOPIC), mode="data"))) == States()

    @pytest.mark.parametrize(
        "type_", ["aws_sns_topic_policy", "aws_cloudwatch_event_target", "aws_secretsmanager_secret_version"]
    )
    def test_what_shows_the_arn_of_another_claims_nothing(self, type_: str) -> None:
        found = read(state(resource(type_, holding(arn=TOPIC, id=TOPIC))))

        assert (found.claims, found.managed, found.unidentified) == ((), 1, {})

    def test_a_type_that_nobody_knows_yet_claims_where_it_shows_tags(self) -> None:
        assert keys("aws_brand_new_thing", arn=TOPIC, tags=None) == (TOPIC,)
        assert keys("aws_brand_new_thing", arn=TOPIC) == ()
        assert keys("awscc_sns_topic", arn=TOPIC, tags=[]) == (TOPIC,)
        assert keys("datadog_thing", arn=TOPIC, tags=[]) == ()

    def test_one_without_any_identity_is_counted(self) -> None:
        found = read(state(resource("aws_sns_topic", holding(name="news"), holding(arn=None))))

        assert (found.claims, found.unidentified) == ((), {"aws_sns_topic": 2})

    def test_two_resources_may_claim_the_same(self) -> None:
        both = [resource("aws_sns_topic", holding(arn=TOPIC), name=name) for name in ("a", "b")]

        assert names(state(*both)) == ["aws_sns_topic.a", "aws_sns_topic.b"]

    def test_an_instance_claims_the_volumes_of_its_block_devices(self) -> None:
        found = read(
            state(
                resource(
                    "aws_instance",
                    holding(
                        id="i-0123456789abcdef0",
                        root_block_device=[{"volume_id": "vol-0123456789abcdef0", "tags": {"a": "b"}}],
                        ebs_block_device=[{"volume_id": "vol-0123456789abcdef1"}, {"volume_id": ""}, {}],
                    ),
                )
            )
        )

        manager = Manager(tool="terraform", name="aws_instance.x", where="live/prod")
        assert found.claims == (
            Claim(("ec2:instance/i-0123456789abcdef0",), manager, "aws_instance"),
            Claim(("ec2:volume/vol-0123456789abcdef0",), manager, "aws_ebs_volume"),
            Claim(("ec2:volume/vol-0123456789abcdef1",), manager, "aws_ebs_volume"),
        )


class TestKeys:
    @pytest.mark.parametrize(
        ("type_", "attributes", "expected"),
        [
            ("aws_s3_bucket", {"arn": "arn:aws-cn:s3:::b", "id": "b"}, ["arn:aws-cn:s3:::b"]),
            ("aws_sqs_queue", {"id": "https://sqs/1/q", "arn": "arn:aws:sqs:eu-west-1:111122223333:q"}, None),
            ("aws_ecs_service", {"id": "arn:aws:ecs:eu-west-1:111122223333:service/c/s"}, None),
            ("aws_db_snapshot", {"id": "s", "db_snapshot_arn": "arn:aws:rds:eu-west-1:111122223333:snapshot:s"}, None),
            ("aws_nat_gateway", {"id": "nat-0123456789abcdef0"}, ["ec2:natgateway/nat-0123456789abcdef0"]),
            ("aws_nat_gateway", {"id": "production"}, []),
            (
                "aws_vpc_peering_connection_accepter",
                {"id": "pcx-0123456789abcdef0"},
                ["ec2:vpc-peering-connection/pcx-0123456789abcdef0"],
            ),
            # skip_requesting_account_id leaves the account out; the id is unique all the same.
            (
                "aws_vpc",
                {"arn": "arn:aws:ec2:eu-west-1::vpc/vpc-0123456789abcdef0", "id": "vpc-0123456789abcdef0"},
                ["arn:aws:ec2:eu-west-1::vpc/vpc-0123456789abcdef0", "ec2:vpc/vpc-0123456789abcdef0"],
            ),
            (
                "aws_key_pair",
                {
                    "arn": "arn:aws:ec2:eu-west-1:111122223333:key-pair/k",
                    "id": "k",
                    "key_pair_id": "key-0123456789abcdef0",
                },
                ["ec2:key-pair/key-0123456789abcdef0"],
            ),
            ("aws_sns_topic", {"arn": 5, "id": ["x"]}, []),
            ("aws_sns_topic", {"arn": "arn:aws:sns"}, []),
            ("aws_sns_topic", {"arn": "arn:aws:sns:eu-west-1:111122223333:" + "x" * 5000}, []),
        ],
    )
    def test_aws(self, type_: str, attributes: dict[str, Any], expected: list[str] | None) -> None:
        """None: the one ARN among the attributes."""
        arns = [value for value in attributes.values() if str(value).startswith("arn:")]

        assert list(keys(type_, **attributes)) == (arns if expected is None else expected)

    @pytest.mark.parametrize(
        ("type_", "attributes", "expected"),
        [
            # The names are those of Cloud Asset Inventory, "Asset names".
            (
                "google_compute_instance",
                {"id": "projects/p/zones/europe-west1-b/instances/n", "name": "n"},
                ["//compute.googleapis.com/projects/p/zones/europe-west1-b/instances/n"],
            ),
            (
                "google_compute_snapshot",
                {"id": "projects/p/global/snapshots/s"},
                ["//compute.googleapis.com/projects/p/global/snapshots/s"],
            ),
            ("google_storage_bucket", {"id": "b", "name": "b"}, ["//storage.googleapis.com/b"]),
            (
                "google_sql_database_instance",
                {"id": "i", "name": "i", "project": "p"},
                ["//cloudsql.googleapis.com/projects/p/instances/i"],
            ),
            (
                "google_spanner_instance",
                {"id": "p/i", "name": "i", "project": "p"},
                ["//spanner.googleapis.com/projects/p/instances/i"],
            ),
            (
                "google_bigtable_instance",
                {"id": "projects/p/instances/i", "name": "i"},
                ["//bigtable.googleapis.com/projects/p/instances/i"],
            ),
            (
                "google_secret_manager_secret",
                {"id": "projects/p/secrets/s", "name": "projects/123/secrets/s"},
                [
                    "//secretmanager.googleapis.com/projects/p/secrets/s",
                    "//secretmanager.googleapis.com/projects/123/secrets/s",
                ],
            ),
            (
                "google_project",
                {"id": "projects/p", "project_id": "p", "number": "123"},
                [
                    "//cloudresourcemanager.googleapis.com/projects/123",
                    "//cloudresourcemanager.googleapis.com/projects/p",
                ],
            ),
            (
                "google_container_cluster",
                {"id": "projects/p/locations/europe-west1-b/clusters/c", "name": "c"},
                [
                    "//container.googleapis.com/projects/p/locations/europe-west1-b/clusters/c",
                    "//container.googleapis.com/projects/p/zones/europe-west1-b/clusters/c",
                ],
            ),
            (
                "google_container_cluster",
                {"id": "projects/p/locations/europe-west1/clusters/c", "name": "c"},
                ["//container.googleapis.com/projects/p/locations/europe-west1/clusters/c"],
            ),
            (
                "google_dns_managed_zone",
                {"id": "projects/p/managedZones/z", "project": "p", "name": "z", "managed_zone_id": 4711},
                [
                    "//dns.googleapis.com/projects/p/managedZones/4711",
                    "//dns.googleapis.com/projects/p/managedZones/z",
                ],
            ),
            (
                "google_cloud_run_service",
                {"id": "locations/l/namespaces/p/services/s", "project": "p", "location": "l", "name": "s"},
                ["//run.googleapis.com/projects/p/locations/l/services/s"],
            ),
            ("google_container_cluster", {"id": "projects/p/x", "name": "c"}, None),
            ("google_storage_bucket", {"id": "b"}, []),
            # It can't be labelled, so nothing is ever said of it.
            ("google_compute_network", {"id": "projects/p/global/networks/n", "name": "n"}, []),
        ],
    )
    def test_google(self, type_: str, attributes: dict[str, Any], expected: list[str] | None) -> None:
        """None: whatever it is, it is no error."""
        found = list(keys(type_, **attributes))

        assert expected is None or found == expected

    @given(st.sampled_from(["i", "vol", "nat"]), st.text("0123456789abcdef", min_size=17, max_size=17))
    def test_a_state_without_arns_meets_the_live_id(self, prefix: str, digits: str) -> None:
        type_, word = {
            "i": ("aws_instance", "instance"),
            "vol": ("aws_ebs_volume", "volume"),
            "nat": ("aws_nat_gateway", "natgateway"),
        }[prefix]
        live = f"arn:aws:ec2:eu-west-1:111122223333:{word}/{prefix}-{digits}"

        assert set(keys(type_, id=f"{prefix}-{digits}")) & set(native.keys(live))


class TestOtherForms:
    OLD: dict[str, Any] = {  # noqa: RUF012 - a constant
        "version": 3,
        "terraform_version": "0.11.14",
        "modules": [
            {"path": ["root"], "outputs": {}, "resources": {}},
            {
                "path": ["root", "net", "inner"],
                "resources": {
                    "aws_nat_gateway.out.1": {
                        "type": "aws_nat_gateway",
                        "primary": {"id": "nat-0123456789abcdef0", "attributes": {"tags.%": "0"}},
                        "provider": "provider.aws",
                    },
                    "aws_sns_topic.news": {
                        "type": "aws_sns_topic",
                        "primary": {"id": TOPIC, "attributes": {"arn": TOPIC}},
                        "deposed": [{"id": f"{TOPIC}2", "attributes": {"arn": f"{TOPIC}2"}}],
                    },
                    "data.aws_sns_topic.news": {"type": "aws_sns_topic", "primary": {"id": TOPIC}},
                    "aws_sns_topic.gone": {"type": "aws_sns_topic", "primary": None},
                },
            },
        ],
    }

    def test_states_of_terraform_0_11_are_read(self) -> None:
        found = read(json.dumps(self.OLD).encode())

        assert [(claim.manager.name, claim.keys) for claim in found.claims] == [
            ("module.net.module.inner.aws_nat_gateway.out[1]", ("ec2:natgateway/nat-0123456789abcdef0",)),
            ("module.net.module.inner.aws_sns_topic.news", (TOPIC,)),
            ("module.net.module.inner.aws_sns_topic.news (deposed object 0)", (f"{TOPIC}2",)),
        ]
        assert (found.gaps, found.managed) == ((), 3)

    def test_attributes_that_0_11_left_flat_are_read(self) -> None:
        block = resource("aws_sns_topic", {"attributes_flat": {"arn": TOPIC, "id": TOPIC}})

        assert [claim.keys for claim in read(state(block)).claims] == [(TOPIC,)]

    @pytest.mark.parametrize("raw", [b'{"format_version":"1.0"}', state()])
    def test_a_state_that_manages_nothing_is_no_gap(self, raw: bytes) -> None:
        assert read(raw) == States()

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b"", "it is empty"),
            (b'{"version":4}', "it has no list of resources"),
            (b'{"version":4,"resources":null}', "it has no list of resources"),
        ],
    )
    def test_what_a_full_disk_leaves_of_a_state_does_not_say_that_it_manages_nothing(
        self, raw: bytes, expected: str
    ) -> None:
        (gap,) = read(raw).gaps
        assert expected in gap.why

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b'{"serial":1,"encrypted_data":"aGk=","encryption_version":"v0"}', "encrypted"),
            (b'{"version":3,"backend":{"type":"s3","config":{"secret_key":"k"},"hash":1}}', "which backend"),
            (
                b'{"version":3,"backend":{"type":"s3"},"modules":[{"path":["root"],"resources":{}}]}',
                "which backend",
            ),
            (b'{"format_version":"1.2","planned_values":{},"resource_changes":[]}', "it is a plan"),
            (b'{"version":2,"modules":[]}', "state format 2"),
            (b'{"version":5,"resources":[]}', "state format 5"),
            (b'{"version":"4"}', "not a state"),
            (b'{"version":true}', "not a state"),
            (b"{}", "not a state"),
            (b"[]", "Expected `object`"),
            (b" ", "truncated"),
            (b"terraform {}", "malformed"),
            (b'{"version":4,"resources":[{"mode":"managed",', "truncated"),
            (b'{"version":4,"resources":5}', "Expected `array`"),
            (b'{"version":1e999}', "Number out of range"),
            (b'{"version":4,"resources":' + b"[" * 100_000, "nested too deeply"),
            (b"\x1f\x8bnot gzip at all", "damaged"),
            (gzip.compress(state(), mtime=0)[:-9], "cut short"),
            (b"\xff\xfe\x00", "neither UTF-8 nor UTF-16"),
        ],
    )
    def test_what_is_no_state_says_what_it_is(self, raw: bytes, expected: str) -> None:
        assert expected in why(raw)


class TestDamage:
    GOOD = resource("aws_sns_topic", holding(arn=TOPIC))

    @pytest.mark.parametrize(
        ("bad", "place"),
        [
            (5, "resources[0]"),
            ({"type": 5, "name": "x"}, "resources[0]"),
            ({"mode": "managed"}, "resources[0]"),
            ({**resource("aws_sns_topic"), "instances": {}}, "resources[0]"),
            (resource("aws_sns_topic", {"attributes": []}), "aws_sns_topic.x: instances[0]"),
            (resource("aws_sns_topic", {"index_key": [], "attributes": {}}), "aws_sns_topic.x: instances[0]"),
        ],
    )
    def test_one_bad_resource_is_a_gap_and_loses_no_other(self, bad: Any, place: str) -> None:
        found = read(state(bad, self.GOOD))

        (gap,) = found.gaps
        assert gap.where == "prod.tfstate"
        assert gap.why.startswith(f"{place} can't be read: ")
        assert [claim.keys for claim in found.claims] == [(TOPIC,)]

    def test_a_bad_module_of_what_is_shown_loses_no_other(self) -> None:
        good = {"address": "aws_sns_topic.x", "mode": "managed", "type": "aws_sns_topic", "values": {"arn": TOPIC}}
        shown = {"root_module": {"resources": [7, good], "child_modules": [5, {"resources": [good]}]}}

        found = read(json.dumps({"format_version": "1.0", "values": shown}).encode())

        assert [gap.why.partition(" can't")[0] for gap in found.gaps] == [
            "values.root_module.resources[0]",
            "values.root_module.child_modules[0]",
        ]
        assert len(found.claims) == 1

    def test_many_bad_resources_are_summed_up(self) -> None:
        found = read(state(*[5] * 1000, self.GOOD))

        assert len(found.gaps) == 21
        assert found.gaps[-1].why == "980 more of its resources can't be read"
        assert len(found.claims) == 1

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
        st.sampled_from(["type", "name", "mode", "module", "provider", "instances", ""]),
    )
    def test_whatever_stands_in_a_resource_is_read_or_a_gap(self, junk: Any, at: str) -> None:
        found = read(state({**self.GOOD, at: junk} if at else junk, self.GOOD))

        assert (TOPIC,) in [claim.keys for claim in found.claims]

    @given(st.binary())
    def test_no_bytes_raise(self, raw: bytes) -> None:
        read(raw)
        read(b"\x1f\x8b" + raw)

    @given(st.integers(0, 31_000))
    def test_a_state_that_was_cut_is_a_gap(self, length: int) -> None:
        raw = (STORED / "state.json").read_bytes().strip()

        assert length == 0 or length >= len(raw) or why(raw[:length])

    def test_memory_stays_within_a_small_multiple_of_the_size(self) -> None:
        instance = holding(arn=TOPIC, policy="x" * 1500, tags={"owner": "payments"}, rules=[{"a": 1}] * 20)
        raw = state(*[resource("aws_sns_topic", {**instance, "index_key": at}, name=f"t{at}") for at in range(5000)])
        tracemalloc.start()
        try:
            found = read(raw)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert len(found.claims) == 5000
        # The bytes themselves come on top: four times in all is the promise.
        assert peak < 3 * len(raw)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("live/prod/terraform.tfstate", "live/prod"),
        ("terraform.tfstate", "."),
        ("live/prod/network.tfstate", "live/prod/network.tfstate"),
        ("live/prod/terraform.tfstate.d/blue/terraform.tfstate", "live/prod (workspace blue)"),
        ("terraform.tfstate.d/blue/terraform.tfstate", ". (workspace blue)"),
        ("/srv/live/terraform.tfstate", "/srv/live"),
        ("s3://states/live/prod/terraform.tfstate", "s3://states/live/prod"),
        ("s3://states/live/prod.tfstate", "s3://states/live/prod.tfstate"),
        ("s3://states/terraform.tfstate", "s3://states"),
        ("s3://states/env:/blue/live/prod/terraform.tfstate", "s3://states/live/prod (workspace blue)"),
        ("s3://states/env:/blue/prod.tfstate", "s3://states/prod.tfstate (workspace blue)"),
        ("s3://states/env:/terraform.tfstate", "s3://states/env:"),
    ],
)
def test_a_configuration_is_called_by_the_folder_of_its_state(path: str, expected: str) -> None:
    assert configuration(path) == expected


class TestLocalStates:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for path in (
            "live/prod/terraform.tfstate",
            "live/prod/terraform.tfstate.backup",
            "live/prod/terraform.tfstate.1700000000.backup",
            "live/prod/.terraform.tfstate.lock.info",
            "live/prod/.terraform/terraform.tfstate",
            "live/prod/.terraform/modules/m/terraform.tfstate",
            "live/prod/main.tf",
            "live/dev/terraform.tfstate.d/blue/terraform.tfstate",
            "shown/prod.json",
        ):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(b"")
        return tmp_path

    PROD = ("live/prod/terraform.tfstate", "live/prod")
    BLUE = ("live/dev/terraform.tfstate.d/blue/terraform.tfstate", "live/dev (workspace blue)")
    SHOWN = ("shown/prod.json", "shown/prod.json")

    @pytest.mark.parametrize(
        ("patterns", "expected"),
        [
            (["live/**/terraform.tfstate"], [BLUE, PROD]),
            (["**/*.tfstate"], [BLUE, PROD]),
            (["**"], [BLUE, PROD]),
            (["live"], [BLUE, PROD]),
            (["./live/"], [BLUE, PROD]),
            (["."], [BLUE, PROD]),
            (["live/prod/*"], [PROD]),
            (["live/*/terraform.tfstate"], [PROD]),
            (["live/prod/terraform.tfstate", "**"], [PROD, BLUE]),
            (["shown/*.json"], [SHOWN]),
            (["shown/prod.json"], [SHOWN]),
        ],
    )
    def test_patterns(self, folder: Path, patterns: list[str], expected: list[tuple[str, str]]) -> None:
        assert list(local_states(patterns, folder)) == [(folder / path, where) for path, where in expected]

    def test_an_absolute_pattern_is_called_by_its_whole_folder(self, folder: Path) -> None:
        assert list(local_states([f"{folder}/live/prod/*"], Path("elsewhere"))) == [
            (folder / "live/prod/terraform.tfstate", f"{folder}/live/prod")
        ]

    @pytest.mark.parametrize("pattern", ["live/stage/terraform.tfstate", "gone/**", "shown/", "live/prod/*.json"])
    def test_a_pattern_that_names_nothing_is_a_gap(self, folder: Path, pattern: str) -> None:
        (gap,) = local_states([pattern], folder)

        assert isinstance(gap, Gap)
        assert gap.where == pattern

    def test_links_that_lead_in_circles_end(self, folder: Path) -> None:
        (folder / "live" / "again").symlink_to(folder, target_is_directory=True)

        assert len(list(local_states(["**"], folder))) == 2

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
    def test_a_folder_that_cannot_be_listed_is_a_gap(self, folder: Path) -> None:
        (folder / "live" / "dev").chmod(0)
        found = list(local_states(["live/**"], folder))
        (folder / "live" / "dev").chmod(0o700)

        assert [item.where for item in found if isinstance(item, Gap)] == [str(folder / "live" / "dev")]
        assert len(found) == 2


def test_the_reader_needs_no_sdk() -> None:
    program = "import sys, costguard.iac.state, costguard.iac.markers; print({'boto3', 'grpc'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_the_sample_of_the_reference_is_what_it_prints() -> None:
    page = (ROOT / "docs" / "reference" / "state.md").read_text("utf-8")
    sample = page.partition("```console\n$ python -c '\n")[2].partition("\n```")[0]
    program, _, printed = sample.partition("'\n")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == printed
