"""Where the edits put things, form by form. That the result is what `terraform fmt` wants is in test_terraform_fmt."""

import json
import unicodedata
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.fix.edits import Add, AddBlock, EditError, Operation, Put, Rename, Set, edit
from costguard.iac.hcl import parse
from costguard.iac.hcl.tree import Block, Call, File, Literal, Object, ObjectItem
from tests.fix.build import only_these_change, tags_in
from tests.fix.snippets import snippet

OWNER = (("owner", "team-a"),)
BOTH = (("owner", "team-a"), ("cost-center", "x"))


def opened(text: str, name: str = "main.tf") -> File:
    file = parse(text.encode(), name)
    assert not file.problems
    return file


def resource(file: File) -> Block:
    return file.body.blocks("resource", 2)[0]


def items(file: File) -> tuple[ObjectItem, ...]:
    value = resource(file).body.attributes["tags"].value
    assert isinstance(value, Object)
    return value.items


def tagged(value: str, *, pairs: tuple[tuple[str, str], ...] = OWNER, last: bool = False) -> str:
    """What becomes of ``tags = value``."""
    file = opened(f'resource "a" "b" {{\n  tags = {value}\n}}\n')
    text = edit(file, [Add(resource(file).body, ("tags",), pairs, last)]).decode()
    assert not parse(text.encode(), "main.tf").problems
    assert text.startswith('resource "a" "b" {\n  tags = ')
    assert text.endswith("\n}\n")
    return text[len('resource "a" "b" {\n  tags = ') : -len("\n}\n")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n    owner = "team-a"\n  }'),
        ("{\n  }", '{\n    owner = "team-a"\n  }'),
        ("{\n\n  }", '{\n    owner = "team-a"\n  }'),
        ("{\n    # none yet\n  }", '{\n    # none yet\n    owner = "team-a"\n  }'),
        ("{ /* none */ }", '{ /* none */ owner = "team-a" }'),
        ("{ a = 1 }", '{ a = 1, owner = "team-a" }'),
        ("{ a = 1, }", '{ a = 1, owner = "team-a", }'),
        ('{ a = 1, "b" = 2 }', '{ a = 1, "b" = 2, owner = "team-a" }'),
        ("{\n    a = 1\n  }", '{\n    a     = 1\n    owner = "team-a"\n  }'),
        ("{\n    a = 1,\n    b = 2,\n  }", '{\n    a     = 1,\n    b     = 2,\n    owner = "team-a",\n  }'),
        ("{\n    a = 1,\n    b = 2\n  }", '{\n    a     = 1,\n    b     = 2,\n    owner = "team-a"\n  }'),
        ("{\n    a = 1 # one\n  }", '{\n    a     = 1 # one\n    owner = "team-a"\n  }'),
        ('{\n    "a" = 1\n  }', '{\n    "a"     = 1\n    "owner" = "team-a"\n  }'),
        ("{\n    a : 1\n  }", '{\n    a : 1\n    owner : "team-a"\n  }'),
        ("{\n    a = 1\n    # b = 2\n  }", '{\n    a     = 1\n    owner = "team-a"\n    # b = 2\n  }'),
        ("{ a = 1,\n    b = 2 }", '{ a = 1,\n    b = 2, owner = "team-a" }'),
        ("{\n    a = <<-E\n      x\n    E\n  }", '{\n    a     = <<-E\n      x\n    E\n    owner = "team-a"\n  }'),
    ],
)
def test_a_literal_gets_another_item_in_its_own_layout(before: str, after: str) -> None:
    assert tagged(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("var.tags", 'merge(var.tags, { owner = "team-a" })'),
        ("local.all[0].tags", 'merge(local.all[0].tags, { owner = "team-a" })'),
        ("(var.tags)", '(merge(var.tags, { owner = "team-a" }))'),
        ("a ? {} : var.tags", 'merge(a ? {} : var.tags, { owner = "team-a" })'),
        ("try(var.tags, {})", 'merge(try(var.tags, {}), { owner = "team-a" })'),
        ("{ for k, v in m : k => v }", 'merge({ for k, v in m : k => v }, { owner = "team-a" })'),
        ("try(\n    var.tags,\n  )", 'merge(try(\n    var.tags,\n  ), { owner = "team-a" })'),
        ("null", '{\n    owner = "team-a"\n  }'),
        ("tomap({ a = 1 })", 'tomap({ a = 1, owner = "team-a" })'),
        ("tomap(var.tags)", 'merge(tomap(var.tags), { owner = "team-a" })'),
        ("merge(local.maps...)", 'merge(merge(local.maps...), { owner = "team-a" })'),
        ("merge(var.a)", 'merge(var.a, { owner = "team-a" })'),
        ("merge()", 'merge({ owner = "team-a" })'),
        ("merge(var.a, var.b, )", 'merge(var.a, var.b, { owner = "team-a" })'),
        ("merge(var.a, { b = 1 })", 'merge(var.a, { b = 1, owner = "team-a" })'),
        ("merge({ a = 1 }, { b = 1 }, var.c)", 'merge({ a = 1 }, { b = 1, owner = "team-a" }, var.c)'),
        ("merge({ a = 1 }, local.maps...)", 'merge({ a = 1, owner = "team-a" }, local.maps...)'),
        ("merge(\n    var.a,\n    var.b\n  )", 'merge(\n    var.a,\n    var.b,\n    { owner = "team-a" }\n  )'),
        ("merge(\n    var.a, # x\n  )", 'merge(\n    var.a, # x\n    { owner = "team-a" },\n  )'),
        ("merge(\n    var.a # x\n  )", 'merge(\n    var.a, # x\n    { owner = "team-a" }\n  )'),
        ("core::merge(var.a)", 'core::merge(var.a, { owner = "team-a" })'),
    ],
)
def test_every_other_expression_is_merged(before: str, after: str) -> None:
    assert tagged(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ a = 1 }", '{ a = 1, owner = "team-a" }'),
        ("merge({ a = 1 }, var.b)", 'merge({ a = 1 }, var.b, { owner = "team-a" })'),
        ("merge(var.b, { a = 1 })", 'merge(var.b, { a = 1, owner = "team-a" })'),
        ("merge({ a = 1 }, local.maps...)", 'merge(merge({ a = 1 }, local.maps...), { owner = "team-a" })'),
    ],
)
def test_what_must_not_be_overridden_comes_last(before: str, after: str) -> None:
    assert tagged(before, last=True) == after


