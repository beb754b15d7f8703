"""The value language: a JSON Schema for a text."""

from pathlib import Path
from time import process_time

import msgspec
import pytest

from costguard.policy.patterns import PatternError, glob_matches, globs_meet, path_matches, pattern
from tests.policy.build import findings, mistakes, policy, resource, verdicts


def accepts(tmp_path: Path, schema: str, value: str) -> bool:
    rules = policy(tmp_path, f"tags: {{x: {{value: {schema}}}}}")
    said = verdicts(rules, resource({"x": value}))
    assert said in ({}, {"x": "invalid"})
    return said == {}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ("{enum: [a, b]}", ["a", "b"], ["c", "A", "a ", "ab"]),
        ("{const: a}", ["a"], ["b", "aa"]),
        ("{const: a, enum: [a, b]}", ["a"], ["b"]),
        ("{minLength: 2}", ["ab", "äö"], ["a"]),
        ("{maxLength: 2}", ["a", "ab", "äö"], ["abc"]),
        ("{minLength: 2, maxLength: 2}", ["ab"], ["a", "abc"]),
        ('{pattern: "^[a-z]+$"}', ["abc"], ["abc\n", "\nabc", "ABC", "abc1"]),
        ('{pattern: "[a-z]"}', ["1a1", "a\n"], ["1"]),
        (r'{pattern: "^\\d+$"}', ["0189"], ["\u0661\u0662", "1\n"]),
        (r'{pattern: "^\\w+$"}', ["a_1"], ["\u00e9t\u00e9", "a-b"]),
        (r'{pattern: "^\\p{Ll}+$"}', ["abc", "\u00e9t\u00e9"], ["Abc", "\u00c9t\u00e9", "\u4e2d", "abc\n"]),
        (r'{pattern: "^\\p{Lo}$"}', ["\u4e2d"], ["a", "\u00e9"]),
        (r'{pattern: "^[^\\p{Lu}]+$"}', ["abc-1", "\u00e9"], ["aBc", "\u00c9"]),
        (r'{pattern: "^[\\P{L}]+$"}', ["12-"], ["1a", "\u00e9"]),
        (r'{pattern: "^\\p{Ll}\\d$"}', ["a1", "\u00e91"], ["\u00e9\u0661"]),
        (r'{pattern: "^[\\p{Ll}$]$"}', ["$", "a"], ["A"]),
        (r'{pattern: "^a\\$$"}', ["a$"], ["a"]),
        ('{pattern: "[$]"}', ["a$b"], ["ab"]),
        ('{pattern: "^[[a]$"}', ["[", "a"], ["b"]),
        ("{format: date}", ["2027-03-31", "2028-02-29"], ["2027-02-29", "2027-3-1", "20270331", "2027-W10-1"]),
        ("{format: email}", ["a@b.example"], ["a@b", "@b.example", "a b@c.example", "a@b.example\n"]),
        ("{format: ipv4}", ["192.0.2.1"], ["192.0.2.256", "2001:db8::1", "192.0.2.1\n"]),
        ("{format: ipv6}", ["2001:db8::1"], ["192.0.2.1", "fe80::1%eth0"]),
        ("{format: uuid}", ["12345678-90ab-cdef-ABCD-1234567890ab"], ["1234567890abcdef", "x"]),
        ("{anyOf: [{const: shared}, {pattern: ^team-}]}", ["shared", "team-a"], ["other"]),
        ("{oneOf: [{pattern: a}, {pattern: b}]}", ["a", "b"], ["ab", "c"]),
        ("{not: {enum: [tbd, todo]}}", ["payments"], ["tbd", "todo"]),
        ("{allOf: [{enum: [a, b]}, {enum: [b, c]}]}", ["b"], ["a", "c"]),
        ("{if: {pattern: ^x}, then: {maxLength: 2}}", ["x1", "abc"], ["x12"]),
        (r'{not: {pattern: "^\\d+$"}}', ["a", "1\n", "\u0661"], ["12"]),
        (r'{not: {pattern: "\\p{Lu}"}}', ["a"], ["A", "\u00c9"]),
        ("{anyOf: [{format: date}, {const: never}]}", ["2027-03-31", "never"], ["2027-02-30"]),
        ("{$defs: {team: {pattern: ^team-}}, $ref: '#/$defs/team'}", ["team-a"], ["a"]),
        ("{type: string}", ["anything"], []),
        ("{}", ["anything"], []),
        ("{description: a team}", ["anything"], []),
    ],
)
def test_a_schema_accepts_and_rejects(tmp_path: Path, schema: str, good: list[str], bad: list[str]) -> None:
    assert {value: accepts(tmp_path, schema, value) for value in good} == dict.fromkeys(good, True)
    assert {value: accepts(tmp_path, schema, value) for value in bad} == dict.fromkeys(bad, False)


