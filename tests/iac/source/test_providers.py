# ruff: noqa: E501 - a row of a table stands on one line
"""Which provider configuration a resource has, and what that gives to its tags.

The rows of ``ESTATE`` are what a plan of Terraform 1.11.4 with the AWS provider 5.100 shows as ``tags_all``; the test
that needs them plans it again.
"""

import json
from pathlib import Path

import pytest

from costguard.iac.source import Settings
from tests.conftest import Terraform
from tests.iac.source.reading import MAYBE, OPEN, UNKNOWN, Files, Shown, every, read, shown, tags_of, write

TOPIC = 'resource "aws_sns_topic" "t" {}\n'
TEST = """  region                      = "eu-west-1"
  access_key                  = "a"
  secret_key                  = "b"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
"""


def provider(more: str, name: str = "aws") -> str:
    return f'provider "{name}" {{\n{more}}}\n'


def defaults(tags: str, more: str = "") -> str:
    return provider(f"{more}  default_tags {{\n    tags = {tags}\n  }}\n")


def call(name: str, source: str, providers: str = "") -> str:
    passed = f"  providers = {{ {providers} }}\n" if providers else ""
    return f'module "{name}" {{\n  source = "./{source}"\n{passed}}}\n'


def required(name: str, source: str, more: str = "") -> str:
    return (
        f'terraform {{\n  required_providers {{\n    {name} = {{\n      source = "{source}"\n{more}    }}\n  }}\n}}\n'
    )


ESTATE: Files = {
    "main.tf": required("aws", "hashicorp/aws")
    + 'locals {\n  common = { Owner = "root" }\n}\n'
    + defaults("local.common", TEST)
    + provider(
        f'  alias = "west"\n{TEST}  dynamic "default_tags" {{\n    for_each = toset(["x"])\n    content {{\n'
        '      tags = merge(local.common, { Owner = "west", Key = default_tags.value })\n    }\n  }\n'
    )
    + TOPIC
    + 'resource "aws_sns_topic" "west" {\n  provider = aws.west\n}\n'
    + call("plain", "plain")
    + call("plain_west", "plain", "aws = aws.west")
    + call("empty_west", "empty", "aws = aws.west")
    + call("alias", "alias", "aws.second = aws.west")
    + call("renamed", "renamed", "amazon = aws.west")
    + call("renamed_inherits", "renamed")
    + call("own", "own")
    + call("middle", "middle", "aws = aws.west")
    + call("amazon", "outer"),
    "plain/main.tf": TOPIC,
    "empty/main.tf": provider("") + TOPIC,
    "alias/main.tf": required("aws", "hashicorp/aws", "      configuration_aliases = [aws.second]\n")
    + TOPIC
    + 'resource "aws_sns_topic" "second" {\n  provider = aws.second\n}\n'
    + call("inner", "../plain", "aws = aws.second")
    + call("inner_default", "../plain"),
    "renamed/main.tf": required("amazon", "registry.terraform.io/hashicorp/aws")
    + 'resource "aws_sns_topic" "t" {\n  provider = amazon\n}\n'
    + call("inner", "../plain"),
    "own/main.tf": provider(TEST) + TOPIC + call("inner", "../plain"),
    "middle/main.tf": call("inner", "../plain") + call("renamed", "../renamed"),
    "outer/main.tf": call("renamed", "../renamed"),
}

ROOT: Shown = {"Owner": "root"}
WEST: Shown = {"Owner": "west", "Key": "x"}
OF_THE_ESTATE: dict[str, Shown] = {
    "aws_sns_topic.t": ROOT,
    "aws_sns_topic.west": WEST,
    "module.plain.aws_sns_topic.t": ROOT,
    "module.plain_west.aws_sns_topic.t": WEST,
    "module.empty_west.aws_sns_topic.t": WEST,
    "module.alias.aws_sns_topic.t": ROOT,
    "module.alias.aws_sns_topic.second": WEST,
    "module.alias.module.inner.aws_sns_topic.t": WEST,
    "module.alias.module.inner_default.aws_sns_topic.t": ROOT,
    "module.renamed.aws_sns_topic.t": WEST,
    "module.renamed.module.inner.aws_sns_topic.t": WEST,
    "module.renamed_inherits.aws_sns_topic.t": ROOT,
    "module.renamed_inherits.module.inner.aws_sns_topic.t": ROOT,
    "module.own.aws_sns_topic.t": {},
    "module.own.module.inner.aws_sns_topic.t": {},
    "module.middle.module.inner.aws_sns_topic.t": WEST,
    "module.middle.module.renamed.aws_sns_topic.t": WEST,
    "module.middle.module.renamed.module.inner.aws_sns_topic.t": WEST,
    "module.amazon.module.renamed.aws_sns_topic.t": ROOT,
    "module.amazon.module.renamed.module.inner.aws_sns_topic.t": ROOT,
}


