"""Which keys a source leaves alone: as a table, and held against what real Terraform does to what is written live."""

import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard.model.resource import Manager, Resource
from costguard.policy.load import load
from costguard.reconcile.source import Sources
from tests.conftest import Terraform
from tests.servers.aws import AwsServer

PROVIDERS: Mapping[str, str] = {
    "plain": "",
    "team": 'default_tags { tags = { Team = "x" } }',
    "owner": 'default_tags { tags = { Owner = "default" } }',
    "ignores": 'ignore_tags { keys = ["Owner"] }',
    "prefixed": 'ignore_tags { key_prefixes = ["Own"] }',
    "both": 'ignore_tags { keys = ["Owner"] }\n  default_tags { tags = { Owner = "default" } }',
}
LIFECYCLES: Mapping[str, str] = {
    "nothing": "",
    "tags": "[tags]",
    "tags_all": "[tags_all]",
    "tags_both": "[tags, tags_all]",
    "key": '[tags["Owner"]]',
    "key_all": '[tags_all["Owner"]]',
    "everything": "all",
}
TAGS: Mapping[str, str] = {"other": '{ A = "1" }', "owner": '{ A = "1", Owner = "source" }'}


def is_left_alone(provider: str, lifecycle: str, tags: str) -> bool:
    """The rule by itself: the tags or the key are ignored, and no default puts the key back; or the provider ignores
    the key, and the resource doesn't set it."""
    ignored = lifecycle in ("tags", "tags_both", "key", "everything")
    hidden = provider in ("ignores", "prefixed", "both")
    return (ignored and (hidden or provider != "owner")) or (hidden and tags != "owner")


CASES = list(itertools.product(PROVIDERS, LIFECYCLES, TAGS))


def block(type_: str, name: str, case: tuple[str, str, str], body: str) -> str:
    provider, lifecycle, tags = case
    kept = f"  lifecycle {{\n    ignore_changes = {LIFECYCLES[lifecycle]}\n  }}\n" if LIFECYCLES[lifecycle] else ""
    return f'resource "{type_}" "{name}" {{\n  provider = aws.{provider}\n  tags = {TAGS[tags]}\n  {body}\n{kept}}}\n'


def providers() -> Iterator[str]:
    for alias, body in PROVIDERS.items():
        yield f'provider "aws" {{\n  alias  = "{alias}"\n  region = "eu-west-1"\n  {body}\n}}\n'
    yield 'provider "aws" {\n  region = "eu-west-1"\n}\n'


def known(folder: Path) -> Sources:
    """The sources of the configuration in the folder ``live``."""
    (folder / ".git").mkdir()
    (folder / "policy.yaml").write_text("version: 1\ntags: {owner: {keys: {aws: Owner, google: owner}}}\n", "utf-8")
    (folder / "live" / "terraform.tfstate").touch()
    return Sources(load([str(folder / "policy.yaml")]), None, date(2026, 6, 15), [(folder, "live/terraform.tfstate")])


def live(address: str) -> Resource:
    return Resource(
        address=f"arn:{address}",
        type=address.split(".")[-2],
        provider="aws",
        cloud="aws",
        managers=(Manager(tool="terraform", name=address, where="live"),),
    )


def write(folder: Path, *texts: str) -> None:
    (folder / "live").mkdir(exist_ok=True)
    (folder / "live" / "main.tf").write_text("".join(texts), "utf-8")


def test_the_rule_holds_for_every_case(tmp_path: Path) -> None:
    names = ["-".join(case) for case in CASES]
    write(tmp_path, *providers(), *(block("aws_sns_topic", n, c, "") for n, c in zip(names, CASES, strict=True)))
    sources = known(tmp_path)
    said = {name: sources.ignored(live(f"aws_sns_topic.{name}"), ["Owner"]) == {"Owner"} for name in names}
    assert said == {name: is_left_alone(*case) for name, case in zip(names, CASES, strict=True)}
    assert 0 < sum(said.values()) < len(said)