def test_a_value_that_no_cloud_takes_is_not_matched_but_is_invalid(tmp_path: Path) -> None:
    assert not accepts(tmp_path, '{pattern: "^a+$"}', "a" * 5000)
    assert not accepts(tmp_path, '{anyOf: [{pattern: "^a+$"}]}', "a" * 5000)


def test_the_description_of_a_pattern_is_what_the_message_says(tmp_path: Path) -> None:
    schema = '{pattern: "^CC-[0-9]{4}$", description: "a cost center (CC-1234)"}'
    [finding] = findings(policy(tmp_path, f"tags: {{x: {{value: {schema}}}}}"), resource({"x": "4711"}))
    assert finding.message == "x: '4711' is not a cost center (CC-1234)"


MISTAKES = {
    "{enum: [yes, no]}": ["value.enum[0]: true is not text", "value.enum[1]: false is not text"],
    "{enum: [1, a]}": ["value.enum[0]: 1 is not text"],
    "{enum: [null]}": ["value.enum[0]: null is not text"],
    "{const: 7}": ["value.const: 7 is not text"],
    "{anyOf: [{enum: [on]}]}": ["value.anyOf[0].enum[0]: true is not text"],
    "{patern: ^a}": ["value.patern: 'patern' is not a keyword of JSON Schema", "did you mean pattern?"],
    "{anyOf: [{minlength: 3}]}": ["value.anyOf[0].minlength", "did you mean minLength?"],
    '{pattern: "["}': ["value.pattern: '[' is not a regular expression"],
    r'{pattern: "\\p{Foo}"}': ["value.pattern", "is not a regular expression"],
    '{not: {pattern: "("}}': ["value.not.pattern: '(' is not a regular expression"],
    "{pattern: 7}": ["value.pattern: is not JSON Schema"],
    "{type: integer}": ["value.type: a tag's value is text: type can only be string, not integer"],
    "{enum: a}": ["value.enum: is not JSON Schema"],
    "{enum: []}": ["value: no value satisfies all that is said of it"],
    "{const: a, enum: [b]}": ["value: no value satisfies all that is said of it"],
    "{enum: [a], pattern: ^b}": ["value: no value satisfies all that is said of it"],
    "{minLength: 3, maxLength: 2}": ["value.minLength: 3 is more than maxLength, 2"],
    "{minLength: -1}": ["value.minLength: is not JSON Schema"],
    '{minLength: "2"}': ["value.minLength: is not JSON Schema"],
    "{format: phone}": ["value.format: 'phone' is not a format that is checked here (date, email"],
    "{$ref: 'https://example.com/schema'}": ["value.$ref: 'https://example.com/schema' is nothing in this schema"],
    "{$ref: '#/$defs/nothing'}": ["value.$ref: '#/$defs/nothing' is nothing in this schema"],
    "{$ref: '#'}": ["value: $ref leads from one schema to the next without end"],
    "{$defs: {a: {$ref: '#/$defs/b'}, b: {$ref: '#/$defs/a'}}, $ref: '#/$defs/a'}": ["without end"],
    "{$dynamicRef: '#a'}": ["value.$dynamicRef: $dynamicRef is not understood here"],
}


@pytest.mark.parametrize("schema", MISTAKES)
def test_a_mistake_in_a_schema_is_named_with_its_line_and_path(tmp_path: Path, schema: str) -> None:
    said = mistakes(tmp_path, f"tags:\n  x:\n    value: {schema}\n")
    assert len(said) == max(1, sum(expected.startswith("value.enum") for expected in MISTAKES[schema])), said
    for expected in MISTAKES[schema]:
        assert any(expected in one for one in said), said
    assert all(one.startswith("p0.yaml:4: tags.x.value") for one in said), said


