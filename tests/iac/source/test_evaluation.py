# ruff: noqa: E501 - a row of a table stands on one line
"""What one module's text says of tags: names and their values, instances of blocks, what is left open, what is hostile.

The expectations are what Terraform does, reasoned by hand.
"""

import time
from pathlib import Path

import pytest

from tests.iac.source.reading import MAYBE, OPEN, UNKNOWN, Shown, every, read, tags_of

NOTHING: Shown = {}


def topic(tags: str, more: str = "", name: str = "t") -> str:
    return f'resource "aws_sns_topic" "{name}" {{\n  tags = {tags}\n{more}}}\n'


def variable(name: str, **arguments: str) -> str:
    return f'variable "{name}" {{\n' + "".join(f"  {key} = {text}\n" for key, text in arguments.items()) + "}\n"


Row = tuple[str, str, Shown]
"""What it is about, the text, the tags of ``aws_sns_topic.t``."""

NAMES: list[Row] = [
    ("a literal", topic('{ Owner = "a" }'), {"Owner": "a"}),
    ("a number and a bool are texts", topic("{ Size = 10, On = true, Half = 0.5 }"), {"Size": "10", "On": "true", "Half": "0.5"}),
    ("a null value is no tag", topic('{ Owner = null, Env = "x" }'), {"Env": "x"}),
    ("null is no tags", topic("null"), NOTHING),
    ("no tags at all", 'resource "aws_sns_topic" "t" {}\n', NOTHING),
    ("a default", variable("e", default='"dev"') + topic("{ Env = var.e }"), {"Env": "dev"}),
    ("no value", variable("e", type="string") + topic("{ Env = var.e }"), {"Env": UNKNOWN}),
    ("a default of null", variable("e", default="null") + topic("{ Env = var.e }"), NOTHING),
    (
        "a variable that isn't declared",
        topic("{ Env = var.e }"),
        {"Env": UNKNOWN},
    ),
    (
        "a default is converted to the type",
        variable("e", type="map(string)", default="{ Size = 1, On = true }") + topic("var.e"),
        {"Size": "1", "On": "true"},
    ),
    (
        "a default of the wrong type decides nothing",
        variable("e", type="map(string)", default='"x"') + topic("var.e"),
        {OPEN: UNKNOWN},
    ),
    (
        "a default that refers to something decides nothing",
        variable("e", default="local.x") + 'locals {\n  x = "y"\n}\n' + topic("{ Env = var.e }"),
        {"Env": UNKNOWN},
    ),
    (
        "optional attributes have their defaults",
        variable("e", type='object({ env = optional(string, "dev"), owner = optional(string), on = optional(bool, true) })', default="{}")
        + topic("{ Env = var.e.env, Owner = var.e.owner, On = var.e.on }"),
        {"Env": "dev", "On": "true"},
    ),
    (
        "attributes that the type doesn't have are dropped",
        variable("e", type="object({ Env = string })", default='{ Env = "dev", Owner = "x" }') + topic("var.e"),
        {"Env": "dev"},
    ),
    ("a local through a local", 'locals {\n  a = local.b\n  b = { Owner = "x" }\n}\n' + topic("local.a"), {"Owner": "x"}),
    ("a local that refers to itself", "locals {\n  a = local.a\n}\n" + topic("{ Owner = local.a }"), {"Owner": UNKNOWN}),
    (
        "locals in a circle",
        "locals {\n  a = merge(local.b, { Env = \"x\" })\n  b = merge(local.a, {})\n}\n" + topic("local.a"),
        {"Env": "x", OPEN: UNKNOWN},
    ),
    ("a local that isn't declared", topic("local.nothing"), {OPEN: UNKNOWN}),
    ("a local that can't be evaluated", 'locals {\n  a = tonumber("x")\n}\n' + topic("{ Owner = local.a }"), {"Owner": UNKNOWN}),
    ("the workspace", topic("{ Env = terraform.workspace }"), {"Env": UNKNOWN}),
    ("a data source", topic("{ Account = data.aws_caller_identity.me.account_id }"), {"Account": UNKNOWN}),
    ("tags from a data source", topic("data.aws_vpc.main.tags"), {OPEN: UNKNOWN}),
    ("what a resource sets", topic("{ Of = aws_sqs_queue.q.name }") + 'resource "aws_sqs_queue" "q" {\n  name = "jobs"\n}\n', {"Of": "jobs"}),
    ("what the cloud sets", topic("{ Of = aws_sqs_queue.q.arn }") + 'resource "aws_sqs_queue" "q" {}\n', {"Of": UNKNOWN}),
    (
        "what a resource sets, and ignores from then on",
        topic("{ Of = aws_sqs_queue.q.name }")
        + 'resource "aws_sqs_queue" "q" {\n  name = "jobs"\n  lifecycle {\n    ignore_changes = [name]\n  }\n}\n',
        {"Of": UNKNOWN},
    ),
    ("path.module is the folder", topic('{ In = path.module }'), {"In": "."}),
    ("a template of what isn't known", variable("e") + topic('{ Name = "x-${var.e}" }'), {"Name": UNKNOWN}),
    ("a key of which only the beginning is known", variable("e") + topic('{ "k8s/${var.e}" = "owned", Owner = "x" }'), {"Owner": "x", "k8s/*": MAYBE}),
    ("a key that isn't known", variable("e") + topic('{ (var.e) = "owned", Owner = "x" }'), {"Owner": "x", OPEN: UNKNOWN}),
    ("a key that isn't known may be one before it", variable("e") + topic('{ Owner = "x", (var.e) = "owned" }'), {"Owner": UNKNOWN, OPEN: UNKNOWN}),
    ("each without for_each", topic("{ Env = each.key }"), {"Env": UNKNOWN}),
]  # fmt: skip

