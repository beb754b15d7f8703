"""Exemptions: what is accepted, until when, and what becomes of one that no longer holds."""

from datetime import date
from pathlib import Path

import pytest

from tests.policy.build import findings, mistakes, policy, report, resource, tag_set, verdicts

BASE = """
    tags: {owner: {}, service: {}}
    rules: [{id: few, max-tags: 1}]
    exemptions:
      - when: {address: aws_s3_bucket.old}
        reason: retired in Q3
        until: 2026-09-30
"""
OLD = "aws_s3_bucket.old"


def test_all_faults_of_what_is_selected_are_exempt(tmp_path: Path) -> None:
    said = report(policy(tmp_path, BASE), resource(address=OLD))
    assert (said.findings, said.summary.exempt) == ((), 1)
    assert verdicts(policy(tmp_path, BASE), resource(address="aws_s3_bucket.other")) == {
        "owner": "missing",
        "service": "missing",
    }


@pytest.mark.parametrize(
    ("narrowed", "expected"),
    [
        ("tags: [owner]", {"service": "missing"}),
        ("rules: [tags/service]", {"owner": "missing"}),
        ("rules: [few]", {"owner": "missing", "service": "missing"}),
        ("tags: [owner]\n        rules: [tags/service]", {"owner": "missing", "service": "missing"}),
        ("tags: [owner, service]", {}),
    ],
)
def test_an_exemption_may_be_for_some_tags_or_rules(tmp_path: Path, narrowed: str, expected: dict[str, str]) -> None:
    text = BASE.replace("reason:", f"{narrowed}\n        reason:")
    assert verdicts(policy(tmp_path, text), resource(address=OLD)) == expected


@pytest.mark.parametrize(
    ("today", "holds"),
    [(date(2026, 9, 29), True), (date(2026, 9, 30), True), (date(2026, 10, 1), False)],
)
def test_the_last_day_is_included(tmp_path: Path, today: date, holds: bool) -> None:
    said = report(policy(tmp_path, BASE), resource(address=OLD), today=today)
    assert (said.findings == ()) is holds


def test_one_that_ended_says_so_in_every_finding_and_in_the_notes(tmp_path: Path) -> None:
    said = report(policy(tmp_path, BASE), resource(address=OLD), today=date(2026, 10, 1))
    assert {f.tag for f in said.findings} == {"owner", "service"}
    assert all("p0.yaml:7" in f.message and "ended on 2026-09-30" in f.message for f in said.findings)
    [note] = said.notes
    assert "p0.yaml:7" in note
    assert "retired in Q3" in note


@pytest.mark.parametrize(
    "until",
    ["soon", "2026-13-01", "2026-02-30", "2027-W10-1", "'20270101'", "2027-1-1", "''", "' 2027-01-01'", "٢٠٢٧-01-01"],
)
def test_a_malformed_date_never_holds_and_is_said(tmp_path: Path, until: str) -> None:
    rules = policy(tmp_path, BASE.replace("2026-09-30", until))
    said = report(rules, resource(address=OLD))
    assert {f.tag for f in said.findings} == {"owner", "service"}
    assert all("has no valid date" in f.message for f in said.findings)
    assert any("is no date (YYYY-MM-DD), so the exemption does not hold" in note for note in said.notes)
    assert [warning.line for warning in rules.warnings] == [7]


def test_a_valid_exemption_holds_beside_one_that_ended(tmp_path: Path) -> None:
    text = BASE + "      - {when: {type: aws_*}, reason: migration, until: 2027-01-01}\n"
    said = report(policy(tmp_path, text), resource(address=OLD), today=date(2026, 12, 1))
    assert said.findings == ()


def test_an_exemption_of_one_rule_does_not_hide_what_another_says_of_the_tag(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        """
        tags: {owner: {}}
        rules: [{id: style, level: warning, require: {owner: {}}}]
        exemptions: [{when: {type: aws_*}, rules: [tags/owner], reason: r, until: 2027-01-01}]
        """,
    )
    [finding] = findings(rules, resource())
    assert (finding.rule, finding.level) == ("style", "warning")


