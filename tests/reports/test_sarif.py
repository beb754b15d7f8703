"""SARIF has an official schema, and GitHub has demands of its own beyond it."""

import json
import re
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from costguard.model.finding import Level, Report
from costguard.model.resource import Gap, Location
from costguard.reports import render

from .hostile import reports
from .samples import everything, finding, report

URI = re.compile(
    r"(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+|file:///(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+"
)


def run(report: Report) -> Any:
    log = json.loads(render(report, "sarif"))
    assert len(log["runs"]) == 1
    return log["runs"][0]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_any_report_validates_against_the_schema_of_the_standard(
    sarif_schema: jsonschema.Draft4Validator, report: Report
) -> None:
    sarif_schema.validate(json.loads(render(report, "sarif")))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_every_result_has_what_code_scanning_demands(report: Report) -> None:
    made = run(report)
    rules = made["tool"]["driver"]["rules"]
    for result in made["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        [location] = result["locations"]
        physical = location["physicalLocation"]
        assert URI.fullmatch(physical["artifactLocation"]["uri"])
        assert 1 <= physical["region"]["startLine"] <= physical["region"].get("endLine", 10**9)
        assert location["logicalLocations"][0]["kind"] == "resource"


def test_the_schema_would_have_refused_it_otherwise(sarif_schema: jsonschema.Draft4Validator) -> None:
    log = json.loads(render(everything(), "sarif"))
    log["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        sarif_schema.validate(log)


def test_each_rule_is_described_once_with_its_sternest_level() -> None:
    made = run(report(finding(level=Level.WARNING), finding(address="a.b"), finding(tag="service", level=Level.INFO)))
    rules = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in made["tool"]["driver"]["rules"]}
    assert rules == {"tags/owner": "error", "tags/service": "note"}
    assert [result["ruleIndex"] for result in made["results"]] == [0, 0, 1]


def test_an_unlocated_resource_is_named_and_not_pointed_at_a_file() -> None:
    [result] = run(report(finding(address='aws_s3_bucket.b["ü"]', location=None), checkpoint="live"))["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert unquote(artifact["uri"]) == 'unlocated/live/aws_s3_bucket.b["ü"]'
    assert "not known" in artifact["description"]["text"]
    assert result["partialFingerprints"]["primaryLocationLineHash"] == result["partialFingerprints"]["costguard/v1"]


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("main.tf", "main.tf"),
        ("./a/main.tf", "a/main.tf"),
        ("../shared/main.tf", "../shared/main.tf"),
        ("a b/ü#?%.tf", "a%20b/%C3%BC%23%3F%25.tf"),
        ("a\\main.tf", "a/main.tf"),
        ("/srv/main.tf", "file:///srv/main.tf"),
        ("C:\\main.tf", "C%3A/main.tf"),
        ("https://example.com/x", "https%3A//example.com/x"),
        ("", "unlocated"),
    ],
)
def test_a_path_becomes_a_uri(file: str, uri: str) -> None:
    [result] = run(report(finding(location=Location(file, 3, 4))))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


@pytest.mark.parametrize(("line", "end_line"), [(0, 0), (-1, 9), (5, 0)])
def test_a_line_that_cannot_be_is_the_nearest_that_can(line: int, end_line: int) -> None:
    [result] = run(report(finding(location=Location("main.tf", line, end_line))))["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": max(line, 1), "endLine": max(line, end_line, 1)}


def test_old_debt_is_unchanged_and_the_rest_is_new() -> None:
    results = run(report(finding(), finding(new=False, address="a.b")))["results"]
    assert [result["baselineState"] for result in results] == ["new", "unchanged"]


def test_gaps_make_the_execution_a_failure() -> None:
    [invocation] = run(report(complete=False, gaps=(Gap("eu-west-1", "AccessDenied"),), notes=("n",)))["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"] == [
        {"level": "error", "message": {"text": "eu-west-1 could not be read: AccessDenied"}},
        {"level": "note", "message": {"text": "n"}},
    ]


def test_two_checkpoints_of_one_commit_are_two_analyses() -> None:
    ids = {run(report(checkpoint=checkpoint))["automationDetails"]["id"] for checkpoint in ("source", "plan")}
    assert ids == {"costguard/source/", "costguard/plan/"}


def test_a_message_has_no_link_and_no_placeholder_of_somebody_else() -> None:
    [result] = run(report(finding(message="Owner [here](https://example.com) {0} {x}")))["results"]
    assert r"[here\](https://example.com) {{0}} {x}" in result["message"]["text"]