MAPS: list[Row] = [
    ("the later map wins", topic('merge({ A = "1", B = "1" }, { B = "2" })'), {"A": "1", "B": "2"}),
    ("a null map is nothing", topic('merge({ A = "1" }, null)'), {"A": "1"}),
    (
        "a map that isn't known may override what is before it and nothing after it",
        variable("m", type="map(string)") + topic('merge({ A = "1" }, var.m, { B = "2" })'),
        {"A": UNKNOWN, "B": "2", OPEN: UNKNOWN},
    ),
    (
        "lists of maps that aren't known",
        variable("m", type="list(map(string))") + topic('merge({ A = "1" }, var.m...)'),
        {"A": UNKNOWN, OPEN: UNKNOWN},
    ),
    ("a list of maps", topic('merge([{ A = "1" }, { B = "2" }]...)'), {"A": "1", "B": "2"}),
    (
        "a branch that isn't decided",
        variable("c", type="bool") + topic('var.c ? { A = "1", B = "1" } : { A = "1", C = "1" }'),
        {"A": "1", "B": MAYBE, "C": MAYBE},
    ),
    (
        "the value in a branch that isn't decided",
        variable("c", type="bool") + topic('{ A = var.c ? "1" : "2", B = var.c ? "1" : null, C = var.c ? "1" : "1" }'),
        {"A": UNKNOWN, "B": MAYBE, "C": "1"},
    ),
    ("tags or none", variable("c", type="bool") + topic('var.c ? { A = "1" } : null'), {OPEN: UNKNOWN}),
    ("tags or an empty map", variable("c", type="bool") + topic('var.c ? { A = "1" } : {}'), {"A": MAYBE}),
    (
        "a decided branch",
        variable("c", type="bool", default="false") + topic('var.c ? { A = "1" } : { B = "1" }'),
        {"B": "1"},
    ),
    (
        "one side that decides a condition",
        variable("c", type="bool") + topic('{ A = false && var.c ? "1" : "2", B = var.c || true ? "1" : "2" }'),
        {"A": "2", "B": "1"},
    ),
    ("for over a map", topic('{ for k, v in { a = "x", b = "y" } : upper(k) => v if k != "b" }'), {"A": "x"}),
    ("for over a list of objects", topic('{ for o in [{ k = "A", v = "1" }] : o.k => o.v }'), {"A": "1"}),
    ("for, grouped", topic('{ for k, v in { for s in ["ab", "ac"] : substr(s, 0, 1) => s... } : k => join("", v) }'), {"a": "abac"}),
    (
        "for with a condition that isn't known",
        variable("c") + topic('{ for k in ["a", "b"] : k => "1" if k == var.c }'),
        {"a": MAYBE, "b": MAYBE},
    ),
    (
        "for over what is partly known keeps what is there",
        variable("m", type="map(string)") + topic('{ for k, v in merge(var.m, { A = "x" }) : k => upper(v) }'),
        {"A": "X", OPEN: UNKNOWN},
    ),
    ("for with the same key twice fails", topic('{ for k in ["a", "a"] : k => "1" }'), {OPEN: UNKNOWN}),
    ("for over a set", topic('{ for k in toset(["b", "a"]) : k => k }'), {"a": "a", "b": "b"}),
    ("a splat and an index", topic('{ A = join("", [{ l = ["1"] }, { l = ["2"] }][*].l[0]) }'), {"A": "12"}),
    ("a splat in a splat", topic('{ A = join("", flatten([{ l = [{ x = "1" }, { x = "2" }] }][*].l[*].x)) }'), {"A": "12"}),
    ("a splat over one thing", topic('{ A = join("", { x = "1" }[*].x), B = length(null[*]) }'), {"A": "1", "B": "0"}),
    ("zipmap, lookup and coalesce", topic('merge(zipmap(["A"], ["1"]), { B = lookup({ y = "0" }, "x", "2"), C = coalesce("", "3") })'), {"A": "1", "B": "2", "C": "3"}),
    ("not a map", topic('["a"]'), {OPEN: UNKNOWN}),
    (
        "a list is never equal to a tuple, nor is that decided here",
        variable("l", type="list(string)", default="[]") + topic('{ A = var.l == [] ? "1" : "2", B = [1] == [2] ? "1" : "2" }'),
        {"A": UNKNOWN, "B": "2"},
    ),
]  # fmt: skip