def test_what_is_too_long_for_its_line_gets_lines_of_its_own() -> None:
    name = "local.a_name_of_more_than_seventy_characters_for_all_the_tags_that_there_are"
    assert tagged(name) == f'merge({name}, {{\n    owner = "team-a"\n  }})'
    assert tagged(f"merge({name})", pairs=BOTH) == (
        f'merge({name}, {{\n    owner       = "team-a"\n    cost-center = "x"\n  }})'
    )


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("owner", "owner"),
        ("cost-center", "cost-center"),
        ("kubernetes.io/name", '"kubernetes.io/name"'),
        ("1st", '"1st"'),
        ("for", '"for"'),
        ("null", '"null"'),
        ("", '""'),
        ("größe", '"größe"'),
    ],
)
def test_a_key_is_bare_where_it_can_be(key: str, written: str) -> None:
    assert tagged("{ a = 1 }", pairs=((key, "x"),)) == f'{{ a = 1, {written} = "x" }}'


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_any_value_means_itself(value: str) -> None:
    for before in ("{ a = 1 }", "{}", "{\n  a = 1\n}"):
        file = opened(f'resource "a" "b" {{\n  tags = {before}\n}}\n')
        item = items(parse(edit(file, [Add(resource(file).body, ("tags",), (("k", value),))]), "x.tf"))[-1]
        assert isinstance(item.value, Literal)
        assert item.value.value == unicodedata.normalize("NFC", value)