def test_every_resource_has_the_defaults_of_its_provider(tmp_path: Path) -> None:
    configuration = read(tmp_path, ESTATE)

    assert configuration.inventory.gaps == ()
    assert every(configuration) == OF_THE_ESTATE


@pytest.mark.terraform
def test_terraform_plans_those_defaults(terraform: Terraform, tmp_path: Path) -> None:
    write(tmp_path, {name: text.replace('"./../', '"../') if isinstance(text, str) else text for name, text in ESTATE.items()})  # fmt: skip
    terraform.init(tmp_path)
    terraform.run(tmp_path, "plan", "-input=false", "-refresh=false", "-out=plan")
    plan = json.loads(terraform.run(tmp_path, "show", "-json", "plan"))

    real = {one["address"]: one["change"]["after"].get("tags_all") or {} for one in plan["resource_changes"]}
    assert real == OF_THE_ESTATE


def test_an_empty_provider_block_that_nothing_is_passed_to_has_no_defaults(tmp_path: Path) -> None:
    """Terraform 1.11 configures it for itself: without credentials of its own it fails with the module's address."""
    files = {"main.tf": defaults('{ Owner = "root" }') + call("m", "m"), "m/main.tf": provider("") + TOPIC}

    assert every(read(tmp_path, files)) == {"module.m.aws_sns_topic.t": {}}


def topic(tags: str, more: str = "") -> str:
    return f'resource "aws_sns_topic" "t" {{\n  tags = {tags}\n{more}}}\n'


UNDECIDED = 'variable "n" {}\n'
ROWS: list[tuple[str, str, Shown]] = [
    ("none", TOPIC, {}),
    ("over nothing", defaults('{ A = "1" }') + TOPIC, {"A": "1"}),
    ("under the resource's own", defaults('{ A = "1", B = "1" }') + topic('{ A = "2" }'), {"A": "2", "B": "1"}),
    ("under an empty text", defaults('{ A = "1" }') + topic('{ A = "" }'), {"A": ""}),
    ("not under a null", defaults('{ A = "1" }') + topic("{ A = null }"), {"A": "1"}),
    ("a null default", defaults('{ A = null, B = "1" }') + TOPIC, {"B": "1"}),
    ("an empty default", defaults('{ A = "" }') + TOPIC, {"A": ""}),
    ("defaults that are null", defaults("null") + TOPIC, {}),
    ("a value that isn't known", UNDECIDED + defaults('{ A = var.n, B = "1" }') + TOPIC, {"A": UNKNOWN, "B": "1"}),
    ("defaults that aren't known", UNDECIDED + defaults("var.n") + topic('{ A = "1" }'), {"A": "1", OPEN: UNKNOWN}),
    (
        "under tags that aren't known",
        UNDECIDED + defaults('{ A = "1", Blank = "" }') + topic("var.n"),
        {"A": UNKNOWN, "Blank": MAYBE, OPEN: UNKNOWN},
    ),
    (
        "under a tag that may be there",
        UNDECIDED + defaults('{ A = "1" }') + topic('{ for k in ["A"] : k => "2" if k == var.n }'),
        {"A": UNKNOWN},
    ),
    ("a configuration that isn't there", TOPIC.replace("{}", "{\n  provider = aws.gone\n}"), {OPEN: UNKNOWN}),
    ("a configuration by a key", TOPIC.replace("{}", '{\n  provider = aws.by["x"]\n}'), {OPEN: UNKNOWN}),
    ("written as a text", defaults('{ A = "1" }', '  alias = "w"\n') + TOPIC.replace("{}", '{\n  provider = "aws.w"\n}'), {"A": "1"}),
    ("dynamic, over nothing", provider('  dynamic "default_tags" {\n    for_each = []\n    content {\n      tags = { A = "1" }\n    }\n  }\n') + TOPIC, {}),
    ("dynamic, over what isn't known", UNDECIDED + provider('  dynamic "default_tags" {\n    for_each = var.n\n    content {\n      tags = { A = "1" }\n    }\n  }\n') + TOPIC, {OPEN: UNKNOWN}),
    ("of a fork of the provider", required("aws", "example.com/acme/aws") + defaults('{ A = "1" }') + TOPIC, {"A": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*rest, id=name) for name, *rest in ROWS])