TRIED: list[Row] = [
    ("the first that can be evaluated", topic('try({ A = local.x.y }, { B = "1" })', "") + "locals {\n  x = {}\n}\n", {"B": "1"}),
    (
        "what a data source may not have",
        topic('try({ A = jsondecode(data.http.x.body).owner, B = "1" }, {})'),
        {"A": MAYBE, "B": MAYBE},
    ),
    (
        "an instance that may not be there",
        variable("c", type="bool")
        + topic('{ A = "1" }', "  count = var.c ? 1 : 0\n", "x")
        + topic("try(aws_sns_topic.x[0].tags, {})"),
        {"A": MAYBE},
    ),
    (
        "an instance that may not be there, without try",
        variable("c", type="bool")
        + topic('{ A = "1" }', "  count = var.c ? 1 : 0\n", "x")
        + topic("aws_sns_topic.x[0].tags"),
        {"A": "1"},
    ),
    (
        "an instance that isn't there",
        topic('{ A = "1" }', "  count = 0\n", "x") + topic('try(aws_sns_topic.x[0].tags, { B = "1" })'),
        {"B": "1"},
    ),
    (
        "a branch that isn't decided and fails",
        variable("c", type="bool")
        + "locals {\n  x = {}\n}\n"
        + topic('{ A = try(var.c ? local.x.y : "1", "2"), B = var.c ? local.x.y : "1" }'),
        {"A": UNKNOWN, "B": "1"},
    ),
    ("a value that isn't known, or null", variable("e") + topic("{ A = try(var.e, null) }"), {"A": MAYBE}),
    ("parts that aren't known in a map that is there", variable("e") + topic("try({ A = var.e }, {})"), {"A": MAYBE}),
    (
        "what is there in a local",
        variable("e") + 'locals {\n  x = { tags = { A = var.e, B = "1" } }\n}\n' + topic("try(local.x.tags, {})"),
        {"A": UNKNOWN, "B": "1"},
    ),
    ("can", variable("e") + topic('{ A = can(local.x.y) ? "1" : "2", B = can(var.e.y) ? "1" : "2" }') + "locals {\n  x = {}\n}\n", {"A": "2", "B": UNKNOWN}),
    (
        "default tags of a data source with a count",
        'provider "aws" {\n  default_tags {\n    tags = { A = "1" }\n  }\n}\ndata "aws_default_tags" "d" {\n  count = 1\n}\n'
        + topic('{ B = try(data.aws_default_tags.d[0].tags["A"], "none") }'),
        {"A": "1", "B": UNKNOWN},
    ),
]  # fmt: skip

