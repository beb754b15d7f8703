# ruff: noqa: E501 - a row of a table stands on one line
"""Modules and the files that they are made of: what goes before what, which files count, and what calls lead to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from costguard.iac.hcl.values import Value
from costguard.iac.source import Settings, read_configuration
from costguard.model.resource import Gap
from tests.iac.source.reading import MAYBE, OPEN, UNKNOWN, Files, Shown, every, read, tags_of, write

TOPIC = 'resource "aws_sns_topic" "t" {\n  tags = { Env = var.e }\n}\n'
STRING = 'variable "e" {\n  type = string\n}\n'
DEFAULT = 'variable "e" {\n  type = string\n  default = "default"\n}\n'
A_FILE = {"given.tfvars": 'e = "file"\n'}
GIVEN = Settings(var_files=(Path("given.tfvars"),))


def var(text: str, name: str = "e", **more: object) -> Settings:
    return Settings(variables={name: text}, **more)  # type: ignore[arg-type]


def planned(value: Value) -> Settings:
    return Settings(planned={"e": value})


# --- variables

ORDER: list[tuple[str, Files, Settings, str]] = [
    ("the default", {}, Settings(), "default"),
    ("the environment", {}, Settings(environment={"TF_VAR_e": "env"}), "env"),
    ("terraform.tfvars", {"terraform.tfvars": 'e = "tfvars"\n'}, Settings(environment={"TF_VAR_e": "env"}), "tfvars"),
    (
        "terraform.tfvars.json",
        {"terraform.tfvars.json": '{"e": "json"}', "terraform.tfvars": 'e = "tfvars"\n'},
        Settings(),
        "json",
    ),
    (
        "*.auto.tfvars",
        {"a.auto.tfvars": 'e = "auto"\n', "terraform.tfvars": 'e = "tfvars"\n', "terraform.tfvars.json": '{"e": "json"}'},
        Settings(),
        "auto",
    ),
    ("the last *.auto.tfvars", {"a.auto.tfvars": 'e = "a"\n', "b.auto.tfvars": 'e = "b"\n'}, Settings(), "b"),
    (
        "*.auto.tfvars and .json in one order",
        {"b.auto.tfvars": 'e = "b"\n', "a.auto.tfvars.json": '{"e": "a"}'},
        Settings(),
        "b",
    ),
    ("--var-file", {"a.auto.tfvars": 'e = "auto"\n', **A_FILE}, GIVEN, "file"),
    ("--var", A_FILE, var("var", var_files=(Path("given.tfvars"),)), "var"),
    ("a plan's own", {"terraform.tfvars": 'e = "tfvars"\n'}, planned("planned"), "planned"),
    ("a wrapper's, before the environment", {}, Settings(inputs={"e": "inputs"}, environment={"TF_VAR_e": "env"}), "inputs"),
    ("a wrapper's, after files", {"terraform.tfvars": 'e = "tfvars"\n'}, Settings(inputs={"e": "inputs"}), "tfvars"),
    ("other files of values don't count", {"prod.tfvars": 'e = "prod"\n'}, Settings(), "default"),
    ("hidden files don't count", {".auto.tfvars": 'e = "hidden"\n'}, Settings(), "default"),
    ("values of variables that nobody declares", {"terraform.tfvars": 'other = "x"\n'}, Settings(), "default"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "given", "expected"), [pytest.param(*rest, id=name) for name, *rest in ORDER])
def test_the_value_that_goes_before_the_others_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Files, given: Settings, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = read(tmp_path, {"main.tf": DEFAULT + TOPIC, **files}, given)

    assert tags_of(configuration, "aws_sns_topic.t") == {"Env": expected}


TEXTS: list[tuple[str, str, Shown]] = [
    ("string", "[1]", {"Env": "[1]"}),
    ("number", "7", {"Env": "7"}),
    ("bool", "true", {"Env": "true"}),
    ("", '{"a": 1}', {"Env": '{"a": 1}'}),
    ('"string"', "x", {"Env": "x"}),
    ("any", '"x"', {"Env": "x"}),
    ("any", "x", {"Env": UNKNOWN}),
    ("number", "x", {"Env": UNKNOWN}),
]


@pytest.mark.parametrize(("stated", "text", "expected"), TEXTS)
def test_a_text_on_the_command_line_is_read_as_the_type_asks(
    tmp_path: Path, stated: str, text: str, expected: Shown
) -> None:
    declared = f'variable "e" {{\n{f"  type = {stated}" if stated else ""}\n}}\n'

    for given in (var(text), Settings(environment={"TF_VAR_e": text})):
        assert tags_of(read(tmp_path, declared + TOPIC, given), "aws_sns_topic.t") == expected


@pytest.mark.parametrize("stated", ["any", "map(string)", "map", '"map"', "object({ Owner = string })"])
def test_a_map_on_the_command_line_is_an_expression(tmp_path: Path, stated: str) -> None:
    text = f'variable "m" {{\n  type = {stated}\n}}\nresource "aws_sns_topic" "t" {{\n  tags = var.m\n}}\n'

    assert tags_of(read(tmp_path, text, var('{ Owner = "x" }', "m")), "aws_sns_topic.t") == {"Owner": "x"}
    assert tags_of(read(tmp_path, text, var("{ Owner = ", "m")), "aws_sns_topic.t") == {OPEN: UNKNOWN}


NULL: list[tuple[str, str, Shown]] = [
    ("nullable by default", 'default = "d"', {}),
    ("not nullable", 'default = "d"\n  nullable = false', {"Env": "d"}),
    ("null as the default", "default = null", {}),
]


@pytest.mark.parametrize(("more", "expected"), [pytest.param(*rest, id=name) for name, *rest in NULL])
def test_null_is_a_value_except_where_the_variable_refuses_it(tmp_path: Path, more: str, expected: Shown) -> None:
    declared = f'variable "e" {{\n  type = string\n  {more}\n}}\n'
    files = {
        "main.tf": declared + TOPIC + 'module "m" {\n  source = "./m"\n  e = null\n}\n',
        "m/main.tf": declared + TOPIC,
        "terraform.tfvars": "e = null\n",
    }

    assert every(read(tmp_path, files)) == {"aws_sns_topic.t": expected, "module.m.aws_sns_topic.t": expected}


@pytest.mark.parametrize("text", ["e = = 1\n", "e = {\n", b"\xff\xfe"])
def test_a_file_of_values_that_cannot_be_read_leaves_the_variables_open(tmp_path: Path, text: str | bytes) -> None:
    files = {
        "main.tf": DEFAULT + TOPIC + 'variable "late" {}\noutput "x" {}\n',
        "terraform.tfvars": 'e = "tfvars"\n',
        "a.auto.tfvars": text,
        "b.auto.tfvars": 'late = "x"\n',
    }
    configuration = read(tmp_path, files)

    assert tags_of(configuration, "aws_sns_topic.t") == {"Env": UNKNOWN}
    assert [gap.where.rpartition("/")[2].partition(":")[0] for gap in configuration.inventory.gaps] == ["a.auto.tfvars"]


def test_what_is_given_after_a_broken_file_of_values_counts(tmp_path: Path) -> None:
    files = {"main.tf": DEFAULT + TOPIC, "a.auto.tfvars": "e = = 1\n", "b.auto.tfvars": 'e = "b"\n'}

    assert tags_of(read(tmp_path, files), "aws_sns_topic.t") == {"Env": "b"}
    assert tags_of(read(tmp_path, {"b.auto.tfvars": ""}, var("var")), "aws_sns_topic.t") == {"Env": "var"}


def test_a_var_file_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    configuration = read(tmp_path, DEFAULT + TOPIC, Settings(var_files=(tmp_path / "gone.tfvars",)))

    assert tags_of(configuration, "aws_sns_topic.t") == {"Env": UNKNOWN}
    assert configuration.inventory.gaps == (
        Gap(f"{tmp_path}/gone.tfvars", "it can't be read: No such file or directory"),
    )


def test_defaults_are_in_doubt_where_a_required_variable_has_its_value_from_elsewhere(tmp_path: Path) -> None:
    text = 'variable "team" {}\n' + DEFAULT + TOPIC

    assert tags_of(read(tmp_path, text), "aws_sns_topic.t") == {"Env": UNKNOWN}
    assert tags_of(read(tmp_path, text, var("a", "team")), "aws_sns_topic.t") == {"Env": "default"}
    assert tags_of(read(tmp_path, text, var("own")), "aws_sns_topic.t") == {"Env": "own"}


def test_the_variables_of_a_module_that_others_call_are_theirs_to_give(tmp_path: Path) -> None:
    text = DEFAULT + TOPIC + 'resource "aws_sns_topic" "own" {\n  tags = { Env = "x" }\n}\n'
    configuration = read(tmp_path, text, Settings(reusable="given by whoever calls this module"))

    assert every(configuration) == {
        "aws_sns_topic.t": {"Env": UNKNOWN, OPEN: UNKNOWN},
        "aws_sns_topic.own": {"Env": "x", OPEN: UNKNOWN},
    }


# --- files

BASE = 'resource "aws_sns_topic" "t" {\n  tags = { Owner = "base", Env = local.e }\n}\nlocals {\n  e = "base"\n}\n'
FILES: list[tuple[str, Files, dict[str, Shown]]] = [
    ("an override of an attribute", {"override.tf": 'resource "aws_sns_topic" "t" {\n  tags = { Owner = "over" }\n}\n'}, {"aws_sns_topic.t": {"Owner": "over"}}),
    ("an override by suffix", {"x_override.tf": 'locals {\n  e = "over"\n}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "over"}}),
    ("an override in JSON", {"override.tf.json": '{"resource": {"aws_sns_topic": {"t": {"tags": {"Owner": "json"}}}}}'}, {"aws_sns_topic.t": {"Owner": "json"}}),
    ("overrides in the order of names", {"b_override.tf": 'locals {\n  e = "b"\n}\n', "a_override.tf": 'locals {\n  e = "a"\n}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "b"}}),
    ("an override of something else in it", {"override.tf": 'resource "aws_sns_topic" "t" {\n  name = "x"\n}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("a name that only looks like one", {"overrides.tf": 'resource "aws_sns_topic" "u" {}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}, "aws_sns_topic.u": {}}),
    ("hidden files and what editors leave", {".x.tf": "x", "#x.tf#": "x", "x.tf~": "x", ".#x.tf": "x"}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("files in folders below", {"deeper/x.tf": 'resource "aws_sns_topic" "u" {}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("a folder that is called like a file", {"x.tf/y.txt": ""}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("OpenTofu's file in place of Terraform's", {"main.tofu": 'resource "aws_sns_topic" "tofu" {}\n'}, {"aws_sns_topic.tofu": {}}),
    ("OpenTofu's file beside Terraform's", {"more.tofu": 'resource "aws_sns_topic" "tofu" {}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}, "aws_sns_topic.tofu": {}}),
    ("the first of two of one name", {"z.tf": 'resource "aws_sns_topic" "t" {}\nlocals {\n  e = "z"\n}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("an empty file", {"z.tf": "", "y.tf": "# nothing\n"}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("blocks that nobody knows", {"z.tf": 'planet "earth" {\n  tags = {}\n}\nresource "one_label" {}\nresource {}\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}}),
    ("a byte order mark and Windows lines", {"z.tf": b'\xef\xbb\xbfresource "aws_sns_topic" "w" {\r\n  tags = { A = "1" }\r\n}\r\n'}, {"aws_sns_topic.t": {"Owner": "base", "Env": "base"}, "aws_sns_topic.w": {"A": "1"}}),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), [pytest.param(*rest, id=name) for name, *rest in FILES])
def test_the_files_that_terraform_reads_are_the_module(
    tmp_path: Path, files: Files, expected: dict[str, Shown]
) -> None:
    configuration = read(tmp_path, {"main.tf": BASE, **files})

    assert configuration.inventory.gaps == ()
    assert every(configuration) == expected


BLOCK = '  tag {\n    key = "{}"\n    value = "x"\n    propagate_at_launch = true\n  }\n'
STATIC, OTHER = (BLOCK.replace("{}", key, 1).replace('"Owner"', '"Owner"') for key in ("Owner", "Env"))
DYNAMIC = '  dynamic "tag" {\n    for_each = ["Dyn"]\n    content {\n      key = tag.value\n      value = "x"\n      propagate_at_launch = true\n    }\n  }\n'
ELSE = '  dynamic "timeouts" {\n    for_each = []\n    content {}\n  }\n'


@pytest.mark.parametrize(
    ("base", "over", "keys"),
    [
        (STATIC, OTHER, {"Env"}),
        (STATIC, DYNAMIC, {"Dyn"}),
        (DYNAMIC, STATIC, {"Owner"}),
        (STATIC + DYNAMIC, OTHER, {"Env"}),
        (DYNAMIC, ELSE, {"Dyn"}),
        (STATIC, ELSE, {"Owner"}),
        (STATIC + DYNAMIC, "", {"Owner", "Dyn"}),
    ],
)
def test_blocks_of_an_override_replace_all_of_their_type(tmp_path: Path, base: str, over: str, keys: set[str]) -> None:
    head = 'resource "aws_autoscaling_group" "g" {\n'
    configuration = read(tmp_path, {"main.tf": head + base + "}\n", "override.tf": head + over + "}\n"})

    assert set(tags_of(configuration, "aws_autoscaling_group.g", "tag")) == keys


def test_json_has_every_construct(tmp_path: Path) -> None:
    text = """{
      "//": "a comment",
      "variable": {"e": {"type": "string", "default": "dev"}, "m": {"default": {"Owner": "x"}}},
      "locals": [{"a": "${var.e}-a"}, {"b": "${upper(local.a)}"}],
      "provider": {"aws": [{"default_tags": {"tags": {"D": "1"}}}, {"alias": "west", "default_tags": [{"tags": "${var.m}"}]}]},
      "resource": {
        "aws_sns_topic": {
          "plain": {"tags": {"Env": "${var.e}", "B": "${local.b}", "N": 1, "Y": true, "Z": null}},
          "west": {"provider": "aws.west", "tags": "${merge(var.m, {\\"A\\" = \\"1\\"})}"},
          "counted": {"count": 2, "tags": {"I": "${count.index}"}},
          "each": {"for_each": {"k": "v"}, "tags": {"K": "${each.key}=${each.value}"}},
          "ignored": {"tags": {"A": "1"}, "lifecycle": {"ignore_changes": ["tags"]}}
        },
        "aws_autoscaling_group": {"g": {
          "tag": [{"key": "Owner", "value": "x", "propagate_at_launch": true}],
          "dynamic": {"tag": {"for_each": ["Dyn"], "content": {"key": "${tag.value}", "value": "v", "propagate_at_launch": false}}}
        }}
      },
      "module": {"m": {"source": "./m", "providers": {"aws": "aws.west"}, "e": "${local.a}"}}
    }"""
    configuration = read(tmp_path, {"main.tf.json": text, "m/main.tf": STRING + TOPIC})

    assert configuration.inventory.gaps == ()
    assert every(configuration) == {
        "aws_sns_topic.plain": {"D": "1", "Env": "dev", "B": "DEV-A", "N": "1", "Y": "true"},
        "aws_sns_topic.west": {"Owner": "x", "A": "1"},
        "aws_sns_topic.counted[0]": {"D": "1", "I": "0"},
        "aws_sns_topic.counted[1]": {"D": "1", "I": "1"},
        'aws_sns_topic.each["k"]': {"D": "1", "K": "k=v"},
        "aws_sns_topic.ignored": {OPEN: UNKNOWN},
        "aws_autoscaling_group.g": {"Owner": "x", "Dyn": "v"},
        "module.m.aws_sns_topic.t": {"Owner": "x", "Env": "dev-a"},
    }


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "bad.tf")


def a_device(folder: Path) -> None:
    (folder / "bad.tf").symlink_to("/dev/zero")


def a_circle(folder: Path) -> None:
    (folder / "bad.tf").symlink_to("bad.tf")


def a_dangling_link(folder: Path) -> None:
    (folder / "bad.tf").symlink_to("gone.tf")


def broken(folder: Path) -> None:
    (folder / "bad.tf").write_text('provider "aws" {{\n')


@pytest.mark.parametrize("make", [a_pipe, a_device, a_circle, a_dangling_link, broken])
def test_a_file_that_cannot_be_read_is_a_gap_and_may_configure_a_provider(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path)
    configuration = read(tmp_path, 'resource "aws_sns_topic" "t" {\n  tags = { A = "1", B = var.gone }\n}\n')

    assert [gap.where.rpartition("/")[2].partition(":")[0] for gap in configuration.inventory.gaps] == ["bad.tf"]
    assert tags_of(configuration, "aws_sns_topic.t") == {"A": "1", "B": UNKNOWN, OPEN: UNKNOWN}


def test_a_broken_file_that_has_nothing_of_providers_leaves_them_certain(tmp_path: Path) -> None:
    configuration = read(tmp_path, {"main.tf": 'resource "aws_sns_topic" "t" {}\n', "bad.tf": "locals {{\n"})

    assert tags_of(configuration, "aws_sns_topic.t") == {}


def test_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.tf")).write_text('resource "aws_sns_topic" "t" {}\n')

    assert set(every(read_configuration(tmp_path))) == {"aws_sns_topic.t"}


# --- calls

CALLED = {
    "m/main.tf": 'variable "tags" {\n  default = {}\n}\nresource "aws_sns_topic" "t" {\n  tags = var.tags\n}\n'
    'output "tags" {\n  value = aws_sns_topic.t.tags\n}\noutput "name" {\n  value = "n"\n}\n'
    'output "secret" {\n  value = "hunter2"\n  sensitive = true\n}\n'
}


def call(more: str = "", name: str = "m", source: str = "./m") -> str:
    return f'module "{name}" {{\n  source = "{source}"\n{more}}}\n'


def topic(tags: str) -> str:
    return f'resource "aws_sns_topic" "t" {{\n  tags = {tags}\n}}\n'


CALLS: list[tuple[str, str, dict[str, Shown]]] = [
    ("a default", call(), {"module.m.aws_sns_topic.t": {}}),
    ("an argument", call('  tags = { A = "1" }\n'), {"module.m.aws_sns_topic.t": {"A": "1"}}),
    ("an argument that can't be evaluated", call("  tags = { A = local.gone }\n"), {"module.m.aws_sns_topic.t": {"A": UNKNOWN}}),
    ("none", call("  count = 0\n"), {}),
    ("counted", call("  count = 2\n  tags = { I = count.index }\n"), {"module.m[0].aws_sns_topic.t": {"I": "0"}, "module.m[1].aws_sns_topic.t": {"I": "1"}}),
    ("for each", call('  for_each = { a = { team = "x" } }\n  tags = { T = each.value.team, K = each.key }\n'), {'module.m["a"].aws_sns_topic.t': {"T": "x", "K": "a"}}),
    ("as often as isn't known", call('  count = var.n\n  tags = { A = "1" }\n') + 'variable "n" {}\n', {"module.m.aws_sns_topic.t": {"A": "1"}}),
    ("an output", call() + topic("{ N = module.m.name }"), {"module.m.aws_sns_topic.t": {}, "aws_sns_topic.t": {"N": "n"}}),
    ("an output that is secret", call() + topic("{ N = module.m.secret }"), {"module.m.aws_sns_topic.t": {}, "aws_sns_topic.t": {"N": "[hunter2]"}}),
    ("an output that isn't there", call() + topic("{ N = try(module.m.gone, \"x\") }"), {"module.m.aws_sns_topic.t": {}, "aws_sns_topic.t": {"N": UNKNOWN}}),
    ("an output of one of several", call("  count = 2\n  tags = { I = count.index }\n") + topic("module.m[1].tags"), {"module.m[0].aws_sns_topic.t": {"I": "0"}, "module.m[1].aws_sns_topic.t": {"I": "1"}, "aws_sns_topic.t": {"I": "1"}}),
    ("outputs by a splat", call("  count = 2\n") + topic('{ N = join("", module.m[*].name) }'), {"module.m[0].aws_sns_topic.t": {}, "module.m[1].aws_sns_topic.t": {}, "aws_sns_topic.t": {"N": "nn"}}),
    ("outputs by for", call('  for_each = toset(["a"])\n') + topic("{ for k, v in module.m : k => v.name }"), {'module.m["a"].aws_sns_topic.t': {}, "aws_sns_topic.t": {"a": "n"}}),
    ("an output of a module that may not be there", call("  count = var.n\n") + 'variable "n" {}\n' + topic('try({ N = module.m[0].name }, {})'), {"module.m.aws_sns_topic.t": {}, "aws_sns_topic.t": {"N": MAYBE}}),
    ("what a module is given by itself", call('  for_each = module.m["a"].tags\n'), {"module.m.aws_sns_topic.t": {}}),
    ("what a module is given of its own outputs", call("  tags = module.m.tags\n"), {"module.m.aws_sns_topic.t": {OPEN: UNKNOWN}}),
    ("a module in JSON-like braces", 'module "m" {\n  source = "./m/../m/"\n}\n', {"module.m.aws_sns_topic.t": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*rest, id=name) for name, *rest in CALLS])
def test_calls_lead_into_the_module(tmp_path: Path, text: str, expected: dict[str, Shown]) -> None:
    configuration = read(tmp_path, {"main.tf": text, **CALLED})

    assert configuration.inventory.gaps == ()
    assert every(configuration) == expected


def test_each_value_goes_through_three_modules(tmp_path: Path) -> None:
    files = {
        "main.tf": 'module "a" {\n  source = "./a"\n  teams = { x = { tags = { Owner = "x" } }, "y.z" = { tags = {} } }\n}\n',
        "a/main.tf": 'variable "teams" {\n  type = map(object({ tags = optional(map(string)), env = optional(string, "dev") }))\n}\n'
        'module "b" {\n  source = "../b"\n  for_each = var.teams\n  team = each.value\n}\n',
        "b/main.tf": 'variable "team" {}\nmodule "c" {\n  source = "./c"\n  count = 1\n  tags = merge(var.team.tags, { Env = var.team.env })\n}\n',
        "b/c/main.tf": 'variable "tags" {\n  type = map(string)\n}\nresource "aws_sns_topic" "t" {\n  for_each = var.tags\n  tags = { (each.key) = each.value }\n}\n',
    }

    assert every(read(tmp_path, files)) == {
        'module.a.module.b["x"].module.c[0].aws_sns_topic.t["Env"]': {"Env": "dev"},
        'module.a.module.b["x"].module.c[0].aws_sns_topic.t["Owner"]': {"Owner": "x"},
        'module.a.module.b["y.z"].module.c[0].aws_sns_topic.t["Env"]': {"Env": "dev"},
    }


def test_what_stands_for_any_says_so_however_deep(tmp_path: Path) -> None:
    files = {
        "main.tf": 'variable "n" {}\n' + call("  count = var.n\n", "a", "./a"),
        "a/main.tf": call(source="../m"),
        **CALLED,
    }
    configuration = read(tmp_path, files)

    assert [bool(one.resource.basis) for one in configuration.judged] == [True]


LOOPS: list[tuple[str, Files]] = [
    ("itself", {"main.tf": call(source="./")}),
    ("itself twice", {"main.tf": call(source="./") + call(name="n", source="./")}),
    ("each other", {"main.tf": call(source="./a"), "a/main.tf": call(source="../b"), "b/main.tf": call(source="../a")}),
    ("its caller", {"main.tf": call(source="./a"), "a/main.tf": call(source="../")}),
    ("many of many of many", {"main.tf": call("  count = 2000\n", source="./a"), "a/main.tf": call("  count = 2000\n", source="../b"), "b/main.tf": "resource \"aws_sns_topic\" \"t\" {\n  count = 2000\n}\n"}),
]  # fmt: skip


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in LOOPS])
def test_modules_that_never_end_are_left_off(tmp_path: Path, files: Files) -> None:
    configuration = read(tmp_path, files)

    assert len(configuration.judged) < 30_000


def test_a_module_that_is_not_there_is_a_gap(tmp_path: Path) -> None:
    configuration = read(tmp_path, call() + 'resource "aws_sns_topic" "t" {\n  tags = module.m.tags\n}\n')

    assert [gap.why for gap in configuration.inventory.gaps] == [f"module 'm': there is no module in {tmp_path}/m"]
    assert every(configuration)["aws_sns_topic.t"] == {OPEN: UNKNOWN}


@pytest.mark.parametrize(
    "source", ["./a\\u0000b", "", "git::https://example.com/x.git", "x" * 5_000, "./" + "x/" * 3_000]
)
def test_a_source_that_leads_nowhere_leaves_the_module_undecided(tmp_path: Path, source: str) -> None:
    configuration = read(tmp_path, 'resource "aws_sns_topic" "t" {}\n' + call(source=source))

    assert every(configuration)["aws_sns_topic.t"] == {}
    assert every(configuration).get("module.m", {OPEN: UNKNOWN}) == {OPEN: UNKNOWN}


# --- modules that are fetched

VPC = "terraform-aws-modules/vpc/aws"
FETCHED = {
    ".terraform/modules/vpc/main.tf": 'resource "aws_vpc" "this" {}\nmodule "inner" {\n  source = "./modules/inner"\n}\n'
    'module "far" {\n  source = "acme/far/aws"\n}\n',
    ".terraform/modules/vpc/modules/inner/main.tf": 'resource "aws_subnet" "this" {}\n',
    ".terraform/modules/vpc.far/sub/main.tf": 'resource "aws_eip" "this" {}\n',
}
HERE = (
    '{"Key": "", "Source": "", "Dir": "."}',
    '{"Key": "vpc", "Source": "registry.terraform.io/terraform-aws-modules/vpc/aws", "Version": "5.1.0", "Dir": ".terraform/modules/vpc"}',
    '{"Key": "vpc.far", "Source": "registry.terraform.io/acme/far/aws", "Version": "1.0.0", "Dir": ".terraform/modules/vpc.far/sub"}',
)


def manifest(*entries: str) -> Files:
    return {".terraform/modules/modules.json": f'{{"Modules": [{", ".join(entries)}]}}'}


def test_modules_that_were_fetched_are_read_where_they_lie(tmp_path: Path) -> None:
    files = {"live/main.tf": call(name="vpc", source=VPC), **{f"live/{name}": text for name, text in {**FETCHED, **manifest(*HERE)}.items()}}  # fmt: skip

    assert every(read(tmp_path, files, root="live")) == {
        "module.vpc.aws_vpc.this": {},
        "module.vpc.module.inner.aws_subnet.this": {},
        "module.vpc.module.far.aws_eip.this": {},
    }


MANIFESTS: list[tuple[str, Files]] = [
    ("no manifest", {}),
    ("not JSON", {".terraform/modules/modules.json": "{"}),
    ("other JSON", {".terraform/modules/modules.json": '{"Modules": 3}'}),
    ("a folder that isn't there", manifest(HERE[1].replace("modules/vpc", "modules/gone"))),
    ("another module", manifest(HERE[2])),
    ("what another source fetched", manifest(HERE[1].replace("terraform-aws-modules/vpc", "acme/vpc"))),
    ("another version", manifest(HERE[1].replace("5.1.0", "5.2.0"))),
]


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in MANIFESTS])
def test_a_module_that_was_not_fetched_is_undecided(tmp_path: Path, files: Files) -> None:
    provider = 'provider "aws" {\n  default_tags {\n    tags = { D = "1", Blank = "" }\n  }\n}\n'
    text = provider + call('  version = "5.1.0"\n', "vpc", VPC) + topic("{ V = module.vpc.id }")
    configuration = read(tmp_path, {"main.tf": text, **FETCHED, **files})

    assert every(configuration) == {
        "module.vpc": {"D": UNKNOWN, OPEN: UNKNOWN},
        "aws_sns_topic.t": {"D": "1", "Blank": "", "V": UNKNOWN},
    }


# --- files that a configuration reads

READS: list[tuple[str, str, Shown]] = [
    ("a file of the module", '{ Owner = trimspace(file("${path.module}/owner.txt")) }', {"Owner": "x"}),
    ("JSON", 'jsondecode(file("tags.json"))', {"Owner": "json"}),
    ("a template", '{ Owner = templatefile("t.tftpl", { team = "a" }) }', {"Owner": "team a"}),
    ("a template with what isn't known", '{ Owner = templatefile("t.tftpl", { team = var.n }) }', {"Owner": UNKNOWN}),
    ("a template that isn't given a name", '{ Owner = templatefile("t.tftpl", {}) }', {OPEN: UNKNOWN}),
    ("a file elsewhere in the repository", '{ Owner = file("${path.module}/../shared.txt") }', {"Owner": "shared"}),
    ("a file outside of the repository", '{ Owner = file("../../outside.txt") }', {"Owner": UNKNOWN}),
    ("a file by its whole path", '{ Owner = file("/etc/hostname") }', {"Owner": UNKNOWN}),
    ("a link that leads out", '{ Owner = file("link.txt") }', {"Owner": UNKNOWN}),
    ("a file that isn't there", '{ Owner = file("gone.txt") }', {"Owner": UNKNOWN}),
    ("a folder", '{ Owner = file("folder") }', {"Owner": UNKNOWN}),
    ("a pipe", '{ Owner = file("pipe") }', {"Owner": UNKNOWN}),
    ("a name that is no path", '{ Owner = file("a\\u0000b") }', {"Owner": UNKNOWN}),
]


@pytest.mark.parametrize(("tags", "expected"), [pytest.param(*rest, id=name) for name, *rest in READS])
def test_only_files_of_the_repository_are_read(tmp_path: Path, tags: str, expected: Shown) -> None:
    live = tmp_path / "repository" / "live"
    write(tmp_path, {"outside.txt": "outside", "repository/.git/HEAD": "", "repository/shared.txt": "shared"})
    write(live, {"owner.txt": "x\n", "tags.json": '{"Owner": "json"}', "t.tftpl": "team ${team}", "folder/x": ""})
    (live / "link.txt").symlink_to(tmp_path / "outside.txt")
    os.mkfifo(live / "pipe")
    text = f'variable "n" {{}}\nresource "aws_sns_topic" "t" {{\n  tags = {tags}\n}}\n'

    assert tags_of(read(live, text), "aws_sns_topic.t") == expected


def test_paths_are_those_of_the_module_and_the_root(tmp_path: Path) -> None:
    tags = "{ M = path.module, R = path.root, B = basename(abspath(path.module)), C = basename(path.cwd) }"
    files = {"live/main.tf": call(source="../m") + topic(tags), "m/main.tf": topic(tags)}

    assert every(read(tmp_path, files, root="live")) == {
        "aws_sns_topic.t": {"M": ".", "R": ".", "B": "live", "C": "live"},
        "module.m.aws_sns_topic.t": {"M": "../m", "R": ".", "B": "m", "C": "live"},
    }


def test_a_root_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    configuration = read_configuration(tmp_path / "gone")

    assert configuration.judged == []
