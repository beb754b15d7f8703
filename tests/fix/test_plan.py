"""Which edit is chosen, and what makes it another one. Every plan here is written, and a second one changes nothing."""

import textwrap
from collections.abc import Iterable

import pytest

from costguard.check import Asked, selected
from costguard.fix.plan import mending
from costguard.fix.values import About, Said, Unsaid
from costguard.iac.source import Settings
from costguard.policy.load import load
from costguard.policy.rules.require import Require
from tests.fix.build import TODAY, Folder


def lines(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


AWS = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
DEFAULTED = '\n  default_tags {\n    tags = {\n      owner = "team-a"\n    }\n  }\n}\n'


# --- values


def test_without_a_value_nothing_is_written(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {}\n'})
    fixed = folder.fixed()
    assert fixed.files == {}
    assert fixed.left == {"aws_s3_bucket.a owner": "nothing says its value"}


def test_the_default_of_the_policy_is_a_value(folder: Folder) -> None:
    folder.write(**{"policy.yaml": "version: 1\ntags: {owner: {default: platform}}\n"})
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {}\n'})
    assert 'owner = "platform"' in folder.fixed().text()


def test_a_value_that_the_policy_does_not_allow_is_not_written(folder: Folder) -> None:
    folder.write(**{"policy.yaml": "version: 1\ntags: {owner: {value: {enum: [a, b]}}}\n"})
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {}\n'})
    assert folder.fixed(owner="c").left == {"aws_s3_bucket.a owner": "--set 'c' is not an allowed value"}


def test_a_value_that_the_cloud_does_not_take_is_not_written(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "google_storage_bucket" "a" {}\n'})
    left = folder.fixed(owner="Team A").left
    assert left == {"google_storage_bucket.a owner": "--set says 'Team A', which can't be a value on google"}


def test_a_certain_value_that_no_label_can_hold_is_written_encoded(folder: Folder) -> None:
    """What the finding proposes; it stands for the allowed value, which the policy is then satisfied with."""
    folder.write(**{"policy.yaml": "version: 1\ntags: {owner: {value: {enum: [Team A]}}}\n"})
    folder.write(**{"main.tf": 'resource "google_storage_bucket" "a" {\n  labels = { owner = "team a" }\n}\n'})
    fixed = folder.fixed()
    assert fixed.left == {}
    assert fixed.text() == 'resource "google_storage_bucket" "a" {\n  labels = { owner = "cg--_54eam_20_41" }\n}\n'


# --- the resource


def test_tags_are_added_to_the_resource(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  bucket = "x"\n}\n'})
    assert folder.fixed(owner="team-a").text() == lines("""
        resource "aws_s3_bucket" "a" {
          bucket = "x"

          tags = {
            owner = "team-a"
          }
        }
        """)


def test_google_has_labels_and_its_own_spelling(folder: Folder) -> None:
    folder.write(**{"policy.yaml": "version: 1\ntags: {cost-center: {keys: {google: cost_center}}}\n"})
    folder.write(**{"main.tf": 'resource "google_storage_bucket" "a" {\n  labels = { a = "b" }\n}\n'})
    assert folder.fixed(**{"cost-center": "x"}).text() == (
        'resource "google_storage_bucket" "a" {\n  labels = { a = "b", cost_center = "x" }\n}\n'
    )


@pytest.mark.parametrize(
    ("type_", "body", "added"),
    [
        ("google_container_cluster", "", '  resource_labels = {\n    owner = "team-a"\n  }\n'),
        (
            "google_cloud_run_service",
            "",
            '  metadata {\n    labels = {\n      owner = "team-a"\n    }\n  }\n',
        ),
        (
            "google_sql_database_instance",
            "  settings {\n  }\n",
            '  settings {\n    user_labels = {\n      owner = "team-a"\n    }\n  }\n',
        ),
    ],
)
def test_labels_go_where_the_type_has_them(folder: Folder, type_: str, body: str, added: str) -> None:
    folder.write(**{"main.tf": f'resource "{type_}" "a" {{\n{body}}}\n'})
    assert folder.fixed(owner="team-a").text() == f'resource "{type_}" "a" {{\n{added}}}\n'


def test_a_block_that_holds_the_labels_and_is_not_there_is_not_invented(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "google_sql_database_instance" "a" {}\n'})
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert fixed.left == {"google_sql_database_instance.a owner": "settings is not written as a block"}


GROUP = 'resource "aws_autoscaling_group" "a" {\n  max_size = 1\n'
TAG = '  tag {\n    key                 = "%s"\n    value               = "%s"\n    propagate_at_launch = %s\n  }\n'


def test_an_auto_scaling_group_gets_a_tag_that_its_instances_get_too(folder: Folder) -> None:
    folder.write(**{"main.tf": GROUP + "}\n"})
    assert folder.fixed(owner="team-a").text() == GROUP + "\n" + TAG % ("owner", "team-a", "true") + "}\n"


def test_a_tag_that_somebody_keeps_from_the_instances_of_a_group_stays_so(folder: Folder) -> None:
    folder.write(**{"main.tf": GROUP + "\n" + TAG % ("owner", "x", "false") + "}\n"})
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert fixed.left == {
        "aws_autoscaling_group.a owner": "main.tf:7 sets propagate_at_launch, and somebody decided that"
    }


def test_a_tag_of_a_group_in_json_is_left(folder: Folder) -> None:
    there = '[{"key": "a", "value": "b", "propagate_at_launch": true}]'
    text = '{"resource": {"aws_autoscaling_group": {"a": {"max_size": 1, "tag": %s}}}}\n'
    folder.write(**{"main.tf.json": text % there})
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert fixed.left["aws_autoscaling_group.a owner"] == "tag blocks are not added in JSON"


def test_a_tag_block_under_an_alias_is_renamed(folder: Folder) -> None:
    folder.write(**{"main.tf": GROUP + "\n" + TAG % ("Team", "x", "true") + "}\n"})
    assert folder.fixed().text() == GROUP + "\n" + TAG % ("owner", "x", "true") + "}\n"


def test_a_tag_block_is_added_beside_computed_ones(folder: Folder) -> None:
    dynamic = (
        '\n  dynamic "tag" {\n    for_each = { a = "b" }\n    content {\n      key   = tag.key\n'
        "      value = tag.value\n\n      propagate_at_launch = true\n    }\n  }\n"
    )
    folder.write(**{"main.tf": GROUP + dynamic + "}\n"})
    assert folder.fixed(owner="team-a").text() == GROUP + dynamic + "\n" + TAG % ("owner", "team-a", "true") + "}\n"


def test_what_a_resource_creates_is_tagged_where_somebody_tags_it(folder: Folder) -> None:
    text = """
        resource "aws_launch_template" "a" {
          tags = { owner = "x" }

          tag_specifications {
            resource_type = "instance"
            tags          = { a = "b" }
          }
        }
        """
    folder.write(**{"main.tf": text})
    assert folder.fixed(owner="team-a").text() == lines(text).replace('{ a = "b" }', '{ a = "b", owner = "team-a" }')


def test_instances_of_one_block_are_one_edit(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  for_each = toset(["x", "y"])\n}\n'})
    assert folder.fixed(owner="team-a").text().count("owner") == 1


# --- wrong entries


def test_a_misspelled_key_is_renamed_where_it_stands(folder: Folder) -> None:
    folder.write(
        **{"main.tf": 'locals {\n  tags = { Team = "x" }\n}\nresource "aws_s3_bucket" "a" {\n  tags = local.tags\n}\n'}
    )
    assert folder.fixed().text().startswith('locals {\n  tags = { owner = "x" }\n}\n')


@pytest.mark.parametrize("use", ["local.tags.Team", 'local.tags["Team"]', 'lookup(local.tags, "Team", "none")'])
def test_a_key_that_something_else_reads_is_not_renamed(folder: Folder, use: str) -> None:
    folder.write(
        **{
            "main.tf": 'locals {\n  tags = { Team = "x" }\n}\n'
            f'resource "aws_s3_bucket" "a" {{\n  bucket = "b-${{{use}}}"\n  tags = local.tags\n}}\n'
        }
    )
    fixed = folder.fixed()
    assert fixed.files == {}
    assert fixed.left == {"aws_s3_bucket.a owner": "an edit there would also change aws_s3_bucket.a bucket"}


def test_a_key_that_an_output_reads_is_not_renamed(folder: Folder) -> None:
    folder.write(
        **{
            "main.tf": 'locals {\n  tags = { Team = "x" }\n}\n'
            'resource "aws_s3_bucket" "a" {\n  tags = local.tags\n}\noutput "team" {\n  value = local.tags.Team\n}\n'
        }
    )
    assert folder.fixed().files == {}


def test_a_synonym_becomes_the_value_that_it_means(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { owner = "x", environment = "prod" }\n}\n'})
    assert folder.fixed().text() == (
        'resource "aws_s3_bucket" "a" {\n  tags = { owner = "x", environment = "production" }\n}\n'
    )


def test_a_value_behind_a_local_is_mended_there_where_only_tags_use_it(folder: Folder) -> None:
    tags = '  tags = { owner = "x", environment = local.env }\n}\n'
    text = 'locals {\n  env = "prod"\n}\nresource "aws_s3_bucket" "a" {\n%s' + tags
    folder.write(**{"main.tf": text % ""})
    assert folder.fixed().text() == (text % "").replace('"prod"', '"production"')
    folder.write(**{"main.tf": text % '  bucket = "b-${local.env}"\n'})
    fixed = folder.fixed()
    assert fixed.files == {}
    assert fixed.left == {"aws_s3_bucket.a environment": "an edit there would also change aws_s3_bucket.a bucket"}


def test_a_value_that_only_looks_like_an_allowed_one_is_left(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { owner = "x", environment = "stagng" }\n}\n'})
    assert folder.fixed().left == {"aws_s3_bucket.a environment": "which value is meant is not certain"}


def test_an_empty_value_gets_the_one_that_is_said(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { owner = "" }\n}\n'})
    assert folder.fixed(owner="team-a").text() == 'resource "aws_s3_bucket" "a" {\n  tags = { owner = "team-a" }\n}\n'


def test_a_null_becomes_the_value(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = merge({ owner = null }, {})\n}\n'})
    assert 'merge({ owner = "team-a" }, {})' in folder.fixed(owner="team-a").text()


def test_what_somebody_may_give_is_not_hidden(folder: Folder) -> None:
    folder.write(
        **{
            "main.tf": 'variable "owner" {\n  default = null\n}\nterraform {\n  backend "local" {}\n}\n'
            'resource "aws_s3_bucket" "a" {\n  tags = { owner = var.owner }\n}\n'
        }
    )
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert fixed.left == {"aws_s3_bucket.a owner": "owner is set to null at main.tf:8"}


@pytest.mark.parametrize(
    ("tags", "mended"),
    [
        ('{ Environment = "prod" }', '{ environment = "production" }'),
        ('{ "Environment" = "PROD", a = "b" }', '{ "environment" = "production", a = "b" }'),
        ('{ ENVIRONMENT = "Staging" }', '{ environment = "staging" }'),
    ],
)
def test_a_wrong_key_with_a_value_that_is_wrong_too_gets_both_where_both_are_certain(
    folder: Folder, tags: str, mended: str
) -> None:
    text = 'resource "aws_s3_bucket" "a" {\n  tags = merge({ owner = "x" }, %s)\n}\n'
    folder.write(**{"main.tf": text % tags})
    assert folder.fixed().text() == text % mended


def test_a_wrong_key_with_a_wrong_value_is_mended_in_a_tag_block_and_in_json(folder: Folder) -> None:
    folder.write(
        **{"main.tf": GROUP + "\n" + TAG % ("owner", "x", "true") + TAG % ("Environment", "prod", "true") + "}\n"}
    )
    json = '{"resource": {"aws_s3_bucket": {"a": {"tags": {"owner": "x", "%s": "%s"}}}}}\n'
    folder.write(**{"more.tf.json": json % ("Environment", "prod")})
    fixed = folder.fixed()
    assert TAG % ("environment", "production", "true") in fixed.files["main.tf"]
    assert fixed.files["more.tf.json"] == json % ("environment", "production")


def test_a_wrong_key_whose_wrong_value_is_computed_is_left(folder: Folder) -> None:
    text = 'resource "aws_s3_bucket" "a" {\n  tags = { owner = "x", Environment = lower("PROD") }\n}\n'
    folder.write(**{"main.tf": text})
    fixed = folder.fixed()
    assert fixed.files == {}
    assert fixed.left == {"aws_s3_bucket.a environment": "the value of Environment is not allowed either, and computed"}


def test_an_alias_with_a_value_that_is_not_allowed_is_left(folder: Folder) -> None:
    folder.write(**{"policy.yaml": "version: 1\ntags: {owner: {aliases: [team], value: {enum: [a]}}}\n"})
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { team = "b" }\n}\n'})
    assert folder.fixed(owner="a").left == {"aws_s3_bucket.a owner": "the value of team is not allowed either"}


@pytest.mark.parametrize("tags", ['zipmap(["Team"], ["x"])', '{ for k in ["Team"] : k => "x" }', '{ (local.k) = "x" }'])
def test_a_computed_key_is_left(folder: Folder, tags: str) -> None:
    folder.write(**{"main.tf": f'locals {{\n  k = "Team"\n}}\nresource "aws_s3_bucket" "a" {{\n  tags = {tags}\n}}\n'})
    fixed = folder.fixed()
    assert fixed.files == {}
    assert "computed" in fixed.left["aws_s3_bucket.a owner"]


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ("data.x.y.tags", "what isn't known is not mended"),
        ('{ owner = "4111 1111 1111 1111" }', "whether it can go is for a person to say"),
    ],
)
def test_what_only_a_person_can_decide_is_left(folder: Folder, tags: str, why: str) -> None:
    folder.write(
        **{"policy.yaml": "version: 1\ntags: {owner: {}}\nrules: [{id: pan, forbid: {content: [payment-card]}}]\n"}
    )
    folder.write(**{"main.tf": f'resource "aws_s3_bucket" "a" {{\n  tags = {tags}\n}}\n'})
    fixed = folder.fixed(owner="x")
    assert fixed.files == {}
    assert set(fixed.left.values()) == {why}


# --- locals


SHARED = """
    locals {
      tags = {
        a = "b"
      }
    }

    resource "aws_s3_bucket" "a" {
      tags = local.tags
    }

    resource "aws_sqs_queue" "b" {
      tags = merge(local.tags, { c = "d" })
    }
    """


def test_what_all_users_of_a_local_lack_is_added_to_it(folder: Folder) -> None:
    folder.write(**{"main.tf": SHARED})
    assert folder.fixed(owner="team-a").text() == lines(SHARED).replace(
        'a = "b"\n', 'a     = "b"\n    owner = "team-a"\n', 1
    )


def test_a_local_that_one_merge_uses_stays_and_the_literal_beside_it_grows(folder: Folder) -> None:
    text = 'locals {\n  tags = {}\n}\nresource "aws_s3_bucket" "a" {\n  tags = merge(local.tags, { b = "c" })\n}\n'
    folder.write(**{"main.tf": text})
    assert folder.fixed(owner="team-a").text() == text.replace('b = "c"', 'b = "c", owner = "team-a"')


def test_a_user_of_a_local_that_must_not_change_sends_the_edit_to_the_resources(folder: Folder) -> None:
    exempt = "exemptions: [{when: {type: aws_sns_topic}, tags: [owner], reason: r, until: 2099-01-01}]\n"
    folder.write(**{"policy.yaml": POLICY_AND + exempt})
    folder.write(**{"main.tf": SHARED, "exempt.tf": 'resource "aws_sns_topic" "x" {\n  tags = local.tags\n}\n'})
    fixed = folder.fixed(owner="team-a")
    assert fixed.text() == lines(SHARED).replace(
        "tags = local.tags\n", 'tags = merge(local.tags, { owner = "team-a" })\n'
    ).replace('{ c = "d" }', '{ c = "d", owner = "team-a" }')


POLICY_AND = "version: 1\ntags: {owner: {aliases: [team]}}\n"


@pytest.mark.parametrize(
    "use",
    [
        'data "aws_subnets" "x" {\n  tags = local.tags\n}\n',
        'resource "aws_instance" "x" {\n  user_data = jsonencode(local.tags)\n  tags = { owner = "x" }\n}\n',
        'resource "null_resource" "x" {\n  for_each = local.tags\n}\n',
        'resource "kubernetes_service" "x" {\n  spec {\n    selector = local.tags\n  }\n}\n',
        'resource "aws_s3_bucket" "x" {\n  for_each = local.tags\n  tags = { owner = each.key }\n}\n',
    ],
)
def test_a_local_that_is_used_for_more_than_tags_stays(folder: Folder, use: str) -> None:
    folder.write(**{"main.tf": SHARED, "use.tf": use})
    fixed = folder.fixed(owner="team-a")
    assert fixed.left == {}
    assert list(fixed.files) == ["main.tf"]
    assert fixed.text().startswith(lines(SHARED).partition("resource")[0])


BOTH = """
    locals {
      tags = { service = "b" }
    }

    resource "aws_sqs_queue" "a" {
      tags = local.tags
    }

    resource "aws_sqs_queue" "b" {
      tags = local.tags
    }
    """
CONDITION = '    condition     = length(local.tags) == 1\n    error_message = "no"\n'


@pytest.mark.parametrize(
    "reader",
    [
        'resource "aws_sns_topic" "x" {\n  tags = { owner = "x" }\n  lifecycle {\n    precondition {\n'
        + CONDITION
        + "    }\n  }\n}\n",
        'data "aws_region" "x" {\n  lifecycle {\n    postcondition {\n' + CONDITION + "    }\n  }\n}\n",
        'output "x" {\n  value = 1\n  precondition {\n' + CONDITION + "  }\n}\n",
        'output "x" {\n  value = local.tags\n}\n',
        (
            'output "x" {\n  value = { tags = local.indirect, id = aws_sqs_queue.a.id }\n}\n'
            "locals {\n  indirect = values(local.tags)\n}\n"
        ),
        'check "x" {\n  assert {\n' + CONDITION + "  }\n}\n",
        'check "x" {\n  data "http" "y" {\n    url = join("", values(local.tags))\n  }\n}\n',
        (
            'import {\n  to = aws_sns_topic.x\n  id = join("-", keys(local.tags))\n}\n'
            'resource "aws_sns_topic" "x" {\n  tags = { owner = "x" }\n}\n'
        ),
        'resource "datadog_monitor" "x" {\n  tags = local.tags\n}\n',
        'provider "aws" {\n  profile = join("-", values(local.tags))\n}\n',
        'provider "aws" {\n  assume_role {\n    tags = local.tags\n  }\n}\n',
        'resource "null_resource" "x" {\n  connection {\n    host = join("-", values(local.tags))\n  }\n}\n',
        'resource "null_resource" "x" {\n  provisioner "local-exec" {\n    command = jsonencode(local.tags)\n  }\n}\n',
        # Nobody can tell the value, and yet it would be another one.
        (
            'resource "aws_instance" "x" {\n  user_data = jsonencode([local.tags, data.aws_region.x.name])\n'
            '  tags = { owner = "x" }\n}\ndata "aws_region" "x" {}\n'
        ),
    ],
)
def test_a_local_that_anything_but_tags_reads_stays(folder: Folder, reader: str) -> None:
    folder.write(**{"main.tf": BOTH, "reader.tf": reader})
    fixed = folder.fixed(owner="team-a")
    assert fixed.left == {}
    assert list(fixed.files) == ["main.tf"]
    assert fixed.text() == lines(BOTH).replace(
        "tags = local.tags\n", 'tags = merge(local.tags, { owner = "team-a" })\n'
    )


def test_an_argument_that_its_module_validates_stays(folder: Folder) -> None:
    variable = (
        'variable "x" {\n  validation {\n    condition     = length(var.x) == 1\n    error_message = "no"\n  }\n}\n'
    )
    folder.write(**{"main.tf": BOTH, "call.tf": 'module "m" {\n  source = "./m"\n  x      = local.tags\n}\n'})
    folder.write(**{"m/main.tf": variable})
    fixed = folder.fixed(owner="team-a")
    assert fixed.text() == lines(BOTH).replace(
        "tags = local.tags\n", 'tags = merge(local.tags, { owner = "team-a" })\n'
    )


def test_an_output_of_what_a_resource_has_keeps_no_tag_away(folder: Folder) -> None:
    output = 'output "x" {\n  value = aws_sqs_queue.a.tags\n}\n'
    folder.write(**{"main.tf": BOTH, "output.tf": output})
    assert folder.fixed(owner="team-a").text().count("owner") == 1


def test_a_resource_whose_change_would_replace_another_is_left(folder: Folder) -> None:
    lifecycle = "  lifecycle {\n    replace_triggered_by = [%s]\n  }\n"
    other = 'resource "aws_sns_topic" "x" {\n  tags = { owner = "x" }\n' + lifecycle + "}\n"
    folder.write(**{"main.tf": BOTH, "other.tf": other % "aws_sqs_queue.a"})
    fixed = folder.fixed(owner="team-a")
    assert fixed.text().count("owner") == 1
    assert fixed.left["aws_sqs_queue.a owner"].endswith("replace_triggered_by")
    folder.write(**{"main.tf": BOTH, "other.tf": other % "aws_sqs_queue.a.id"})
    assert folder.fixed(owner="team-a").left == {}


def test_tags_that_the_resource_itself_counts_are_left(folder: Folder) -> None:
    counted = CONDITION.replace("local", "self")
    text = 'resource "aws_sns_topic" "x" {\n  tags = { a = "b" }\n  lifecycle {\n    postcondition {\n' + counted
    folder.write(**{"main.tf": text + "    }\n  }\n}\n"})
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert "an edit there would also change aws_sns_topic.x" in fixed.left["aws_sns_topic.x owner"]


def test_a_module_that_is_not_here_is_given_what_all_others_get(folder: Folder) -> None:
    remote = 'module "r" {\n  source = "terraform-aws-modules/s3-bucket/aws"\n  tags   = local.tags\n}\n'
    folder.write(**{"main.tf": SHARED, "remote.tf": remote})
    fixed = folder.fixed(owner="team-a")
    assert 'a     = "b"\n    owner = "team-a"\n' in fixed.text()


# --- provider defaults


def test_one_default_is_preferred_over_many_resources(folder: Folder) -> None:
    folder.write(**{"main.tf": AWS + 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n'})
    fixed = folder.fixed(owner="team-a")
    assert fixed.text() == AWS.removesuffix("}\n") + DEFAULTED + (
        'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n'
    )


ABSENT = 'module "r" {\n  source = "terraform-aws-modules/s3-bucket/aws"\n%s}\n'
WEST = 'provider "aws" {\n  alias  = "west"\n  region = "us-west-1"\n}\n'


@pytest.mark.parametrize(
    ("passed", "defaults"),
    [
        ("", False),
        ("  providers = {\n    aws = aws\n  }\n", False),
        ("  providers = {\n    aws.us = aws\n    aws    = aws.west\n  }\n", False),
        ("  providers = {\n    aws = aws.west\n  }\n", True),
    ],
)
def test_a_module_that_is_not_here_keeps_the_default_of_its_provider_away(
    folder: Folder, passed: str, defaults: bool
) -> None:
    two = 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n'
    folder.write(**{"main.tf": AWS + WEST + two, "remote.tf": ABSENT % passed})
    fixed = folder.fixed(owner="team-a")
    assert ("default_tags" in fixed.text()) is defaults
    assert fixed.text().count("owner") == (1 if defaults else 2)


def test_a_module_that_is_not_here_inherits_through_the_one_that_calls_it(folder: Folder) -> None:
    two = 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\nmodule "m" {\n  source = "./m"\n}\n'
    folder.write(**{"main.tf": AWS + two, "m/main.tf": ABSENT % ""})
    fixed = folder.fixed(owner="team-a")
    assert "default_tags" not in fixed.text()


def test_one_resource_is_edited_itself(folder: Folder) -> None:
    folder.write(**{"main.tf": AWS + 'resource "aws_s3_bucket" "a" {\n}\n'})
    assert folder.fixed(owner="team-a").text().startswith(AWS)


def test_a_resource_that_the_default_must_not_reach_keeps_it_away(folder: Folder) -> None:
    exempt = "exemptions: [{when: {type: aws_sns_topic}, tags: [owner], reason: r, until: 2099-01-01}]\n"
    folder.write(**{"policy.yaml": POLICY_AND + exempt})
    folder.write(
        **{
            "main.tf": AWS + 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n',
            "exempt.tf": 'resource "aws_sns_topic" "x" {}\n',
        }
    )
    fixed = folder.fixed(owner="team-a")
    assert fixed.left == {}
    assert fixed.text().startswith(AWS)
    assert fixed.text().count('owner = "team-a"') == 2


def test_a_suppressed_resource_is_left_as_it_is(folder: Folder) -> None:
    folder.write(
        **{
            "main.tf": AWS + 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n',
            "x.tf": '# costguard:ignore=owner it goes soon until=2099-01-01\nresource "aws_sns_topic" "x" {}\n',
        }
    )
    fixed = folder.fixed(owner="team-a")
    assert list(fixed.files) == ["main.tf"]
    assert fixed.text().startswith(AWS)


def test_a_resource_with_an_alias_keeps_its_own_value(folder: Folder) -> None:
    folder.write(
        **{
            "main.tf": AWS + 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n'
            'resource "aws_sns_topic" "c" {\n  tags = { Team = "x" }\n}\n'
        }
    )
    text = folder.fixed(owner="team-a").text()
    assert DEFAULTED in text
    assert 'tags = { owner = "x" }' in text


def test_an_alias_that_can_not_be_renamed_keeps_the_default_away(folder: Folder) -> None:
    folder.write(
        **{
            "main.tf": AWS + 'resource "aws_s3_bucket" "a" {}\nresource "aws_sqs_queue" "b" {}\n'
            'resource "aws_sns_topic" "c" {\n  tags = zipmap(["Team"], ["x"])\n}\n'
        }
    )
    fixed = folder.fixed(owner="team-a")
    assert fixed.text().startswith(AWS)
    assert list(fixed.left) == ["aws_sns_topic.c owner"]


def test_a_default_is_renamed_also_where_nobody_can_tell_what_else_is_there(folder: Folder) -> None:
    text = """
        provider "aws" {
          default_tags {
            tags = { Team = "x" }
          }
        }
        resource "aws_s3_bucket" "a" {}
        resource "aws_s3_bucket" "b" {
          tags = data.x.y.tags
        }
        module "remote" {
          source = "terraform-aws-modules/s3-bucket/aws"
        }
        """
    folder.write(**{"main.tf": text})
    assert folder.fixed().text() == lines(text).replace("Team", "owner")


def test_a_default_that_is_refused_takes_no_other_mend_with_it(folder: Folder) -> None:
    """The default would reach the volumes of the instance; what has its own place is mended there all the same."""
    text = """
        provider "aws" {
        }
        locals {
          tags = { Team = "x" }
        }
        resource "aws_s3_bucket" "a" {}
        resource "aws_sqs_queue" "b" {}
        resource "aws_sns_topic" "c" {
          tags = local.tags
        }
        resource "aws_instance" "d" {
          tags        = { owner = "d" }
          volume_tags = { owner = "e" }
          root_block_device {
          }
        }
        """
    folder.write(**{"main.tf": text})
    fixed = folder.fixed(owner="team-a")
    assert fixed.left == {}
    assert fixed.text().startswith(lines(text).partition("locals")[0])
    assert 'tags = { owner = "x" }' in fixed.text()
    assert fixed.text().count('owner = "team-a"') == 2


def test_defaults_that_are_there_get_another_where_they_are_written(folder: Folder) -> None:
    text = """
        locals {
          tags = { a = "b" }
        }
        provider "aws" {
          default_tags {
            tags = local.tags
          }
        }
        resource "aws_s3_bucket" "a" {}
        resource "aws_sqs_queue" "b" {}
        """
    folder.write(**{"main.tf": text})
    assert folder.fixed(owner="team-a").text() == lines(text).replace('a = "b"', 'a = "b", owner = "team-a"')


def test_google_has_default_labels(folder: Folder) -> None:
    text = 'provider "google" {\n  project = "p"\n}\n'
    text += 'resource "google_storage_bucket" "a" {}\nresource "google_pubsub_topic" "b" {}\n'
    folder.write(**{"main.tf": text})
    assert folder.fixed(owner="team-a").text() == text.replace(
        '"p"\n', '"p"\n\n  default_labels = {\n    owner = "team-a"\n  }\n'
    )


@pytest.mark.parametrize(
    ("constraint", "defaults"),
    [
        ("~> 5.0", True),
        ("~> 4.84", False),
        (">= 4.0", True),
        ("< 5.0", False),
        ("4.84.0", False),
        (">= 4.0, < 6", True),
        ("~> 4", True),
    ],
)
def test_a_provider_that_is_too_old_for_defaults_gets_none(folder: Folder, constraint: str, defaults: bool) -> None:
    head = f"""
        terraform {{
          required_providers {{
            google = {{
              source  = "hashicorp/google"
              version = "{constraint}"
            }}
          }}
        }}
        """
    text = 'provider "google" {}\nresource "google_storage_bucket" "a" {}\nresource "google_pubsub_topic" "b" {}\n'
    folder.write(**{"versions.tf": head, "main.tf": text})
    assert ("default_labels" in folder.fixed(owner="team-a").text()) is defaults


def test_each_configuration_of_a_provider_is_for_itself(folder: Folder) -> None:
    text = """
        provider "aws" {
        }
        provider "aws" {
          alias = "west"
        }
        resource "aws_s3_bucket" "a" {}
        resource "aws_sqs_queue" "b" {}
        resource "aws_sqs_queue" "w" {
          provider = aws.west
        }
        """
    folder.write(**{"main.tf": text})
    fixed = folder.fixed(owner="team-a").text()
    assert fixed.count("default_tags") == 1
    assert fixed.index("default_tags") < fixed.index("west")


# --- modules


CALLED = 'variable "tags" {\n  default = {}\n}\nresource "aws_s3_bucket" "a" {\n  tags = var.tags\n}\n'


def call(name: str, more: str = "") -> str:
    return f'module "{name}" {{\n  source = "../../modules/bucket"\n{more}}}\n'


def test_what_a_caller_gives_is_added_there(folder: Folder) -> None:
    folder.write(**{"modules/bucket/main.tf": CALLED, "live/shop/main.tf": call("b", '  tags   = { a = "b" }\n')})
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {"live/shop/main.tf": call("b", '  tags   = { a = "b", owner = "team-a" }\n')}


def test_what_a_caller_could_give_is_given(folder: Folder) -> None:
    folder.write(**{"modules/bucket/main.tf": CALLED, "live/shop/main.tf": call("b")})
    assert folder.fixed(owner="team-a").files == {
        "live/shop/main.tf": call("b", '\n  tags = {\n    owner = "team-a"\n  }\n')
    }


def test_callers_say_different_values(folder: Folder) -> None:
    folder.write(
        **{
            "modules/bucket/main.tf": CALLED,
            "live/shop/main.tf": call("b"),
            "live/pay/main.tf": call("b"),
            "costguard.yaml": """
                version: 1
                fix:
                  values:
                    - {path: live, set: {owner: none}}
                    - {path: live/shop, set: {owner: shop}}
                    - {path: "live/p*/**", set: {owner: pay}}
                """,
        }
    )
    assert folder.fixed().files == {
        f"live/{name}/main.tf": call("b", f'\n  tags = {{\n    owner = "{name}"\n  }}\n') for name in ("pay", "shop")
    }


def test_a_module_without_tags_is_edited_where_all_callers_agree(folder: Folder) -> None:
    module = 'resource "aws_s3_bucket" "a" {}\n'
    folder.write(
        **{
            "modules/bucket/main.tf": module,
            "live/shop/main.tf": call("b"),
            "live/pay/main.tf": call("b"),
        }
    )
    assert list(folder.fixed(owner="team-a").files) == ["modules/bucket/main.tf"]
    folder.write(**{"modules/bucket/main.tf": module})
    folder.write(
        **{
            "costguard.yaml": "version: 1\nfix: {values: [{path: live/shop, set: {owner: shop}}, "
            "{path: live/pay, set: {owner: pay}}]}\n"
        }
    )
    fixed = folder.fixed()
    assert fixed.files == {}
    assert set(fixed.left.values()) == {"it would need different values at modules/bucket/main.tf:1"}


def test_a_run_for_one_root_proves_the_others_too(folder: Folder) -> None:
    """A module is edited for one caller; another one, which nobody asked for, must not be changed by that."""
    exempt = "exemptions: [{when: {address: module.other.*}, tags: [owner], reason: r, until: 2099-01-01}]\n"
    folder.write(**{"policy.yaml": POLICY_AND + exempt})
    folder.write(
        **{
            "modules/bucket/main.tf": 'resource "aws_s3_bucket" "a" {}\n',
            "live/shop/main.tf": call("b"),
            "live/pay/main.tf": call("other"),
        }
    )
    fixed = folder.fixed("live/shop", owner="team-a")
    assert fixed.files == {}
    assert fixed.left == {
        "module.b.aws_s3_bucket.a owner": (
            "an edit there would also change owner of module.other.aws_s3_bucket.a in the root module live/pay"
        )
    }


UNIT = 'terraform {\n  source = "../../modules/bucket"\n}\n\ninputs = { name = "%s" }\n'


def test_a_module_that_terragrunt_runs_is_edited_where_all_units_agree(folder: Folder) -> None:
    units = {f"live/{name}/terragrunt.hcl": UNIT % name for name in ("shop", "pay")}
    module = 'variable "name" {}\nresource "aws_s3_bucket" "a" {\n  bucket = var.name\n  tags = {}\n}\n'
    folder.write(**units, **{"modules/bucket/main.tf": module})
    assert list(folder.fixed(owner="team-a").files) == ["modules/bucket/main.tf"]
    folder.write(**{"modules/bucket/main.tf": module})
    folder.write(
        **{
            "costguard.yaml": "version: 1\nfix: {values: [{path: live/shop, set: {owner: shop}}, "
            "{path: live/pay, set: {owner: pay}}]}\n"
        }
    )
    fixed = folder.fixed()
    assert fixed.files == {}
    assert set(fixed.left.values()) == {"it would need different values at modules/bucket/main.tf:4"}


def test_what_terragrunt_generates_is_not_edited(folder: Folder) -> None:
    unit = UNIT % "x" + 'generate "p" {\n  path = "gen.tf"\n  if_exists = "overwrite"\n  contents = <<EOF\n%sEOF\n}\n'
    generated = 'resource "aws_sqs_queue" "g" {}\n'
    folder.write(**{"live/x/terragrunt.hcl": unit % generated, "modules/bucket/main.tf": 'variable "name" {}\n'})
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert len(fixed.left) == 1


@pytest.mark.parametrize("place", ["vendor/bucket", ".terraform/modules/bucket"])
def test_a_vendored_module_is_never_edited(folder: Folder, place: str) -> None:
    folder.write(
        **{
            f"{place}/main.tf": 'resource "aws_s3_bucket" "a" {}\n',
            "main.tf": f'module "b" {{\n  source = "./{place}"\n}}\n',
        }
    )
    fixed = folder.fixed(owner="team-a")
    assert fixed.files == {}
    assert fixed.left == {"module.b.aws_s3_bucket.a owner": f"{place}/main.tf was fetched or vendored"}
    folder.write(**{"providers.tf": AWS})
    assert folder.fixed(owner="team-a").files == {"providers.tf": AWS.removesuffix("}\n") + DEFAULTED}


def test_a_label_module_gets_the_tag(folder: Folder) -> None:
    text = """
        module "label" {
          source = "cloudposse/label/null"
          name   = "x"
        }

        resource "aws_s3_bucket" "a" {
          tags = module.label.tags
        }
        """
    folder.write(**{"main.tf": text})
    fixed = folder.fixed(owner="team-a")
    assert fixed.left == {}
    assert "owner" in fixed.text()


# --- other files


def test_json_is_mended_too(folder: Folder) -> None:
    folder.write(**{"main.tf.json": '{"resource": {"aws_s3_bucket": {"a": {"tags": {"Team": "x"}}, "b": {}}}}\n'})
    assert folder.fixed(owner="team-a").text() == (
        '{"resource": {"aws_s3_bucket": {"a": {"tags": {"owner": "x"}}, "b": {"tags": {"owner": "team-a"}}}}}\n'
    )


def test_an_override_is_mended_where_it_says_the_tags(folder: Folder) -> None:
    folder.write(
        **{
            "main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { owner = "x" }\n}\n',
            "main_override.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { b = "c" }\n}\n',
        }
    )
    assert folder.fixed(owner="team-a").files == {
        "main_override.tf": 'resource "aws_s3_bucket" "a" {\n  tags = { b = "c", owner = "team-a" }\n}\n'
    }


def test_only_what_the_paths_have_to_do_with_is_mended(folder: Folder) -> None:
    folder.write(**{"a/main.tf": 'resource "aws_s3_bucket" "a" {}\n', "b/main.tf": 'resource "aws_s3_bucket" "b" {}\n'})
    assert list(folder.fixed("a/main.tf", owner="team-a").files) == ["a/main.tf"]


def test_a_file_that_can_not_be_read_is_a_gap_and_the_rest_is_mended(folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {}\n', "broken.tf": "resource {\n"})
    planned = folder.plan(owner="team-a")
    assert [str(change.path) for change in planned.changes] == ["main.tf"]
    assert len(planned.gaps) == 1


def test_a_gap_that_an_edit_moves_is_the_same_gap(folder: Folder) -> None:
    """And what goes wrong in one root module is nothing to another."""
    text = 'resource "aws_s3_bucket" "a" {}\nmodule "m" {\n  source = "./gone"\n}\n'
    folder.write(**{"a/main.tf": text, "b/main.tf": 'resource "aws_s3_bucket" "b" {}\n'})
    planned = folder.plan(owner="team-a")
    assert [str(change.path) for change in planned.changes] == ["a/main.tf", "b/main.tf"]
    assert len(planned.gaps) == 1


def test_the_report_after_it_is_what_a_check_says_then(folder: Folder) -> None:
    folder.write(
        **{"main.tf": 'resource "aws_s3_bucket" "a" {}\nresource "aws_s3_bucket" "b" {\n  tags = data.x.y.z\n}\n'}
    )
    planned = folder.plan(owner="team-a")
    assert [finding.verdict for finding in planned.present] == ["missing", "unknown"]
    assert [finding.verdict for finding in planned.remaining] == ["unknown"]


# --- some of the findings alone


class _Two:
    """Says another value for each of two resources."""

    def of(self, rule: Require, files: Iterable[str], about: About) -> Said | Unsaid:
        names = {"aws_s3_bucket.a": "team-a", "aws_s3_bucket.b": "team-b"}
        return Said(names[about.address], "the test")


TWO = """
resource "aws_s3_bucket" "a" {
  tags = { x = "1" }
}

resource "aws_s3_bucket" "b" {
  tags = { x = "1" }
}
"""


@pytest.mark.parametrize("wanted", [{"aws_s3_bucket.a", "aws_s3_bucket.b"}, {"aws_s3_bucket.b"}, set()])
def test_each_resource_can_have_a_value_of_its_own_and_only_some_be_mended(folder: Folder, wanted: set[str]) -> None:
    folder.write(**{"main.tf": TWO})
    asked = Asked(policy=load(["policy.yaml"]), settings=Settings(), today=TODAY)
    planned = mending(selected(["."], asked), asked, _Two(), lambda _, finding: finding.resource.address in wanted)
    text = "".join(change.new.decode() for change in planned.changes)
    assert {about.address for one in planned.mended for about in one.of} == wanted
    assert planned.left == ()
    assert [text.count(f'"team-{name}"') for name in "ab"] == [f"aws_s3_bucket.{name}" in wanted for name in "ab"]
    assert {one.resource.address for one in planned.remaining} == {"aws_s3_bucket.a", "aws_s3_bucket.b"} - wanted