SECRET = variable("s", default='"hunter2"', sensitive="true")
SENSITIVE: list[Row] = [
    ("a value", SECRET + topic("{ A = var.s }"), {"A": "[hunter2]"}),
    ("a template", SECRET + topic('{ A = "x-${var.s}" }'), {"A": "[x-hunter2]"}),
    ("a merge", SECRET + topic('merge({ A = var.s }, { B = "1" })'), {"A": "[hunter2]", "B": "1"}),
    ("a for", SECRET + topic('{ for k, v in { A = var.s } : k => upper(v) }'), {"A": "[HUNTER2]"}),
    ("a local and a function", SECRET + "locals {\n  l = sha1(var.s)\n}\n" + topic("{ A = substr(local.l, 0, 0) }"), {"A": "[]"}),
    ("a condition", SECRET + topic('{ A = var.s == "x" ? "1" : "2" }'), {"A": "[2]"}),
    ("a map", variable("s", default='{ A = "hunter2" }', sensitive="true") + topic("var.s"), {"A": "[hunter2]"}),
    ("no longer", SECRET + topic('{ A = nonsensitive(var.s) }'), {"A": "hunter2"}),
    ("a template directive", SECRET + topic('{ A = "%{ if var.s == "x" }y%{ else }n%{ endif }" }'), {"A": "[n]"}),
    ("another resource's tags", SECRET + topic("{ A = var.s }", name="x") + topic("aws_sns_topic.x.tags"), {"A": "[hunter2]"}),
    ("defaults", SECRET + 'provider "aws" {\n  default_tags {\n    tags = { A = var.s }\n  }\n}\n' + topic("{}"), {"A": "[hunter2]"}),
]  # fmt: skip

RESOURCES: list[Row] = [
    ("tags of another", topic('{ A = "1" }', name="x") + topic("aws_sns_topic.x.tags"), {"A": "1"}),
    ("one tag of another", topic('{ A = "1" }', name="x") + topic('{ B = aws_sns_topic.x.tags["A"] }'), {"B": "1"}),
    ("a tag that another lacks", topic('{ A = "1" }', name="x") + topic('{ B = aws_sns_topic.x.tags["C"] }'), {OPEN: UNKNOWN}),
    ("no tags of another", 'resource "aws_sns_topic" "x" {}\n' + topic("merge(aws_sns_topic.x.tags, {})"), NOTHING),
    (
        "tags_all of another has its defaults",
        'provider "aws" {\n  default_tags {\n    tags = { D = "1" }\n  }\n}\nprovider "aws" {\n  alias = "bare"\n}\n'
        + topic('{ A = "1" }', name="x")
        + topic("aws_sns_topic.x.tags_all", "  provider = aws.bare\n"),
        {"A": "1", "D": "1"},
    ),
    ("an instance by its number", topic('{ A = count.index }', "  count = 2\n", "x") + topic("aws_sns_topic.x[1].tags"), {"A": "1"}),
    ("an instance by its key", topic('{ A = each.value }', '  for_each = { k = "v" }\n', "x") + topic('aws_sns_topic.x["k"].tags'), {"A": "v"}),
    ("instances by a splat", topic('{ A = count.index }', "  count = 2\n", "x") + topic('{ B = join("", aws_sns_topic.x[*].tags.A) }'), {"B": "01"}),
    ("what another ignores", topic('{ A = "1" }', "  lifecycle {\n    ignore_changes = [tags]\n  }\n", "x") + topic("aws_sns_topic.x.tags"), {OPEN: UNKNOWN}),
    ("two that refer to each other", topic("aws_sns_topic.x.tags") + topic("aws_sns_topic.t.tags", name="x"), {OPEN: UNKNOWN}),
    ("itself", topic("aws_sns_topic.t.tags"), {OPEN: UNKNOWN}),
    (
        "the defaults by their data source",
        'provider "aws" {\n  default_tags {\n    tags = { D = "1" }\n  }\n}\ndata "aws_default_tags" "d" {}\n'
        + topic('{ A = data.aws_default_tags.d.tags["D"] }'),
        {"A": "1", "D": "1"},
    ),
    ("one that isn't declared", topic("aws_sns_topic.y.tags"), {OPEN: UNKNOWN}),
    ("no instance, as a map", topic("{}", "  for_each = {}\n", "x") + topic('{ A = length(aws_sns_topic.x), B = join("", keys(aws_sns_topic.x)) }'), {"A": "0", "B": ""}),
]  # fmt: skip

IGNORED: list[Row] = [
    (f"ignore_changes = {text}", topic('{ Owner = "a", Env = "b" }', f"  lifecycle {{\n    ignore_changes = {text}\n  }}\n"), expected)
    for text, expected in [
        ("[]", {"Owner": "a", "Env": "b"}),
        ("[name]", {"Owner": "a", "Env": "b"}),
        ("[tags]", {OPEN: UNKNOWN}),
        ("[tags_all]", {OPEN: UNKNOWN}),
        ('["tags"]', {OPEN: UNKNOWN}),
        ("all", {OPEN: UNKNOWN}),
        ('["*"]', {OPEN: UNKNOWN}),
        ('[tags["Env"]]', {"Owner": "a", "Env": MAYBE}),
        ("[tags.Env]", {"Owner": "a", "Env": MAYBE}),
        ('["tags.Env"]', {"Owner": "a", "Env": MAYBE}),
        ('[tags["Gone"], tags["Env"]]', {"Owner": "a", "Env": MAYBE, "Gone": MAYBE}),
    ]
]  # fmt: skip