HEAD = 'resource "a" "b" {\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '  tags = {\n    owner = "team-a"\n  }\n'),
        ("  a = 1\n", '  a = 1\n\n  tags = {\n    owner = "team-a"\n  }\n'),
        ("  a = 1 # one\n\n", '  a = 1 # one\n\n  tags = {\n    owner = "team-a"\n  }\n\n'),
        ("  # none\n", '  # none\n\n  tags = {\n    owner = "team-a"\n  }\n'),
        ("  a {\n  }\n", '  a {\n  }\n\n  tags = {\n    owner = "team-a"\n  }\n'),
        (
            "  a = 1\n\n  lifecycle {\n  }\n",
            '  a = 1\n\n  tags = {\n    owner = "team-a"\n  }\n\n  lifecycle {\n  }\n',
        ),
        (
            "  a = 1\n  # Wait.\n  depends_on = [x]\n",
            '  a = 1\n\n  tags = {\n    owner = "team-a"\n  }\n\n  # Wait.\n  depends_on = [x]\n',
        ),
        ("  depends_on = [x]\n", '  tags = {\n    owner = "team-a"\n  }\n\n  depends_on = [x]\n'),
        ("\ta = 1\n", '\ta = 1\n\n\ttags = {\n\t\towner = "team-a"\n\t}\n'),
        ("    a = 1\n", '    a = 1\n\n    tags = {\n        owner = "team-a"\n    }\n'),
    ],
)
def test_a_resource_without_tags_gets_them_last_but_before_what_stays_last(before: str, after: str) -> None:
    file = opened(HEAD + before + "}\n")
    assert edit(file, [Add(resource(file).body, ("tags",), OWNER)]).decode() == HEAD + after + "}\n"


@pytest.mark.parametrize("inside", ["", " ", " a = 1 ", ' tags = { a = 1, b = "x" } '])
def test_a_block_on_one_line_is_opened_for_a_new_argument(inside: str) -> None:
    file = opened(f'resource "a" "b" {{{inside}}}')
    text = edit(file, [Add(resource(file).body, ("labels",), OWNER)]).decode()
    kept = f"  {inside.strip()}\n\n" if inside.strip() else ""
    assert text == f'resource "a" "b" {{\n{kept}  labels = {{\n    owner = "team-a"\n  }}\n}}'


def test_line_ends_of_windows_are_written_where_the_file_has_them() -> None:
    file = opened('resource "a" "b" {\r\n  n = 1\r\n  tags = {\r\n    a = 1\r\n  }\r\n}\r\nresource "c" "d" {}\r\n')
    first, second = file.body.blocks("resource")
    text = edit(file, [Add(first.body, ("tags",), OWNER), Add(second.body, ("tags",), OWNER)])
    assert text.count(b"\n") == text.count(b"\r\n")
    assert b'    owner = "team-a"\r\n  }\r\n}\r\n' in text


def test_a_file_without_a_last_line_end_keeps_that() -> None:
    file = opened('resource "a" "b" {\n  tags = var.t\n}')
    assert edit(file, [Add(resource(file).body, ("tags",), OWNER)]).endswith(b"}")


def test_auto_scaling_tags_stand_beside_those_that_are_there() -> None:
    tag = AddBlock(
        resource(file := opened(HEAD + '  tag {\n    key = "a"\n  }\n\n  z {\n  }\n}\n')).body,
        "tag",
        (("key", "owner"), ("value", "team-a"), ("propagate_at_launch", True)),
    )
    written = '  tag {\n    key                 = "owner"\n    value               = "team-a"\n'
    written += "    propagate_at_launch = true\n  }\n"
    assert edit(file, [tag]).decode() == HEAD + '  tag {\n    key = "a"\n  }\n\n' + written + "\n  z {\n  }\n}\n"


