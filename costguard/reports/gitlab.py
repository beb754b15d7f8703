"""GitLab's code quality report: one entry for each finding, blockers first.

GitLab insists on a path, and has no word for a run that could not read everything. A resource without a known source
line gets a path that names it and is no file; a gap is an entry of the severity ``blocker``, because a widget without
entries reads as a clean run.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from costguard.model.finding import Finding, Level, Report
from costguard.model.resource import Gap
from costguard.reports import Style
from costguard.reports.sections import MOST, Section, Survey, address, mended, section, unlocated
from costguard.reports.text import ADDRESS, json_text, printable, prose

_SEVERITIES = {Level.ERROR: "major", Level.WARNING: "minor", Level.INFO: "info"}


def render(report: Report, style: Style) -> Iterable[str]:  # noqa: ARG001 - code quality has no style.
    entries = [_gap(gap, report) for gap in report.gaps]
    if not report.complete and not report.gaps:
        entries.append(_gap(Gap("the run", "not everything was read"), report))
    survey = Survey(report, MOST)
    entries += [_entry(finding, report) for finding in survey.shown]
    if rest := survey.rest():
        entries.append(_rest(rest, survey, report))
    return [json_text(msgspec.json.format(msgspec.json.encode(entries), indent=2)) + "\n"]


def _entry(finding: Finding, report: Report) -> dict[str, Any]:
    place = finding.location
    path = printable(place.file, ADDRESS).replace("\\", "/").removeprefix("./") if place else ""
    return {
        "description": f"{address(finding)}: {mended(finding)}",
        "check_name": printable(finding.rule),
        "fingerprint": printable(finding.fingerprint),
        "severity": "info" if section(finding) is Section.DEBT else _SEVERITIES[finding.level],
        "location": {
            "path": path or unlocated(report.checkpoint, finding.resource.address),
            "lines": {"begin": max(place.line, 1) if place else 1},
        },
    }


def _rest(rest: str, survey: Survey, report: Report) -> dict[str, Any]:
    """An entry for all that have none, as severe as the worst of them."""
    severities = {Section.ERROR: "major", Section.WARNING: "minor", Section.UNDECIDED: "minor"}
    return {
        "description": rest,
        "check_name": "costguard/left-out",
        "fingerprint": _named("costguard/left-out/v1", report.checkpoint),
        "severity": next(severities.get(kind, "info") for kind in Section if survey[kind].left_out),
        "location": {"path": unlocated(report.checkpoint, "left-out"), "lines": {"begin": 1}},
    }


def _gap(gap: Gap, report: Report) -> dict[str, Any]:
    where = printable(gap.where, ADDRESS)
    return {
        "description": f"{where} could not be read, and nothing here speaks for it: {prose(gap.why)}",
        "check_name": "costguard/incomplete",
        "fingerprint": _named("costguard/gap/v1", report.checkpoint, gap.where, gap.why),
        "severity": "blocker",
        "location": {"path": unlocated(report.checkpoint, gap.where), "lines": {"begin": 1}},
    }


def _named(*parts: str) -> str:
    from hashlib import sha256

    return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