def rows(*tables: list[Row]) -> list[object]:
    return [pytest.param(text, expected, id=name) for table in tables for name, text, expected in table]


@pytest.mark.parametrize(("text", "expected"), rows(NAMES, MAPS, TRIED, SENSITIVE, RESOURCES, IGNORED))
def test_the_tags_are_what_terraform_makes_of_the_text(tmp_path: Path, text: str, expected: Shown) -> None:
    configuration = read(tmp_path, text)

    assert configuration.inventory.gaps == ()
    assert tags_of(configuration, "aws_sns_topic.t") == expected


INSTANCES = [
    ("none", "count = 0", []),
    ("some", "count = 2", ["[0]", "[1]"]),
    ("a text that is a number", 'count = "1"', ["[0]"]),
    ("by a condition", "count = true ? 1 : 0", ["[0]"]),
    ("a count that isn't known", "count = var.n", [""]),
    ("a count that is null", "count = null", [""]),
    ("a count below zero", "count = -1", [""]),
    ("a count that is no whole number", "count = 1.5", [""]),
    ("too many to be told apart", "count = 1000000000", [""]),
    ("no keys", "for_each = {}", []),
    ("a map", "for_each = { b = 1, a = 2 }", ['["a"]', '["b"]']),
    ("a set", 'for_each = toset(["y", "x"])', ['["x"]', '["y"]']),
    ("keys that need quotes", 'for_each = toset(["a\\"b", "c.d", "e\\\\f", "$${g}"])', ['["$${g}"]', '["a\\"b"]', '["c.d"]', '["e\\\\f"]']),
    ("a map of which a value isn't known", "for_each = { a = var.n }", ['["a"]']),
    ("what isn't known", "for_each = var.n", [""]),
    ("null", "for_each = null", [""]),
    ("a list, which Terraform refuses", 'for_each = ["a"]', [""]),
    ("a secret, which Terraform refuses", 'for_each = toset([sensitive("hunter2")])', [""]),
    ("keys some of which aren't known", 'for_each = merge({ a = 1 }, var.n)', ["", '["a"]']),
    ("itself", "count = length(aws_sns_topic.t)", [""]),
    ("both", "count = 1\n  for_each = { a = 1 }", ["[0]"]),
]  # fmt: skip


@pytest.mark.parametrize(("stated", "indexes"), [pytest.param(*rest, id=name) for name, *rest in INSTANCES])
def test_instances_have_the_addresses_of_a_plan(tmp_path: Path, stated: str, indexes: list[str]) -> None:
    configuration = read(tmp_path, variable("n") + f'resource "aws_sns_topic" "t" {{\n  {stated}\n}}\n')

    assert sorted(every(configuration)) == sorted(f"aws_sns_topic.t{index}" for index in indexes)
    assert all(bool(one.resource.basis) == (one.evidence.each.index == "") for one in configuration.judged)


def test_each_and_count_are_those_of_the_instance(tmp_path: Path) -> None:
    configuration = read(
        tmp_path,
        topic("{ I = count.index }", "  count = 2\n", "c")
        + topic("{ K = each.key, V = each.value.team }", '  for_each = { a = { team = "x" } }\n', "m")
        + topic("{ K = each.key, V = each.value }", '  for_each = toset(["a"])\n', "s")
        + variable("n")
        + topic('{ K = each.key, Owner = "x" }', "  for_each = var.n\n", "u"),
    )

    assert every(configuration) == {
        "aws_sns_topic.c[0]": {"I": "0"},
        "aws_sns_topic.c[1]": {"I": "1"},
        'aws_sns_topic.m["a"]': {"K": "a", "V": "x"},
        'aws_sns_topic.s["a"]': {"K": "a", "V": "a"},
        "aws_sns_topic.u": {"K": UNKNOWN, "Owner": "x"},
    }


# --- blocks


def group(body: str, before: str = "") -> str:
    return f'{before}resource "aws_autoscaling_group" "g" {{\n{body}}}\n'