def test_defaults_lie_under_the_tags_of_a_resource(tmp_path: Path, text: str, expected: Shown) -> None:
    assert tags_of(read(tmp_path, text), "aws_sns_topic.t") == expected


def test_defaults_do_not_reach_what_does_not_inherit_them(tmp_path: Path) -> None:
    text = (
        defaults('{ A = "1" }')
        + 'resource "aws_autoscaling_group" "g" {}\n'
        + 'resource "aws_launch_template" "l" {\n  tag_specifications {\n    resource_type = "instance"\n    tags = {}\n  }\n}\n'
        + 'resource "aws_instance" "i" {\n  root_block_device {}\n}\n'
    )
    configuration = read(tmp_path, text)

    assert tags_of(configuration, "aws_autoscaling_group.g", "tag") == {}
    assert tags_of(configuration, "aws_launch_template.l") == {"A": "1"}
    assert tags_of(configuration, "aws_launch_template.l", "tag_specifications[instance].tags") == {}
    assert tags_of(configuration, "aws_instance.i", "root_block_device[0].tags") == {"A": "1"}


def test_labels_of_google_have_defaults_of_their_own(tmp_path: Path) -> None:
    text = (
        provider('  default_labels = { owner = "d", service = "d" }\n', "google")
        + 'resource "google_pubsub_topic" "t" {\n  labels = { owner = "r" }\n}\n'
        + 'resource "google_pubsub_topic" "beta" {\n  provider = google-beta\n}\n'
        + 'resource "google_monitoring_alert_policy" "p" {\n  user_labels = {}\n}\n'
    )
    configuration = read(tmp_path, text)

    assert tags_of(configuration, "google_pubsub_topic.t", "labels") == {"owner": "r", "service": "d"}
    assert tags_of(configuration, "google_pubsub_topic.beta", "labels") == {}
    assert tags_of(configuration, "google_monitoring_alert_policy.p", "user_labels") == {}


def test_defaults_from_the_environment_count_where_it_is_asked(tmp_path: Path) -> None:
    text = defaults('{ A = "file" }') + TOPIC
    given = Settings(environment={"TF_AWS_DEFAULT_TAGS_A": "env", "TF_AWS_DEFAULT_TAGS_B": "env"})

    assert tags_of(read(tmp_path, text), "aws_sns_topic.t") == {"A": "file"}
    assert tags_of(read(tmp_path, text, given), "aws_sns_topic.t") == {"A": "file", "B": "env"}


def test_a_module_that_others_call_gets_its_provider_from_them(tmp_path: Path) -> None:
    given = Settings(reusable="given by whoever calls this module")
    files = {"main.tf": topic('{ A = "1" }') + call("m", "m"), "m/main.tf": TOPIC}

    assert every(read(tmp_path, files, given)) == {
        "aws_sns_topic.t": {"A": "1", OPEN: UNKNOWN},
        "module.m.aws_sns_topic.t": {OPEN: UNKNOWN},
    }


def test_which_provider_is_passed_may_not_be_told(tmp_path: Path) -> None:
    files = {
        "main.tf": defaults('{ A = "1" }') + call("m", "m", 'aws = aws.by["x"]'),
        "m/main.tf": TOPIC,
    }

    assert every(read(tmp_path, files)) == {"module.m.aws_sns_topic.t": {OPEN: UNKNOWN}}


def test_other_clouds_are_left_alone(tmp_path: Path) -> None:
    configuration = read(tmp_path, 'resource "acme_thing" "t" {\n  tags = { A = "1" }\n}\n')

    assert [one.resource.surfaces for one in configuration.judged] == [()]
    assert configuration.inventory.notes == (
        "provider acme is not one whose tags are judged; 1 resource is left alone",
    )


def test_a_type_that_is_not_in_the_catalogue_is_judged_by_its_text(tmp_path: Path) -> None:
    configuration = read(tmp_path, 'resource "aws_brand_new" "t" {\n  tags = { A = "1" }\n}\n')

    assert [shown(one.tags) for one in configuration.judged[0].resource.surfaces] == [{"A": "1", OPEN: UNKNOWN}]
