import json
from typing import Any

from hypothesis import HealthCheck, given, settings

from costguard.model.finding import Level, Report, Verdict
from costguard.model.resource import Gap
from costguard.reports import render

from .hostile import reports
from .samples import everything, finding, report


def entries(report: Report) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(render(report, "gitlab"))
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_every_entry_has_what_gitlab_demands(report: Report) -> None:
    for entry in entries(report):
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert entry["description"]
        assert entry["location"]["path"]
        assert entry["location"]["lines"]["begin"] >= 1


def test_the_severity_follows_the_level_and_old_debt_is_information() -> None:
    made = report(
        finding(),
        finding(level=Level.WARNING),
        finding(Verdict.UNKNOWN, level=Level.WARNING),
        finding(level=Level.INFO),
        finding(new=False),
    )
    assert [entry["severity"] for entry in entries(made)] == ["major", "minor", "minor", "info", "info"]


def test_a_resource_without_a_source_line_has_a_path_that_is_no_file() -> None:
    [entry] = entries(report(finding(location=None), checkpoint="live"))
    assert entry["location"] == {"path": "unlocated/live/aws_s3_bucket.logs", "lines": {"begin": 1}}


def test_a_gap_is_a_blocker() -> None:
    [entry] = entries(report(complete=False, gaps=(Gap("eu-west-1", "AccessDenied"),)))
    assert (entry["severity"], entry["check_name"]) == ("blocker", "costguard/incomplete")


def test_an_incomplete_run_is_never_an_empty_list() -> None:
    assert len(entries(report(complete=False))) == 1
    assert entries(report()) == []


def test_no_fingerprint_is_used_twice() -> None:
    fingerprints = [entry["fingerprint"] for entry in entries(everything())]
    assert len(fingerprints) == len(set(fingerprints))