@pytest.mark.parametrize(
    ("before", "gap"),
    [
        ('  dynamic "tag" {\n    for_each = x\n  }\n', "\n"),
        ("  tag {\n  }\n  tag {\n  }\n", ""),
        ("  tag {\n  }\n\n  tag {\n  }\n", "\n"),
        ("  n = 1\n", "\n"),
    ],
)
def test_blocks_of_tags_keep_the_distance_of_their_neighbours(before: str, gap: str) -> None:
    file = opened(HEAD + before + "}\n")
    add = [AddBlock(resource(file).body, "tag", (("key", key),)) for key in ("a", "b")]
    fresh = '  tag {\n    key = "a"\n  }\n' + gap + '  tag {\n    key = "b"\n  }\n'
    assert edit(file, add).decode() == HEAD + before + gap + fresh + "}\n"


def test_a_provider_gets_default_tags() -> None:
    file = opened('provider "aws" {\n  region = "x"\n}\n')
    add = Add(file.body.blocks("provider")[0].body, ("default_tags", "tags"), OWNER)
    assert edit(file, [add]).decode() == (
        'provider "aws" {\n  region = "x"\n\n  default_tags {\n    tags = {\n      owner = "team-a"\n    }\n  }\n}\n'
    )


@pytest.mark.parametrize("inside", ["{\n    tags = { a = 1 }\n  }", "{ tags = { a = 1 } }"])
def test_default_tags_that_are_there_get_another(inside: str) -> None:
    file = opened(f'provider "aws" {{\n  default_tags {inside}\n}}\n')
    add = Add(file.body.blocks("provider")[0].body, ("default_tags", "tags"), OWNER)
    assert edit(file, [add]).decode() == (
        f'provider "aws" {{\n  default_tags {inside}\n}}\n'.replace("a = 1", 'a = 1, owner = "team-a"')
    )


def test_default_tags_without_tags_get_them() -> None:
    file = opened('provider "aws" {\n  default_tags {\n  }\n}\n')
    add = Add(file.body.blocks("provider")[0].body, ("default_tags", "tags"), OWNER)
    assert edit(file, [add]).decode() == (
        'provider "aws" {\n  default_tags {\n    tags = {\n      owner = "team-a"\n    }\n  }\n}\n'
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("Team = 1", "Owner = 1"), ('"Team" = 1', '"Owner" = 1'), ("Team : 1", "Owner : 1")],
)
def test_a_key_is_renamed_in_its_own_quotes(old: str, new: str) -> None:
    file = opened(HEAD + f"  tags = {{ a = 1, {old} }}\n}}\n")
    assert edit(file, [Rename(items(file)[1], "Owner")]).decode() == HEAD + f"  tags = {{ a = 1, {new} }}\n}}\n"


def test_a_key_that_can_not_be_bare_is_quoted() -> None:
    file = opened(HEAD + "  tags = { Team = 1 }\n}\n")
    assert edit(file, [Rename(items(file)[0], "x:y")]).decode() == HEAD + '  tags = { "x:y" = 1 }\n}\n'


@pytest.mark.parametrize("key", ["(var.key)", '"${var.key}"', '"x-${var.key}"'])
def test_a_computed_key_is_not_renamed(key: str) -> None:
    file = opened(HEAD + f"  tags = {{ {key} = 1 }}\n}}\n")
    with pytest.raises(EditError, match="key on line 2 is computed"):
        edit(file, [Rename(items(file)[0], "Owner")])


def test_a_literal_value_is_replaced_and_its_columns_stay() -> None:
    text = HEAD + '  tags = {\n    a    = "prod"  # x\n    long = "dev-1" # y\n  }\n}\n'
    file = opened(text)
    new = edit(file, [Set(items(file)[0].value, "production")]).decode()
    assert new == HEAD + '  tags = {\n    a    = "production" # x\n    long = "dev-1"      # y\n  }\n}\n'