def tag(key: str, value: str, propagate: str = "true") -> str:
    return f"tag {{\n  key = {key}\n  value = {value}\n  propagate_at_launch = {propagate}\n}}\n"


def dynamic(name: str, for_each: str, content: str, more: str = "") -> str:
    return f'dynamic "{name}" {{\n  for_each = {for_each}\n{more}  content {{\n{content}  }}\n}}\n'


def content(iterator: str) -> str:
    return f"key = {iterator}.key\nvalue = {iterator}.value\npropagate_at_launch = true\n"


BLOCKS = [
    ("blocks", group(tag('"A"', '"1"') + tag('"B"', '"2"', "false")), {"A": "1", "B": "2"}, {"A": "1"}),
    ("a dynamic block", group(dynamic("tag", '{ A = "1" }', content("tag"))), {"A": "1"}, {"A": "1"}),
    ("both", group(tag('"B"', '"2"') + dynamic("tag", '{ A = "1" }', content("tag"))), {"A": "1", "B": "2"}, {"A": "1", "B": "2"}),
    ("an iterator of another name", group(dynamic("tag", '{ A = "1" }', content("it"), "  iterator = it\n")), {"A": "1"}, {"A": "1"}),
    ("over a set", group(dynamic("tag", 'toset(["A"])', content("tag"))), {"A": "A"}, {"A": "A"}),
    ("over a list", group(dynamic("tag", '[{ k = "A" }]', 'key = tag.value.k\nvalue = tag.key\npropagate_at_launch = true\n')), {"A": "0"}, {"A": "0"}),
    ("over null", group(dynamic("tag", "null", content("tag"))), {}, {}),
    ("over nothing", group(dynamic("tag", "{}", content("tag"))), {}, {}),
    ("over what isn't known", group(dynamic("tag", "var.n", content("tag")), variable("n")), {OPEN: UNKNOWN}, {OPEN: UNKNOWN}),
    ("what isn't known beside what is", group(tag('"A"', '"1"') + dynamic("tag", "var.n", content("tag")), variable("n")), {"A": "1", OPEN: UNKNOWN}, {"A": "1", OPEN: UNKNOWN}),
    ("over what is partly known", group(dynamic("tag", 'merge(var.n, { A = "1" })', content("tag")), variable("n")), {"A": "1", OPEN: UNKNOWN}, {"A": "1", OPEN: UNKNOWN}),
    ("a value that isn't known", group(tag('"A"', "var.n"), variable("n")), {"A": UNKNOWN}, {"A": UNKNOWN}),
    ("a key that isn't known", group(tag("var.n", '"1"'), variable("n")), {OPEN: UNKNOWN}, {OPEN: UNKNOWN}),
    ("propagation that isn't known", group(tag('"A"', '"1"', "var.n"), variable("n")), {"A": "1"}, {OPEN: UNKNOWN}),
    ("the old list of maps", group('tag = [{ key = "A", value = "1", propagate_at_launch = true }]\n'), {"A": "1"}, {"A": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "own", "propagated"), [pytest.param(*rest, id=name) for name, *rest in BLOCKS])
def test_blocks_are_expanded(tmp_path: Path, text: str, own: Shown, propagated: Shown) -> None:
    configuration = read(tmp_path, text)

    assert tags_of(configuration, "aws_autoscaling_group.g", "tag") == own
    assert tags_of(configuration, "aws_autoscaling_group.g", "tag.propagate_at_launch") == propagated


def test_dynamic_blocks_in_dynamic_blocks_see_both_iterators(tmp_path: Path) -> None:
    inner = dynamic(
        "tag_specifications",
        'toset(["instance"])',
        "resource_type = tag_specifications.value\ntags = { A = outer.key }\n",
    )
    text = f'resource "aws_launch_template" "t" {{\n{inner.replace("outer.key", "tag_specifications.key")}}}\n'

    assert tags_of(read(tmp_path, text), "aws_launch_template.t", "tag_specifications[instance].tags") == {
        "A": "instance"
    }


TEMPLATE = 'resource "aws_launch_template" "t" {\n  tag_specifications {\n    resource_type = "instance"\n    tags = { Owner = "lt" }\n  }\n}\n'
LAUNCHED = [
    ("by its id", TEMPLATE + group("launch_template {\n  id = aws_launch_template.t.id\n}\n"), {"Owner": "lt"}),
    ("by its name", TEMPLATE + group("launch_template {\n  name = aws_launch_template.t.name\n}\n"), {"Owner": "lt"}),
    ("through a local", TEMPLATE + "locals {\n  id = aws_launch_template.t.id\n}\n" + group("launch_template {\n  id = local.id\n}\n"), {"Owner": "lt"}),
    ("the group's own go before it", TEMPLATE + group("launch_template {\n  id = aws_launch_template.t.id\n}\n" + tag('"Owner"', '"asg"')), {"Owner": "asg"}),
    ("a tag that isn't propagated doesn't", TEMPLATE + group("launch_template {\n  id = aws_launch_template.t.id\n}\n" + tag('"Owner"', '"asg"', "false")), {"Owner": "lt"}),
    ("what may go before it", TEMPLATE + group("launch_template {\n  id = aws_launch_template.t.id\n}\n" + dynamic("tag", "var.n", content("tag")), variable("n")), {"Owner": UNKNOWN, OPEN: UNKNOWN}),
    ("one that isn't here", group('launch_template {\n  id = "lt-1"\n}\n'), {OPEN: UNKNOWN}),
    ("one that isn't known", group("launch_template {\n  id = var.n\n}\n", variable("n")), {OPEN: UNKNOWN}),
    (
        "in a policy of mixed instances",
        TEMPLATE
        + group(
            "mixed_instances_policy {\n  launch_template {\n    launch_template_specification {\n"
            "      launch_template_id = aws_launch_template.t.id\n    }\n  }\n}\n"
        ),
        {"Owner": "lt"},
    ),
    (
        "one of two",
        TEMPLATE
        + 'resource "aws_launch_template" "u" {}\n'
        + group("launch_template {\n  id = var.n ? aws_launch_template.t.id : aws_launch_template.u.id\n}\n", variable("n")),
        {OPEN: UNKNOWN},
    ),
    ("none", group(""), {}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "propagated"), [pytest.param(*rest, id=name) for name, *rest in LAUNCHED])
def test_instances_get_the_tags_of_the_launch_template(tmp_path: Path, text: str, propagated: Shown) -> None:
    assert tags_of(read(tmp_path, text), "aws_autoscaling_group.g", "tag.propagate_at_launch") == propagated


def test_a_deep_path_that_is_ignored_leaves_that_block_open(tmp_path: Path) -> None:
    text = (
        'resource "aws_instance" "i" {\n  tags = { Owner = "a" }\n  root_block_device {\n    tags = { Owner = "b" }\n  }\n'
        "  lifecycle {\n    ignore_changes = [root_block_device[0].tags]\n  }\n}\n"
    )
    configuration = read(tmp_path, text)

    assert tags_of(configuration, "aws_instance.i") == {"Owner": "a"}
    assert tags_of(configuration, "aws_instance.i", "root_block_device[0].tags") == {OPEN: UNKNOWN}


def test_a_null_value_is_an_empty_one_where_the_provider_sends_it(tmp_path: Path) -> None:
    """Resources on the plugin framework send null as an empty text, those on SDKv2 drop the key."""
    text = (
        'provider "aws" {\n  default_tags {\n    tags = { Owner = "d" }\n  }\n}\n'
        + topic("{ Owner = null }")
        + 'resource "aws_resourceexplorer2_index" "f" {\n  type = "LOCAL"\n  tags = { Owner = null }\n}\n'
    )
    configuration = read(tmp_path, text)

    assert tags_of(configuration, "aws_sns_topic.t") == {"Owner": "d"}
    assert tags_of(configuration, "aws_resourceexplorer2_index.f") == {"Owner": ""}


# --- secrets


PRINTED = [
    "local.m[var.s]",
    "[1][var.s]",
    "tonumber(var.s)",
    "parseint(var.s, 10)",
    "cidrhost(var.s, 1)",
    "jsondecode(var.s)",
    "yamldecode(\"{ ${var.s}\")",
    "formatdate(var.s, \"2020-01-01T00:00:00Z\")",
    "timeadd(var.s, \"1h\")",
    "index([\"a\"], var.s)",
    "lookup(local.m, var.s)",
    "{ for k in [var.s, var.s] : k => 1 }[\"x\"]",
    "{ for k in sensitive([\"hunter2\", \"hunter2\"]) : k => 1 }[\"x\"]",
    "aws_sns_topic.x[var.s].id",
    "regex(var.s, \"x\")",
    "file(var.s)",
    "format(\"%d\", var.s)",
    "var.n",
]  # fmt: skip


@pytest.mark.parametrize("expression", PRINTED)
def test_no_reason_tells_a_secret(tmp_path: Path, expression: str) -> None:
    configuration = read(
        tmp_path,
        SECRET
        + variable("n", type="number", sensitive="true", default='"hunter2"')
        + "locals {\n  m = { a = 1 }\n}\n"
        + topic("{}", "  for_each = { a = 1 }\n", "x")
        + topic(f"{{ A = {expression} }}")
        + topic(f"merge({{}}, [{expression}]...)", name="m")
        + topic("{}", f"  count = {expression}\n", "c"),
    )

    assert "hunter2" not in repr(configuration.inventory)


# --- hostile text


def chain(expression: str, first: str, length: int = 3_000) -> str:
    """Locals each of which is made of the next."""
    links = "".join(f"  a{i} = {expression.replace('_', f'local.a{i + 1}')}\n" for i in range(length))
    return f"locals {{\n{links}  a{length} = {first}\n}}\n"


HOSTILE = [
    ("a long chain", chain("_", '"x"') + topic("{ A = local.a0 }")),
    ("a long chain of deep expressions", chain("(" * 90 + "_" + ")" * 90, '"x"') + topic("{ A = local.a0 }")),
    ("a long chain that counts", chain("upper(" * 60 + "_" + ")" * 60, '"x"') + topic("{}", "  count = local.a0\n")),
    ("a long chain of instances", "".join(topic("{}", f"  count = length(aws_sns_topic.t{i + 1})\n", f"t{i}") for i in range(800)) + topic("{}", name="t800")),
    ("a long chain of tags", "".join(topic(f"aws_sns_topic.t{i + 1}.tags_all", name=f"t{i}") for i in range(800)) + topic("{}", name="t800")),
    ("texts that double", chain('"${_}${_}"', '"xxxxxxxxxx"', 60) + topic("{ A = local.a0 }")),
    ("texts that double in JSON", chain("jsonencode([_, _])", '"x"', 60) + topic("{ A = local.a0 }")),
    ("lists that double", chain("concat(_, _)", '["x"]', 60) + topic("{ A = length(local.a0) }")),
    ("lists in lists", chain("[_, _, _, _]", '["x"]', 60) + topic("{ A = jsonencode(local.a0) }")),
    ("maps in maps", chain("{ a = _, b = _, c = _ }", '{ a = "x" }', 60) + topic("local.a0")),
    ("branches in branches", variable("u") + chain("var.u ? _ : { a = _, b = _ }", '{ a = "x" }', 60) + topic("local.a0")),
    ("loops in loops", "locals {\n  r = range(1000)\n}\n" + topic("{ A = length([for a in local.r : [for b in local.r : [for c in local.r : a]]]) }")),
    ("directives in directives", "locals {\n  r = range(1000)\n}\n" + topic('{ A = "' + "%{ for a in local.r }" * 3 + "x" + "%{ endfor }" * 3 + '" }')),
    ("merges of what is large", "locals {\n  r = { for i in range(1000) : i => i }\n}\n" + topic("merge([for i in range(1000000) : merge(local.r, {})]...)")),
    ("deep parentheses", topic("{ A = " + "(" * 10_000 + '"x"' + ")" * 10_000 + " }")),
    ("deep lists", topic("{ A = jsonencode(" + "[" * 10_000 + "]" * 10_000 + ") }")),
    ("conditions in a row", topic("{ A = " + 'true ? "x" : ' * 5_000 + '"y" }')),
    ("operators in a row", topic("{ A = " + " + ".join(["1"] * 5_000) + " }")),
    ("steps in a row", topic("{ A = local.x" + ".a" * 5_000 + " }")),
    ("a width of a billion", topic('{ A = format("%1000000000d", 1), B = pow(10, 1000000000), C = length(range(1000000000)) }')),
    ("a type that is deep", variable("x", type="list(" * 3_000 + "string" + ")" * 3_000, default="[]") + topic("{ A = length(var.x) }")),
    ("a thousand dynamic blocks", group(dynamic("tag", "range(1000)", content("tag")) * 100)),
]  # fmt: skip


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE])
def test_hostile_text_neither_crashes_nor_hangs(tmp_path: Path, text: str) -> None:
    started = time.process_time()
    configuration = read(tmp_path, text)

    assert configuration.judged or configuration.inventory.gaps
    assert time.process_time() - started < 10