def test_one_that_cant_be_decided_leaves_the_finding_and_says_so(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "tags: {owner: {}}\nexemptions: [{when: {account: '1'}, reason: r, until: 2027-01-01}]",
    )
    [finding] = findings(rules, resource())
    assert (finding.verdict, finding.level) == ("missing", "error")
    assert "p0.yaml:3" in finding.message
    assert "the account is not known here" in finding.message
    assert findings(rules, resource(account="1")) == ()
    [finding] = findings(rules, resource(account="2"))
    assert "exemption" not in finding.message


def test_an_exemption_may_select_by_the_tags_that_are_there(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        "tags: {owner: {}}\nexemptions: [{when: {tags: {stage: tmp}}, reason: r, until: 2027-01-01}]",
    )
    assert verdicts(rules, resource({"stage": "tmp"})) == {}
    assert verdicts(rules, resource({"stage": "x"})) == {"owner": "missing"}
    assert verdicts(rules, resource(tag_set({"stage": None}))) == {"owner": "missing"}


@pytest.mark.parametrize(
    ("exemption", "expected"),
    [
        ("{when: {type: x}, reason: r}", "exemptions[0]: until is missing"),
        ("{when: {type: x}, until: 2027-01-01}", "exemptions[0]: reason is missing"),
        ("{reason: r, until: 2027-01-01}", "exemptions[0]: when is missing"),
        ("{when: {}, reason: r, until: 2027-01-01}", "exemptions[0].when: selects everything"),
        ("{when: {address: '*'}, reason: r, until: 2027-01-01}", "exemptions[0].when: selects everything"),
        ("{when: {type: [aws_*, '**']}, reason: r, until: 2027-01-01}", "exemptions[0].when: selects everything"),
        ("{when: {tags: {}}, reason: r, until: 2027-01-01}", "exemptions[0].when: selects everything"),
        (
            "{when: {checkpoint: [source, plan, live, bill]}, reason: r, until: 2027-01-01}",
            "exemptions[0].when: selects everything",
        ),
        ("{when: {typ: x}, reason: r, until: 2027-01-01}", "exemptions[0].when.typ: is not a key that belongs here"),
        (
            "{when: {type: x}, tags: [owner, ownr], reason: r, until: 2027-01-01}",
            "exemptions[0].tags[1]: no tag is called ownr; there are owner",
        ),
        (
            "{when: {type: x}, rules: [owner], reason: r, until: 2027-01-01}",
            "exemptions[0].rules[0]: no rule is called owner; there are tags/owner",
        ),
        ("{when: {type: x}, tags: [], reason: r, until: 2027-01-01}", "exemptions[0].tags: is empty"),
        ("{when: {type: x}, reason: '', until: 2027-01-01}", "exemptions[0].reason: is empty"),
        ("{when: {type: x}, reason: r, until: 2027}", "exemptions[0].until: takes text, not a number"),
    ],
)
def test_a_mistake_in_an_exemption(tmp_path: Path, exemption: str, expected: str) -> None:
    [said] = mistakes(tmp_path, f"tags: {{owner: {{}}}}\nexemptions:\n  - {exemption}\n")
    assert said.startswith("p0.yaml:4: ")
    assert expected in said


def test_an_exemption_may_name_a_tag_or_a_rule_whose_own_statement_is_a_mistake(tmp_path: Path) -> None:
    said = mistakes(
        tmp_path,
        """
        tags: {owner: {levl: error}}
        rules: [{id: r, max-tags: many}]
        exemptions: [{when: {type: x}, tags: [owner], rules: [r], reason: r, until: 2027-01-01}]
        """,
    )
    assert [one.split(": ")[1] for one in said] == ["tags.owner.levl", "rules[0].max-tags"]
