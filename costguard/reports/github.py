"""Workflow commands of GitHub Actions, which annotate the lines of a pull request.

GitHub shows ten errors, ten warnings and ten notices of a step and drops the rest without a word. So one error stands
for all gaps, what blocks comes next, and the last notice says what there is in all and how much of it isn't shown;
old debt leaves room for that notice.
"""

from collections.abc import Iterable

from costguard.model.finding import Finding, Report
from costguard.reports import Style
from costguard.reports.inventory import gaps, looked
from costguard.reports.sections import MOST, Section, Survey, address, count, heading, headline, mended, tally
from costguard.reports.text import ADDRESS, printable, prose

_SHOWN = 10
_GAPS_NAMED = 20
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(report: Report, style: Style) -> Iterable[str]:  # noqa: ARG001 - annotations have no style.
    survey = Survey(report, MOST)
    errors = [_annotation("error", finding) for finding in survey[Section.ERROR].shown]
    if not report.complete or report.gaps:
        errors.insert(0, _incomplete(report))
    warnings = [_annotation("warning", f) for f in (*survey[Section.WARNING].shown, *survey[Section.UNDECIDED].shown)]
    notices = [_annotation("notice", finding) for finding in (*survey[Section.INFO].shown, *survey[Section.DEBT].shown)]
    summary = [f"{headline(report, survey)} {tally(report)}"]
    if survey[Section.DEBT].findings:
        summary.append(f"Old debt, not blocking: {count(survey[Section.DEBT].findings, 'finding')}.")
    summary += [
        f"GitHub shows {_SHOWN} of the {len(lines):,} {noun}; the log of this step has them all."
        for lines, noun in ((errors, "errors"), (warnings, "warnings"))
        if len(lines) > _SHOWN
    ]
    summary += filter(None, (survey.rest(), looked(report)))
    summary += map(prose, report.notes)
    last = _command("notice", {"title": f"costguard {report.checkpoint}"}, "\n".join(summary))
    return ["\n".join([*errors, *warnings, *notices[: _SHOWN - 1], last]) + "\n"]


def _incomplete(report: Report) -> str:
    holes = gaps(report)
    lines = [f"{hole.name}: {hole.why}" for hole in holes[:_GAPS_NAMED]]
    if len(holes) > _GAPS_NAMED:
        lines.append(f"and {len(holes) - _GAPS_NAMED:,} more")
    what = count(len(report.gaps), "thing") if report.gaps else "something"
    lines.insert(0, f"{what} could not be read, and nothing here speaks for what is missing.")
    return _command("error", {"title": f"costguard {report.checkpoint} is incomplete"}, "\n".join(lines))


def _annotation(command: str, finding: Finding) -> str:
    properties = {}
    if finding.location:
        place = finding.location
        start = max(place.line, 1)
        properties = {"file": printable(place.file, ADDRESS).replace("\\", "/"), "line": str(start)}
        properties["endLine"] = str(max(place.end_line, start))
    properties["title"] = heading(finding) if finding.new else f"{heading(finding)} (old debt)"
    return _command(command, properties, f"{address(finding)}: {mended(finding)}")


def _command(command: str, properties: dict[str, str], message: str) -> str:
    said = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{command} {said}::{message.translate(_DATA)}"
