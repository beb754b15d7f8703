import xml.etree.ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings

from costguard.model.finding import Finding, Level, Report, Verdict
from costguard.model.resource import Gap
from costguard.reports import render

from .hostile import reports
from .samples import everything, finding, report


def parse(report: Report) -> ET.Element:
    return ET.fromstring(render(report, "junit").encode())  # noqa: S314 - our own output is what is tested.


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_any_report_is_well_formed_and_its_counts_are_right(report: Report) -> None:
    root = parse(report)
    kinds = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for element in (root, *root.iter("testsuite")):
        assert {kind: int(element.attrib[kind]) for kind in kinds} == {
            kind: sum(1 for _ in element.iter(tag)) for kind, tag in kinds.items()
        }
    blocking = [f for f in report.findings if f.new and f.level is Level.ERROR]
    assert int(root.attrib["failures"]) == len(blocking)
    assert int(root.attrib["skipped"]) == len(report.findings) - len(blocking)


def test_a_clean_run_is_a_test_that_passed() -> None:
    [case] = parse(report()).iter("testcase")
    assert case.attrib["name"] == "everything was read (plan)"
    assert [child.tag for child in case] == ["system-out"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (finding(level=Level.WARNING), "warning: "),
        (finding(Verdict.UNKNOWN, level=Level.WARNING), "undecided: "),
        (finding(level=Level.INFO), "for information: "),
        (finding(new=False), "old debt: "),
    ],
)
def test_what_does_not_block_is_skipped_and_says_why(made: Finding, reason: str) -> None:
    [skipped] = parse(report(made)).iter("skipped")
    assert skipped.attrib["message"].startswith(reason)


def test_a_failure_says_what_where_and_how_to_mend_it() -> None:
    [case] = [case for case in parse(report(finding())).iter("testcase") if case.find("failure") is not None]
    assert case.attrib == {"classname": "aws_s3_bucket.logs", "name": "Owner", "file": "storage/main.tf", "line": "12"}
    failure = case[0]
    assert failure.attrib["type"] == "missing"
    assert (failure.text or "").splitlines() == [
        "aws_s3_bucket.logs",
        "storage/main.tf:12",
        "Owner is missing; add Owner to tags: the team that answers for the resource",
        "tags/owner",
    ]


def test_a_gap_is_an_error_and_so_is_the_run() -> None:
    root = parse(report(complete=False, gaps=(Gap("eu-west-1", "AccessDenied"),)))
    assert [error.attrib["type"] for error in root.iter("error")] == ["incomplete", "gap"]


def test_no_two_cases_have_one_name() -> None:
    names = [(case.attrib["classname"], case.attrib["name"]) for case in parse(everything()).iter("testcase")]
    assert len(names) == len(set(names))