@pytest.mark.parametrize("value", ["var.env", '"x-${var.env}"', "<<E\nprod\nE\n", 'lower("PROD")'])
def test_a_value_that_is_no_plain_literal_is_not_replaced(value: str) -> None:
    file = opened(HEAD + f"  tags = {{\n    a = {value}\n  }}\n}}\n")
    with pytest.raises(EditError, match="value on line 3 is computed"):
        edit(file, [Set(items(file)[0].value, "production")])


def test_several_operations_on_one_place_are_one_edit() -> None:
    file = opened(HEAD + '  tags = {\n    Team = "prod"\n  }\n}\n')
    item = items(file)[0]
    add = [Add(resource(file).body, ("tags",), (pair,)) for pair in BOTH]
    new = edit(file, [Set(item.value, "production"), *add, Rename(item, "T")]).decode()
    assert new == (
        HEAD + '  tags = {\n    T           = "production"\n    owner       = "team-a"\n    cost-center = "x"\n  }\n}\n'
    )


def test_two_edits_of_one_place_are_refused() -> None:
    file = opened(HEAD + '  tags = {\n    Team = "prod"\n  }\n}\n')
    item = items(file)[0]
    with pytest.raises(EditError, match="two changes meet on line 3"):
        edit(file, [Set(item.value, "a"), Set(item.value, "b")])


def test_a_map_of_locals_is_an_expression_like_any_other() -> None:
    file = opened("locals {\n  tags = { a = 1 }\n}\n")
    value = file.body.blocks("locals")[0].body.attributes["tags"].value
    assert edit(file, [Put(value, OWNER)]) == b'locals {\n  tags = { a = 1, owner = "team-a" }\n}\n'


def test_no_operation_changes_nothing() -> None:
    text = 'resource "a" "b" {\n a=1\n   bb  = 2 }\n'
    file = parse(b"a=1\nbbb =   2#x\n", "x.tf")
    assert edit(file, []) == file.source, text


@given(st.integers(0, 2**32), st.booleans())
def test_only_tag_lines_change_and_no_comment_is_lost(seed: int, last: bool) -> None:
    """Of any layout, formatted or not: the new text parses, its tags have the pair, every other line is what it was but
    for the blanks before ``=`` and a comment."""
    source = snippet(Random(seed)).encode()  # noqa: S311
    file = parse(source, "main.tf")
    assert not file.problems
    block = resource(file)
    new = edit(file, [Add(block.body, ("tags",), BOTH, last)])
    again = parse(new, "main.tf")
    assert not again.problems
    assert new.count(b"\r\n") in (0, new.count(b"\n"))
    assert [one.text for one in again.comments] == [one.text for one in file.comments]
    assert {"owner", "cost-center"} <= keys(resource(again).body.attributes["tags"].value)
    only_these_change(source, new, tags_in(file))


def keys(value: object) -> set[object]:
    """The literal keys in every object of an expression."""
    match value:
        case Object(_, _, entries):
            return {item.key.value for item in entries if isinstance(item.key, Literal)}
        case Call(_, _, _, arguments):
            return {key for argument in arguments for key in keys(argument)}
        case _:
            inner = getattr(value, "inner", None)
            return set() if inner is None else keys(inner)


# --- JSON


def written(text: str, *operations: Operation, file: File | None = None) -> str:
    return edit(file or opened(text, "main.tf.json"), operations).decode()


