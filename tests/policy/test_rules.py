"""The kinds of rule, and which of two faults of one tag is told."""

from pathlib import Path

import pytest

from costguard.model.finding import Level
from costguard.model.resource import Cloud
from tests.policy.build import Secret, findings, mistakes, policy, report, resource, tag_set, verdicts

CLASSIFIED = """
    rules:
      - id: classified
        when: {type: [aws_s3_bucket, aws_db_*]}
        level: warning
        require: {data-classification: {value: {enum: [public, internal]}}}
"""


def test_a_rule_requires_a_tag_of_what_it_selects_and_of_nothing_else(tmp_path: Path) -> None:
    rules = policy(tmp_path, CLASSIFIED)
    for kind, expected in {
        "aws_s3_bucket": {"data-classification": "missing"},
        "aws_db_instance": {"data-classification": "missing"},
        "aws_instance": {},
    }.items():
        assert verdicts(rules, resource(type=kind)) == expected


def test_a_rule_has_a_level_of_its_own(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, CLASSIFIED), resource())
    assert (finding.rule, finding.level) == ("classified", Level.WARNING)


def test_what_a_rule_requires_is_spelled_and_judged_as_the_tag_of_that_name(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        """
        tags:
          expires:
            required: false
            keys: {aws: ExpiresOn}
            aliases: [expiry]
            value: {format: date}
            synonyms: {}
        rules:
          - {id: buckets-expire, when: {type: aws_s3_bucket}, require: {expires: {value: {pattern: ^20}}}}
        """,
    )
    assert verdicts(rules, resource({})) == {"expires": "missing"}
    assert verdicts(rules, resource({"ExpiresOn": "2027-01-01"})) == {}
    assert verdicts(rules, resource({"ExpiresOn": "1999-01-01"})) == {"expires": "invalid"}
    assert verdicts(rules, resource({"ExpiresOn": "2027-99-01"})) == {"expires": "invalid"}
    assert verdicts(rules, resource({"expiry": "2027-01-01"})) == {"expires": "misspelled"}
    assert verdicts(rules, resource({"ExpiresOn": "1999-01-01"}, type="aws_instance")) == {}


def test_a_rule_cant_spell_a_tag_in_another_way_than_the_tag_does(tmp_path: Path) -> None:
    [said] = mistakes(
        tmp_path,
        """
        tags: {owner: {keys: {aws: Owner}}}
        rules:
          - {id: r, require: {owner: {keys: {aws: owner}}}}
        """,
    )
    assert said.startswith("p0.yaml:4: rules[0].require.owner.keys: 'owner' is another key than 'Owner'")


def test_two_faults_of_one_tag_are_one_finding_and_the_sterner_level_counts(tmp_path: Path) -> None:
    text = "tags: {owner: {level: LEVEL}}\nrules: [{id: r, level: OTHER, require: {owner: {}}}]"
    for level, other, rule in (("info", "error", "r"), ("error", "info", "tags/owner"), ("info", "info", "tags/owner")):
        [finding] = findings(policy(tmp_path, text.replace("LEVEL", level).replace("OTHER", other)), resource())
        assert (finding.rule, finding.level) == (rule, "error" if "error" in (level, other) else "info")


@pytest.mark.parametrize("key", ["db_password", "DB_PASSWORD", "password", "my-Password-1"])
def test_forbidden_keys_are_globs_without_case(tmp_path: Path, key: str) -> None:
    rules = policy(tmp_path, "rules: [{id: r, forbid: {keys: ['*password*']}}]")
    assert verdicts(rules, resource({key: "x"})) == {key: "forbidden"}
    assert verdicts(rules, resource({"passwort": "x"})) == {}


def test_forbidden_values_are_found_anywhere_in_the_value(tmp_path: Path) -> None:
    rules = policy(tmp_path, "rules: [{id: r, forbid: {values: ['AKIA[0-9]{4}', '^tbd$']}}]")
    assert verdicts(rules, resource({"a": "my AKIA1234!", "b": "tbd", "c": "tbd.", "d": None})) == {
        "a": "forbidden",
        "b": "forbidden",
    }