A_TOPIC = 'resource "aws_sns_topic" "a" {\n  tags = { A = "1" }\n}\n'
IGNORING = 'provider "aws" {\n  ignore_tags {\n    keys = ["Owner"]\n  }\n}\n'
KEPT = "  lifecycle {\n    ignore_changes = [%s]\n  }\n"


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        pytest.param(IGNORING + A_TOPIC, {"Owner"}, id="ignored by name"),
        pytest.param(IGNORING.replace('"Owner"', '"owner"') + A_TOPIC, set(), id="another case"),
        pytest.param(IGNORING.replace('["Owner"]', "var.keys") + 'variable "keys" {}\n' + A_TOPIC, set(), id="unknown"),
        pytest.param(
            IGNORING.replace('["Owner"]', "local.keys") + 'locals {\n  keys = ["Owner"]\n}\n' + A_TOPIC,
            {"Owner"},
            id="through a local",
        ),
        pytest.param(
            IGNORING + 'variable "t" {}\n' + A_TOPIC.replace('{ A = "1" }', "var.t"), set(), id="it may set the key"
        ),
        pytest.param(
            A_TOPIC.replace("}\n}", "}\n" + KEPT % 'tags["Owner"]' + "}"), {"Owner"}, id="one key of the tags"
        ),
        pytest.param(A_TOPIC.replace("}\n}", "}\n" + KEPT % 'tags["A"]' + "}"), set(), id="another key of the tags"),
        pytest.param(A_TOPIC.replace("}\n}", "}\n" + KEPT % '"tags.Owner"' + "}"), {"Owner"}, id="the old spelling"),
        pytest.param(
            'variable "d" {}\nprovider "aws" {\n  default_tags {\n    tags = var.d\n  }\n}\n'
            + A_TOPIC.replace("}\n}", "}\n" + KEPT % "tags" + "}"),
            set(),
            id="a default may put it back",
        ),
        pytest.param(
            A_TOPIC.replace("}\n}", "}\n" + KEPT % "tags" + "}") + 'resource "aws_sns_topic" "b" {\n',
            set(),
            id="not read whole",
        ),
        pytest.param(
            A_TOPIC.replace("{\n  tags", "{\n  count = 2\n  tags").replace("}\n}", "}\n" + KEPT % "tags" + "}"),
            set(),
            id="not the instance that the state has",
        ),
    ],
)
def test_only_what_is_proven_is_left_alone(tmp_path: Path, text: str, alone: set[str]) -> None:
    write(tmp_path, text)
    assert known(tmp_path).ignored(live("aws_sns_topic.a"), ["Owner"]) == alone


def test_every_configuration_that_claims_it_must_leave_it_alone(tmp_path: Path) -> None:
    write(tmp_path, IGNORING + A_TOPIC)
    sources = known(tmp_path)
    resource = live("aws_sns_topic.a")
    other = Manager(tool="terraform", name="aws_sns_topic.a", where="elsewhere")
    twice = msgspec.structs.replace(resource, managers=(*resource.managers, other))
    assert sources.ignored(twice, ["Owner"]) == frozenset()
    assert sources.ignored(msgspec.structs.replace(resource, managers=()), ["Owner"]) == frozenset()


def test_labels_are_left_alone_where_they_are_ignored_and_not_set(tmp_path: Path) -> None:
    texts = [
        f'resource "google_storage_bucket" "{name}" {{\n  labels = {labels}\n{KEPT % "labels"}}}\n'
        for name, labels in (("a", '{ x = "y" }'), ("b", '{ owner = "z" }'))
    ]
    write(tmp_path, *texts)
    sources = known(tmp_path)
    found = [
        sources.ignored(
            msgspec.structs.replace(live(f"google_storage_bucket.{name}"), cloud="google", provider="google"), ["owner"]
        )
        for name in "ab"
    ]
    assert found == [{"owner"}, frozenset()]


# --- what Terraform really does


GROUPS: Mapping[str, str] = {"nothing": "", "tag": KEPT % "tag", "everything": KEPT.replace("[%s]", "all")}
"""Scaling groups carry their tags in blocks."""


def applied(terraform: Terraform, folder: Path) -> Mapping[str, dict[str, Any]]:
    """What the configuration makes, by address."""
    terraform.init(folder)
    terraform.run(folder, "apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=20")
    state = json.loads((folder / "terraform.tfstate").read_text("utf-8"))
    return {f"{one['type']}.{one['name']}": one["instances"][0]["attributes"] for one in state["resources"]}


