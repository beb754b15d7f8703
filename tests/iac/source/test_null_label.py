# ruff: noqa: E501 - a row of a table stands on one line
"""What stands in for cloudposse/label/null where its files aren't here.

The ids and tags of ``SAME`` and ``CHAINED`` are those that the module itself (0.25) gave for these inputs, applied by
Terraform 1.11.4; 122 sets of inputs were compared so, with every output, when the model was written.
"""

import re
from pathlib import Path

import pytest

from tests.iac.source.reading import MAYBE, OPEN, UNKNOWN, Shown, read, tags_of

SOURCES = (
    "cloudposse/label/null",
    "registry.terraform.io/cloudposse/label/null",
    "git::https://github.com/cloudposse/terraform-null-label.git?ref=tags/0.25.0",
    "github.com/cloudposse/terraform-null-label",
)

SAME: list[tuple[str, str, Shown]] = [
    ('name = "app"', "app", {"Name": "app"}),
    ('namespace = "eg", stage = "prod", name = "App One"', "eg-prod-appone", {"Name": "eg-prod-appone", "Namespace": "eg", "Stage": "prod"}),
    ('tenant = "t", namespace = "eg", name = "x"', "eg-x", {"Name": "eg-x", "Namespace": "eg", "Tenant": "t"}),
    ('namespace = "eg", environment = "ue1", stage = "prod", name = "app", attributes = ["b", "a", "b", ""]', "eg-ue1-prod-app-b-a", {"Attributes": "b-a", "Environment": "ue1", "Name": "eg-ue1-prod-app-b-a", "Namespace": "eg", "Stage": "prod"}),
    ('name = "app", enabled = false, tags = { A = "1" }', "", {}),
    ('name = "app", tags = { Name = "own", Owner = "x" }', "app", {"Name": "own", "Owner": "x"}),
    ('name = "app", label_key_case = "upper", stage = "s"', "s-app", {"NAME": "s-app", "STAGE": "s"}),
    ('name = "app", label_key_case = "lower", stage = "s"', "s-app", {"name": "s-app", "stage": "s"}),
    ('name = "aPP oNE", label_value_case = "upper"', "APPONE", {"Name": "APPONE"}),
    ('name = "aPP oNE", label_value_case = "title"', "Appone", {"Name": "Appone"}),
    ('name = "aPP_oNE", label_value_case = "none"', "aPPoNE", {"Name": "aPPoNE"}),
    ('name = "app", delimiter = "", stage = "s"', "sapp", {"Name": "sapp", "Stage": "s"}),
    ('name = "app", delimiter = "_", stage = "s", regex_replace_chars = "/[^a-z_]/"', "s_app", {"Name": "s_app", "Stage": "s"}),
    ('name = "a.b/c", regex_replace_chars = ""', "abc", {"Name": "abc"}),
    ('name = "app", stage = "s", label_order = ["stage", "name"]', "s-app", {"Name": "s-app", "Stage": "s"}),
    ('name = "app", label_order = []', "app", {"Name": "app"}),
    ('name = "app", tenant = "te", label_order = ["tenant", "name", "attributes"], attributes = ["z"]', "te-app-z", {"Attributes": "z", "Name": "te-app-z", "Tenant": "te"}),
    ('name = "app", labels_as_tags = []', "app", {}),
    ('name = "app", stage = "s", labels_as_tags = ["name"]', "s-app", {"Name": "s-app"}),
    ('name = "app", stage = "s", labels_as_tags = ["stage", "bogus"]', "s-app", {"Stage": "s"}),
    ('name = "app", labels_as_tags = ["unset"]', "app", {}),
    ('namespace = "eg", stage = "production", name = "application", id_length_limit = 12', "eg-pro-a23fe", {"Name": "eg-pro-a23fe", "Namespace": "eg", "Stage": "production"}),
    ('namespace = "eg", name = "application", id_length_limit = 6', "11a282", {"Name": "11a282", "Namespace": "eg"}),
    ('namespace = "eg", stage = "production", name = "application", id_length_limit = 12, delimiter = ""', "egprodu470fa", {"Name": "egprodu470fa", "Namespace": "eg", "Stage": "production"}),
    ('namespace = "eg", stage = "pro", name = "application", id_length_limit = 9, label_value_case = "upper"', "EG-D1929A", {"Name": "EG-D1929A", "Namespace": "EG", "Stage": "PRO"}),
    ('name = "", stage = "s"', "s", {"Name": "s", "Stage": "s"}),
    ('name = "!!!", stage = "s"', "s", {"Name": "s", "Stage": "s"}),
    ('name = "Straße", stage = "s"', "s-strae", {"Name": "s-strae", "Stage": "s"}),
]  # fmt: skip