LEAK = "AKIA1234567890"
LEAKY = (
    # every other rule that would quote the value of the tag that holds it
    "tags: {owner: {keys: {aws: Owner}, value: {enum: [payments]}}}",
    "tags: {owner: {keys: {aws: Owner}, value: {pattern: ^x}, level: error}}\nunknown: {plan: fail}",
    "rules: [{id: r, every-tag: {value: {maxLength: 3}}}]",
    "rules: [{id: r, every-tag: {value: {maxLength: 3}}, when: {account: '1'}}]",
    "rules: [{id: r, tags-schema: {additionalProperties: {maxLength: 3}}}]",
    "rules: [{id: r, tags-schema: {properties: {Owner: {const: x}}}}]",
    "rules: [{id: r, require: {Owner: {value: {const: x}}}}]",
)


@pytest.mark.parametrize("other", LEAKY)
@pytest.mark.parametrize("level", ["error", "info"])
@pytest.mark.parametrize("when", ["", "when: {account: '1'}, "])
@pytest.mark.parametrize("forbid", ["values: [AKIA]", "keys: [owner]"])
def test_no_part_of_a_report_shows_a_forbidden_value(
    tmp_path: Path, other: str, level: str, when: str, forbid: str
) -> None:
    rules = policy(tmp_path, other, f"rules: [{{id: secrets, {when}level: {level}, forbid: {{{forbid}}}}}]")
    said = report(rules, resource({"Owner": LEAK}), with_resources=True)
    assert said.findings
    assert LEAK not in repr(said)


def test_a_forbidden_value_is_the_finding_whatever_else_is_wrong_with_the_tag(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "tags: {owner: {keys: {aws: Owner}, value: {enum: [payments]}}}",
        "rules: [{id: secrets, level: info, forbid: {values: [AKIA]}}]",
    )
    [finding] = findings(rules, resource({"Owner": LEAK}))
    assert (finding.tag, finding.key, finding.verdict, finding.rule) == ("owner", "Owner", "forbidden", "secrets")
    assert finding.level == "error", "a rule more never makes a finding milder"


def test_every_tag_judges_the_keys_and_values_that_are_there(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "rules: [{id: style, every-tag: {key: {pattern: '^[a-z-]+$'}, value: {maxLength: 3}}}]",
    )
    tags = {"ok": "abc", "Not-ok": "abc", "too-long": "abcd", "later": None}
    assert verdicts(rules, resource(tags)) == {"Not-ok": "invalid", "too-long": "invalid", "later": "unknown"}
    assert verdicts(rules, resource(tag_set({"ok": "abc"}, opened="merged at apply"))) == {}
    [finding] = findings(rules, resource({"secret": Secret("a secret")}))
    assert "a secret" not in repr(finding)


@pytest.mark.parametrize(("cloud", "key"), [("aws", "AWS:Created"), ("google", "goog-x_")])
def test_keys_that_the_cloud_sets_are_nobodys_fault(tmp_path: Path, cloud: Cloud, key: str) -> None:
    rules = policy(tmp_path, "rules: [{id: r, every-tag: {key: {const: none}}}, {id: few, max-tags: 0}]")
    assert verdicts(rules, resource({key: "x"}, cloud=cloud)) == {}


