"""The commands are parsed back as the runner of GitHub Actions does it."""

from typing import NamedTuple

from hypothesis import HealthCheck, given, settings

from costguard.model.finding import Level, Report, Verdict
from costguard.model.resource import Gap, Location
from costguard.reports import render

from .hostile import reports
from .samples import finding, many, report


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    message: str


def parse(line: str) -> Command:
    """What the runner makes of a line: it splits first and unescapes afterwards, ``%25`` last."""
    assert line.startswith("::")
    head, _, message = line[2:].partition("::")
    name, _, text = head.partition(" ")
    properties = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(escape, character)
        properties[key] = value
    return Command(name, properties, message.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%"))


def commands(report: Report) -> list[Command]:
    return [parse(line) for line in render(report, "github").splitlines()]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_every_line_is_one_command_with_our_properties_only(report: Report) -> None:
    for command in commands(report):
        assert command.name in ("error", "warning", "notice")
        assert set(command.properties) <= {"file", "line", "endLine", "title"}
        assert command.properties["title"]
        assert command.message


def test_a_command_carries_what_would_end_it() -> None:
    file, key = "a,b:c%0A=.tf", "x::y,z"
    command = commands(report(finding(key=key, message=f"{key} 100% of %0A", location=Location(file, 3, 2))))[0]
    assert command.properties == {"file": file, "line": "3", "endLine": "3", "title": f"{key} missing"}
    assert f"{key} 100% of %0A" in command.message


def test_the_kinds_are_those_of_the_contract() -> None:
    made = report(
        finding(level=Level.INFO, key="info"),
        finding(new=False, key="debt"),
        finding(Verdict.UNKNOWN, level=Level.WARNING, key="undecided"),
        finding(level=Level.WARNING, key="warning"),
        finding(key="error"),
    )
    assert [(command.name, command.properties["title"]) for command in commands(made)] == [
        ("error", "error missing"),
        ("warning", "warning missing"),
        ("warning", "undecided undecided"),
        ("notice", "info missing"),
        ("notice", "debt missing (old debt)"),
        ("notice", "costguard plan"),
    ]


def test_all_gaps_are_one_error_and_the_first() -> None:
    gaps = tuple(Gap(f"eu-{index}", "AccessDenied") for index in range(30))
    first, *rest = commands(report(finding(), complete=False, gaps=gaps))
    assert first.name == "error"
    assert first.message.startswith("30 things could not be read")
    assert "eu-19: AccessDenied\nand 10 more" in first.message
    assert [command.name for command in rest] == ["error", "notice"]


def test_an_incomplete_run_without_a_named_gap_is_an_error_too() -> None:
    assert commands(report(complete=False))[0].name == "error"


def test_more_than_github_shows_is_said_in_a_notice_that_it_shows() -> None:
    made = commands(many(400))
    notices = [command for command in made if command.name == "notice"]
    assert len(notices) == 10
    assert made[-1] is notices[-1]
    assert "GitHub shows 10 of the 333 errors" in made[-1].message
    assert "GitHub shows 10 of the 34 warnings" in made[-1].message


def test_ten_errors_are_all_shown_and_nothing_is_said_of_it() -> None:
    made = report(*(finding(address=f"aws_s3_bucket.b{index}") for index in range(10)))
    assert "GitHub shows" not in commands(made)[-1].message