def changed(terraform: Terraform, folder: Path) -> set[str]:
    """What the next plan would change."""
    terraform.run(folder, "plan", "-out=next", "-input=false", "-no-color", "-parallelism=20")
    plan = json.loads(terraform.run(folder, "show", "-json", "next"))
    return {one["address"] for one in plan["resource_changes"] if one["change"]["actions"] != ["no-op"]}


@pytest.mark.terraform
def test_terraform_takes_away_what_is_not_left_alone_and_nothing_else(
    terraform: Terraform, aws: AwsServer, tmp_path: Path
) -> None:
    cases = [
        case for case in CASES if case[0] in ("plain", "owner", "ignores") and case[1] not in ("tags_both", "key_all")
    ]
    cases += [case for case in CASES if case[:2] == ("prefixed", "nothing")]
    texts = ['resource "aws_vpc" "v" {\n  cidr_block = "10.0.0.0/16"\n}\n']
    expected: dict[str, bool] = {}
    for number, case in enumerate(cases):
        name = "-".join(case)
        # Of the provider's older framework, and of its newer one.
        rule = f'cidr_ipv4 = "10.0.0.{number}/32"\n  ip_protocol = "-1"\n  security_group_id = aws_security_group.g.id'
        texts += block("aws_sns_topic", name, case, f'name = "{name}"')
        texts += block("aws_vpc_security_group_ingress_rule", name, case, rule)
        for type_ in ("aws_sns_topic", "aws_vpc_security_group_ingress_rule"):
            expected[f"{type_}.{name}"] = is_left_alone(*case)
    texts.append('resource "aws_security_group" "g" {\n  vpc_id = aws_vpc.v.id\n}\n')
    texts.append(
        'resource "aws_subnet" "s" {\n  vpc_id = aws_vpc.v.id\n  cidr_block = "10.0.1.0/24"\n}\n'
        'resource "aws_launch_template" "t" {\n  image_id = "ami-12c6146b"\n  instance_type = "t3.micro"\n}\n'
    )
    for name, kept in GROUPS.items():
        texts.append(
            f'resource "aws_autoscaling_group" "{name}" {{\n  name = "{name}"\n  min_size = 0\n  max_size = 0\n'
            "  vpc_zone_identifier = [aws_subnet.s.id]\n  launch_template {\n    id = aws_launch_template.t.id\n  }\n"
            '  tag {\n    key = "A"\n    value = "1"\n    propagate_at_launch = false\n  }\n'
            f"{kept}}}\n"
        )
        expected[f"aws_autoscaling_group.{name}"] = name != "nothing"
    write(tmp_path, *providers(), *texts)
    folder = tmp_path / "live"
    clean = {name: text for name, text in terraform.environment.items() if not name.startswith(("AWS_", "TF_"))}
    program = msgspec.structs.replace(terraform, environment={**clean, **aws.environment(region="eu-west-1")})
    made = {address: values for address, values in applied(program, folder).items() if address in expected}
    assert made.keys() == expected.keys()
    sources = known(tmp_path)
    said = {address: sources.ignored(live(address), ["Owner"]) == {"Owner"} for address in made}
    assert said == expected
    for values in made.values():
        write_live(aws, values)
    assert {address for address in changed(program, folder) if address in made} == {
        address for address, alone in said.items() if not alone and not is_kept_beside_its_default(address)
    }


def is_kept_beside_its_default(address: str) -> bool:
    """A default that is written over live stays so where the tags are ignored; it is brought back where it is gone, so
    that costguard has nothing to write."""
    _, _, name = address.partition(".")
    provider, lifecycle, *_ = [*name.split("-"), ""]
    return provider == "owner" and lifecycle in ("tags", "key", "everything")


def write_live(aws: AwsServer, values: dict[str, Any]) -> None:
    """Somebody tags it by hand."""
    if "security_group_rule_id" in values:
        aws.client("ec2", "eu-west-1").create_tags(
            Resources=[values["security_group_rule_id"]], Tags=[{"Key": "Owner", "Value": "live"}]
        )
    elif "max_size" in values:
        tag = {"ResourceId": values["name"], "ResourceType": "auto-scaling-group", "Key": "Owner", "Value": "live"}
        aws.client("autoscaling", "eu-west-1").create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])
    else:
        aws.client("sns", "eu-west-1").tag_resource(ResourceArn=values["arn"], Tags=[{"Key": "Owner", "Value": "live"}])