@pytest.mark.parametrize(
    ("tags", "opened", "hidden", "expected"),
    [
        ({"a": "1", "b": "1"}, "", (), None),
        ({"a": "1", "b": "1", "c": None}, "", (), "invalid"),
        ({"a": "1", "b": "1", "c": "1"}, "merged at apply", (), "invalid"),
        ({"a": "1"}, "merged at apply", (), "unknown"),
        ({"a": "1"}, "", (("x", "ignored"),), None),
        ({"a": "1", "b": "1"}, "", (("x", "ignored"),), "unknown"),
        ({"a": "1"}, "", (("x*", "ignored"),), "unknown"),
        ({"a": "1", "b": "1"}, "", (("aws:*", "ignored"),), None),
        ({"a": "1", "b": "1", "aws:x": "1"}, "", (), None),
    ],
)
def test_max_tags_counts_what_is_there_and_what_may_be(
    tmp_path: Path,
    tags: dict[str, str | None],
    opened: str,
    hidden: tuple[tuple[str, str], ...],
    expected: str | None,
) -> None:
    rules = policy(tmp_path, "rules: [{id: budget, max-tags: 2}]")
    one = resource(tag_set(tags, opened=opened, hidden=hidden))
    assert verdicts(rules, one) == ({} if expected is None else {"budget": expected})


PUBLIC_NEEDS_REVIEW = """
    rules:
      - id: reviewed
        description: What is public has been reviewed
        tags-schema:
          if: {required: [visibility], properties: {visibility: {const: public}}}
          then: {required: [reviewed-by]}
"""


@pytest.mark.parametrize(
    ("tags", "opened", "expected"),
    [
        ({"visibility": "public", "reviewed-by": "x"}, "", None),
        ({"visibility": "public"}, "", "invalid"),
        ({"visibility": "private"}, "", None),
        ({"visibility": None}, "", "unknown"),
        ({"visibility": "public"}, "merged at apply", "unknown"),
        ({"visibility": "public", "reviewed-by": None}, "", None),
        ({"other": None}, "", None),
        ({}, "", None),
    ],
)
def test_tags_schema_is_certain_only_where_nothing_unknown_could_change_it(
    tmp_path: Path, tags: dict[str, str | None], opened: str, expected: str | None
) -> None:
    rules = policy(tmp_path, PUBLIC_NEEDS_REVIEW)
    said = verdicts(rules, resource(tag_set(tags, opened=opened)))
    assert said == ({} if expected is None else {"reviewed": expected})


def test_the_message_of_a_tags_schema_says_what_is_missing_and_why(tmp_path: Path) -> None:
    [finding] = findings(policy(tmp_path, PUBLIC_NEEDS_REVIEW), resource({"visibility": "public"}))
    assert "reviewed-by is missing" in finding.message
    assert "What is public has been reviewed" in finding.message


@pytest.mark.parametrize(
    ("schema", "tags", "verdict"),
    [
        (r"{patternProperties: {'^x$': {const: a}}}", {"x\n": "b"}, None),
        (r"{patternProperties: {'^x$': {const: a}}}", {"x": "b"}, "invalid"),
        (r"{patternProperties: {'^\d$': {const: a}, '^y': {const: a}}}", {"٣": "b", "y1": "a"}, None),
        (r"{patternProperties: {'^x$': true, '^y$': true}, additionalProperties: false}", {"x": "", "y": ""}, None),
        (r"{patternProperties: {'^x$': true}, additionalProperties: false}", {"x\n": ""}, "invalid"),
        (r"{propertyNames: {pattern: '^\p{Ll}+$'}}", {"été": "1", "later": None}, None),
        (r"{propertyNames: {pattern: '^\p{Ll}+$'}}", {"Été": "1"}, "invalid"),
        (r"{properties: {x: {format: date}}}", {"x": "2027-02-30"}, "invalid"),
        (r"{minProperties: 1}", {}, "invalid"),
        (r"{additionalProperties: {maxLength: 1}}", {"x": None}, "unknown"),
        (r"{anyOf: [{required: [a]}, {required: [b]}]}", {"b": None}, None),
    ],
)
def test_a_tags_schema_speaks_the_same_language_as_a_value(
    tmp_path: Path, schema: str, tags: dict[str, str | None], verdict: str | None
) -> None:
    rules = policy(tmp_path, f"rules:\n  - id: r\n    tags-schema: {schema}\n")
    assert verdicts(rules, resource(tags)) == ({} if verdict is None else {"r": verdict})