def in_json(value: str) -> str:
    """What becomes of the property ``tags``."""
    text = '{\n  "resource": {"a": {"b": {\n    "tags": %s\n  }}}\n}\n'
    file = opened(text % value, "main.tf.json")
    head, tail = text.split("%s")
    new = edit(file, [Add(resource(file).body, ("tags",), (("owner", 'a"${b}'),))]).decode()
    json.loads(new)
    assert new.startswith(head)
    assert new.endswith(tail)
    return new[len(head) : -len(tail)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": "x"}', '{"a": "x", "owner": "a\\"$${b}"}'),
        ("{}", '{\n      "owner": "a\\"$${b}"\n    }'),
        ("null", '{\n      "owner": "a\\"$${b}"\n    }'),
        ('{\n      "a": "x"\n    }', '{\n      "a": "x",\n      "owner": "a\\"$${b}"\n    }'),
        ('"${var.tags}"', r'"${merge(var.tags, { owner = \"a\\\"$${b}\" })}"'),
        ('"${merge(var.tags, {})}"', r'"${merge(var.tags, { owner = \"a\\\"$${b}\" })}"'),
        (r'"${merge({\"a\" = 1}, var.b)}"', r'"${merge({\"a\" = 1, owner = \"a\\\"$${b}\"}, var.b)}"'),
    ],
)
def test_json_is_edited_in_its_own_layout(before: str, after: str) -> None:
    assert in_json(before) == after


def test_compact_json_stays_compact() -> None:
    text = '{"resource":{"a":{"b":{"tags":{"x":"y"}},"c":{}}}}'
    file = opened(text, "main.tf.json")
    adds = [Add(block.body, ("tags",), OWNER) for block in file.body.blocks("resource", 2)]
    assert written(text, *adds, file=file) == (
        '{"resource":{"a":{"b":{"tags":{"x":"y","owner":"team-a"}},"c":{"tags":{"owner":"team-a"}}}}}'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '"tag": [{"key": "owner", "propagate_at_launch": true}]'),
        ('"tag": {"key": "a"}', '"tag": [{"key": "a"}, {"key": "owner", "propagate_at_launch": true}]'),
        ('"tag": [{"key": "a"}]', '"tag": [{"key": "a"}, {"key": "owner", "propagate_at_launch": true}]'),
        ('"tag": []', '"tag": [{"key": "owner", "propagate_at_launch": true}]'),
    ],
)
def test_blocks_in_json_are_members_of_an_array(before: str, after: str) -> None:
    text = '{"resource": {"a": {"b": {%s}}}}'
    file = opened(text % before, "main.tf.json")
    add = AddBlock(resource(file).body, "tag", (("key", "owner"), ("propagate_at_launch", True)))
    assert written("", add, file=file) == text % after


def test_default_tags_in_json() -> None:
    file = opened('{"provider": {"aws": {"region": "x"}}}', "main.tf.json")
    add = Add(file.body.blocks("provider", 1)[0].body, ("default_tags", "tags"), OWNER)
    assert written("", add, file=file) == (
        '{"provider": {"aws": {"region": "x", "default_tags": {"tags": {"owner": "team-a"}}}}}'
    )


def test_keys_and_values_in_json() -> None:
    file = opened('{"resource": {"a": {"b": {"tags": {"Team": "prod"}}}}}', "main.tf.json")
    item = items(file)[0]
    assert written("", Rename(item, "Owner"), Set(item.value, "${x}"), file=file) == (
        '{"resource": {"a": {"b": {"tags": {"Owner": "$${x}"}}}}}'
    )


def test_a_text_in_json_that_is_no_map_is_refused() -> None:
    file = opened('{"resource": {"a": {"b": {"tags": "x"}}}}', "main.tf.json")
    with pytest.raises(EditError, match="no map"):
        written("", Add(resource(file).body, ("tags",), OWNER), file=file)


def test_a_row_of_comments_behind_an_entry_is_read_once() -> None:
    comments = "/**/" * 60
    file = parse(f'resource "a" "b" {{\n  tags = {{ a = "b" {comments} }}\n}}\n'.encode(), "main.tf")
    tags = file.body.blocks("resource", 2)[0].body.attributes["tags"].value

    written = edit(file, [Put(tags, (("owner", "x"),))])

    assert parse(written, "main.tf").problems == ()
    assert b'owner = "x"' in written