def test_the_line_of_a_mistake_is_that_of_the_item(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path, "tags:\n  x:\n    value:\n      enum:\n        - a\n        - yes\n        - b\n        - 7\n"
    )
    assert [one.split(": ")[0] for one in said] == ["p0.yaml:7", "p0.yaml:9"]


@pytest.mark.parametrize("text", ["(", "[a", "*", "a{2,1}", "(?<n>a)", "\\", r"\p{Nope}", r"(\p{Ll}"])
def test_what_is_no_expression_is_an_error(text: str) -> None:
    with pytest.raises(PatternError):
        pattern(text)


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("*", "", True),
        ("?", "", False),
        ("a?c", "abc", True),
        ("a*c", "ac", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*bc", "abcbc", True),
        ("ab*bc", "abc", False),
        ("*a?*", "xxa", False),
        ("*a?*", "xxab", True),
        ("**", "x", True),
        ('module.a["x"].*', 'module.a["x"].aws_s3_bucket.b', True),
        ('module.a["x"].*', "module.a[x].aws_s3_bucket.b", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.c", "abc", False),
        ("a*", "a\nb", True),
        ("", "", True),
    ],
)
def test_a_glob_matches_the_whole_text_and_has_two_wildcards(glob: str, text: str, matches: bool) -> None:
    assert glob_matches(glob, text) is matches


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("*", "a/b", False),
        ("a/?", "a/bc", False),
        ("**", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "b/a/c", False),
        ("**/b/**/b", "b/a/b", True),
        ("**/b/**/b", "a/b", False),
        ("a/**", "ab/c", False),
        ("a/**", "a", True),
    ],
)
def test_a_glob_of_paths_has_a_third_for_folders(glob: str, path: str, matches: bool) -> None:
    assert path_matches(glob, path) is matches


def test_globs_without_case() -> None:
    assert glob_matches("*PassWord", "db_password", ignore_case=True)
    assert not glob_matches("*PassWord", "db_password")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("a*", "*b", True),
        ("a*", "b*", False),
        ("*", "", True),
        ("tag_*", "*_tags", True),
        ("a?", "ab", True),
        ("a?", "abc", False),
        ("a", "a", True),
        ("tag_specifications[*].tags", "tag_specifications[instance].tags", True),
        ("volume_tags", "tag*", False),
    ],
)
def test_globs_meet_where_one_text_matches_both(one: str, other: str, meet: bool) -> None:
    assert globs_meet(one, other) is meet
    assert globs_meet(other, one) is meet


def test_references_within_a_schema_are_followed_a_few_deep_and_not_for_ever(tmp_path: Path) -> None:
    chain = {f"s{i}": {"$ref": f"#/$defs/s{i + 1}"} for i in range(500)} | {"s500": {"pattern": "^a"}}
    schema = msgspec.json.encode({"$defs": chain, "$ref": "#/$defs/s0"}).decode()
    assert "without end" in mistakes(tmp_path, f"tags: {{x: {{value: {schema}}}}}")[0]


def test_a_long_list_of_values_takes_no_long_time(tmp_path: Path) -> None:
    (tmp_path / "teams.yaml").write_text("".join(f"- team-{number}\n" for number in range(20_000)))
    rules = policy(tmp_path, "tags: {owner: {values-from: {file: teams.yaml}}}")
    written = [None] * 1000 + [f"taem-{number}" for number in range(300)] + ["TEAM-7"]
    resources = [
        resource({} if owner is None else {"owner": owner}, address=f"aws_s3_bucket.b{number:04}")
        for number, owner in enumerate(written)
    ]
    start = process_time()
    found = findings(rules, *resources)
    assert process_time() - start < 3, "it was 40 s when each fault went through the whole list"
    assert {one.found: one.expected for one in found if one.expected} == {"TEAM-7": "team-7"}


@pytest.mark.parametrize("schema", ["{pattern: '^x+$'}", "{not: {pattern: '^y'}}"])
def test_a_value_that_no_cloud_takes_is_matched_against_nothing(tmp_path: Path, schema: str) -> None:
    rules = policy(tmp_path, f"tags: {{a: {{value: {schema}}}}}")
    assert verdicts(rules, resource({"a": "x" * 1024})) == {}
    [finding] = findings(rules, resource({"a": "x" * 1025}))
    assert "is longer than 1024 characters, which no cloud takes" in finding.message