MISTAKES = {
    "{id: r}": "rules[0]: states nothing: it needs require, forbid, every-tag, tags-schema or max-tags",
    "{id: r, forbid: {}}": "rules[0].forbid: states nothing: it needs keys, values or content",
    "{id: r, every-tag: {}}": "rules[0].every-tag: states nothing: it needs key or value",
    "{id: r, require: {}}": "rules[0].require: is empty",
    "{id: r, forbid: {values: [a, '(']}}": "rules[0].forbid.values[1]: '(' is not a regular expression",
    "{id: r, forbid: {content: [iban]}}": "rules[0].forbid.content[0]: takes payment-card, not 'iban'",
    "{id: r, every-tag: {key: {patern: a}}}": "rules[0].every-tag.key.patern: 'patern' is not a keyword",
    "{id: r, every-tag: {value: {pattern: '('}}}": "rules[0].every-tag.value.pattern: '(' is not a regular expression",
    "{id: r, tags-schema: {type: 7}}": "rules[0].tags-schema.type: is not JSON Schema",
    "{id: r, tags-schema: {requird: [a]}}": "rules[0].tags-schema.requird: 'requird' is not a keyword of JSON Schema",
    r"{id: r, tags-schema: {patternProperties: {'\p{L}': true}}}": r"\p{…} can't be used here; use propertyNames",
    "{id: r, tags-schema: {properties: {a: {enum: [yes]}}}}": "rules[0].tags-schema.properties.a.enum[0]: true is not",
    "{id: r, max-tags: -1}": "rules[0].max-tags: is less than 0",
    "{id: r, max-tags: '5'}": "rules[0].max-tags: takes",
    "{id: R R, max-tags: 5}": "rules[0].id: 'R R' can't stand here: an id is of lower case letters",
    "{max-tags: 5}": "rules[0]: id is missing",
    "{id: r, max-tags: 5, level: fatal}": "rules[0].level: takes error or info or warning, not 'fatal'",
}


@pytest.mark.parametrize("rule", MISTAKES)
def test_a_mistake_in_a_rule(tmp_path: Path, rule: str) -> None:
    said = mistakes(tmp_path, f"rules:\n  - {rule}\n")
    assert len(said) == 1, said
    assert said[0].startswith("p0.yaml:3: rules[0]")
    assert MISTAKES[rule] in said[0]


def test_two_rules_of_one_id_are_a_mistake_that_names_both(tmp_path: Path) -> None:
    [said] = mistakes(tmp_path, "rules:\n  - {id: r, max-tags: 5}\n  - {id: r, max-tags: 6}\n")
    assert said.startswith("p0.yaml:4: rules[1].id: r is already the id of a rule (")
    assert "p0.yaml:3" in said


@pytest.mark.parametrize("key", ["windows-version", "AzureRegion", "Microsoft.x"])
def test_no_key_of_azure_is_taken_for_its_own(tmp_path: Path, key: str) -> None:
    rules = policy(tmp_path, "rules: [{id: lower, every-tag: {key: {pattern: '^[a-z]$'}}}, {id: few, max-tags: 0}]")
    assert verdicts(rules, resource({key: "x"}, cloud="azure")) == {key: "invalid", "few": "invalid"}


def test_the_description_of_a_rule_completes_its_messages(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        """
        rules:
          - {id: r, description: A bill needs it., require: {owner: {value: {enum: [a]}}}}
          - {id: few, description: Others need room., max-tags: 0}
        """,
    )
    assert [one.message for one in findings(rules, resource({"owner": "b"}))] == [
        "there are 1 tags, and few allows 0 (Others need room)",
        "owner: 'b' is not a (A bill needs it)",
    ]
    assert [one.message for one in findings(rules, resource())] == ["owner is missing (A bill needs it)"]