CHAINED: list[tuple[str, str, str, str, Shown]] = [
    ('name = "app", label_key_case = "upper", stage = "s"', 'stage = "", attributes = []', "normalized_context", "app", {"NAME": "s-app", "STAGE": "s"}),
    ('name = "app", additional_tag_map = { k = "true" }, tags = { A = "1" }', 'stage = "", tags = {}', "normalized_context", "app", {"A": "1", "Name": "app"}),
    ('name = "app", label_key_case = "upper", stage = "s"', 'tenant = "x.y", stage = "us-east 1", tags = { Owner = "x" }, label_order = ["name", "stage"]', "context", "app-us-east1", {"NAME": "app-us-east1", "Owner": "x", "STAGE": "us-east1", "TENANT": "xy"}),
    ('stage = "", name = "x.y", attributes = [], label_key_case = "title"', 'stage = "Prod", id_length_limit = 0', "context", "prod-xy", {"Name": "prod-xy", "Stage": "prod"}),
    ('namespace = "Prod", tenant = "us-east 1", name = "app_one", tags = { Name = "n", Stage = "own" }, label_value_case = "upper", id_length_limit = 15', 'namespace = "Prod", tenant = "x.y", stage = ""', "normalized_context", "PROD-APPONE", {"Name": "n", "Namespace": "PROD", "Stage": "own", "Tenant": "US-EAST1"}),
    ('name = "app", tags = { Name = "own", Owner = "x" }', 'name = "eg", label_key_case = "lower", label_value_case = "lower"', "context", "eg", {"Name": "own", "Owner": "x", "name": "eg"}),
    ('namespace = "eg", stage = "production", name = "application", id_length_limit = 12', 'attributes = [""], tags = { Owner = "x" }, delimiter = "--", id_length_limit = 8', "context", "e--66f3d", {"Name": "e--66f3d", "Namespace": "eg", "Owner": "x", "Stage": "production"}),
]  # fmt: skip

OPEN_INPUTS: list[tuple[str, Shown]] = [
    # A name makes an id, whatever stands before it.
    ('namespace = var.n, name = "app"', {"Namespace": MAYBE, "Name": UNKNOWN}),
    ("name = var.n", {"Name": MAYBE}),
    ('name = "app", tags = var.n', {"Name": UNKNOWN, OPEN: UNKNOWN}),
    ('name = "app", tags = { Owner = var.n }', {"Name": "app", "Owner": UNKNOWN}),
    ('name = "app", enabled = var.n', {"Name": MAYBE}),
    ('name = "app", label_key_case = var.n', {OPEN: UNKNOWN}),
    ('name = "app", delimiter = var.n', {"Name": UNKNOWN}),
    # A context may also say that nothing is enabled.
    ('name = "app", tags = { Owner = "x" }, context = var.n', {"Owner": MAYBE, OPEN: UNKNOWN}),
]


def lines(inputs: str) -> str:
    """The inputs as lines of a block; a comma that is followed by a name begins one."""
    return "".join(f"  {line}\n" for line in re.split(r", (?=[a-z_]+ = )", inputs))


def label(inputs: str, name: str = "l", source: str = SOURCES[0]) -> str:
    return f'module "{name}" {{\n  source = "{source}"\n{lines(inputs)}}}\n'


def topic(name: str = "l") -> str:
    return (
        f'resource "aws_sns_topic" "t" {{\n  tags = module.{name}.tags\n}}\n'
        f'resource "aws_sns_topic" "id" {{\n  tags = {{ Id = module.{name}.id }}\n}}\n'
    )


@pytest.mark.parametrize(("inputs", "id_", "tags"), SAME)
def test_a_label_is_what_the_module_makes_of_it(tmp_path: Path, inputs: str, id_: str, tags: Shown) -> None:
    configuration = read(tmp_path, label(inputs) + topic())

    assert tags_of(configuration, "aws_sns_topic.t") == tags
    assert tags_of(configuration, "aws_sns_topic.id") == {"Id": id_}


@pytest.mark.parametrize(("outer", "inputs", "output", "id_", "tags"), CHAINED)
def test_a_label_takes_what_another_hands_on(
    tmp_path: Path, outer: str, inputs: str, output: str, id_: str, tags: Shown
) -> None:
    text = label(outer, "outer") + label(f"{inputs}, context = module.outer.{output}") + topic()
    configuration = read(tmp_path, text)

    assert tags_of(configuration, "aws_sns_topic.t") == tags
    assert tags_of(configuration, "aws_sns_topic.id") == {"Id": id_}


@pytest.mark.parametrize(("inputs", "tags"), OPEN_INPUTS)
def test_what_an_input_leaves_open_stays_open(tmp_path: Path, inputs: str, tags: Shown) -> None:
    assert tags_of(read(tmp_path, 'variable "n" {}\n' + label(inputs) + topic()), "aws_sns_topic.t") == tags


@pytest.mark.parametrize("source", SOURCES)
def test_the_module_is_known_by_every_source(tmp_path: Path, source: str) -> None:
    assert tags_of(read(tmp_path, label('name = "app"', source=source) + topic()), "aws_sns_topic.t") == {"Name": "app"}


@pytest.mark.parametrize("source", ["acme/label/null", "cloudposse/label/aws", "./cloudposse/label/null", "cloudposse/label/null/extra"])  # fmt: skip
def test_other_modules_are_not_taken_for_it(tmp_path: Path, source: str) -> None:
    assert tags_of(read(tmp_path, label('name = "app"', source=source) + topic()), "aws_sns_topic.t") == {OPEN: UNKNOWN}


def test_the_module_itself_counts_where_it_was_fetched(tmp_path: Path) -> None:
    manifest = '{"Modules": [{"Key": "l", "Source": "registry.terraform.io/cloudposse/label/null", "Dir": "fetched"}]}'
    files = {
        "main.tf": label('name = "app"') + topic(),
        ".terraform/modules/modules.json": manifest,
        "fetched/main.tf": 'output "tags" {\n  value = { Own = "1" }\n}\noutput "id" {\n  value = "i"\n}\n',
    }

    assert tags_of(read(tmp_path, files), "aws_sns_topic.t") == {"Own": "1"}
