"""JUnit XML, for the test page of a CI server: a suite for each resource type, a test case for each finding.

Such a page knows passed, failed, skipped and broken. What blocks has failed, what could not be read is broken, and
every other finding is skipped, with its reason: a passed test with some output would hide it, and these servers make
a build red for each failure. The first suite holds one case that says whether everything was read, so that a clean
run is a test that passed and not an empty file, which servers refuse.
"""

from collections.abc import Iterable
from itertools import islice

from costguard.model.finding import Finding, Report, Status
from costguard.reports import Style
from costguard.reports.inventory import looked
from costguard.reports.sections import (
    MOST,
    Section,
    Survey,
    address,
    count,
    headline,
    in_surface,
    location,
    mended,
    name,
    section,
    tally,
    whereabouts,
)
from costguard.reports.text import ADDRESS, printable, prose

_SKIPPED = {
    Section.WARNING: "warning",
    Section.UNDECIDED: "undecided",
    Section.INFO: "for information",
    Section.DEBT: "old debt",
}
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(report: Report, style: Style) -> Iterable[str]:  # noqa: ARG001 - JUnit has no style.
    survey = Survey(report, MOST)
    suites = [_run(report, survey)]
    by_type: dict[str, list[str]] = {}
    for finding in survey.shown if survey.left_out else report.findings:
        by_type.setdefault(finding.resource.type, []).append(_case(finding))
    for resource in islice(report.resources or (), MOST):
        if resource.status in (Status.COMPLIANT, Status.EXEMPT):
            cases = by_type.setdefault(resource.type, [])
            cases.append(_element("testcase", (), classname=printable(resource.address, ADDRESS), name=resource.status))
    suites += [_suite(kind, by_type[kind]) for kind in sorted(by_type)]
    body = _element("testsuites", suites, name="costguard", **_counts(suites))
    return [f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n']


def _run(report: Report, survey: Survey) -> str:
    """What could not be read, and what isn't listed; the only suite that is always there."""
    cases = [
        _element(
            "testcase",
            [_element("error", [], message=prose(gap.why), type="gap")],
            classname="gaps",
            name=printable(gap.where, ADDRESS) or "somewhere",
        )
        for gap in report.gaps
    ]
    if rest := survey.rest():
        if survey[Section.ERROR].left_out:
            outcome = _element("failure", [], message=rest, type="left out")
        else:
            outcome = _element("skipped", [], message=rest)
        cases.append(_element("testcase", [outcome], classname="costguard", name="every finding is listed"))
    if (more := len(report.resources or ()) - MOST) > 0:
        outcome = _element("skipped", [], message=f"{count(more, 'resource')} more; --format json has them all")
        cases.append(_element("testcase", [outcome], classname="costguard", name="every resource is listed"))
    summary = f"{headline(report, survey)} {tally(report)}"
    said = [line for line in (summary, looked(report), *map(prose, report.notes)) if line]
    inside = [_element("system-out", [_escape("\n".join(said))])]
    if not report.complete:
        inside.insert(0, _element("error", [], message="The run is incomplete. " + summary, type="incomplete"))
    cases.insert(
        0, _element("testcase", inside, classname="costguard", name=f"everything was read ({report.checkpoint})")
    )
    return _suite(f"costguard {report.checkpoint}", cases)


def _case(finding: Finding) -> str:
    part = section(finding)
    place = finding.location
    attributes = {"classname": address(finding), "name": f"{name(finding)}{in_surface(finding)}"}
    if place:
        attributes |= {"file": printable(place.file, ADDRESS), "line": str(place.line)}
    if part is Section.ERROR:
        where = location(finding) or whereabouts(finding)
        details = "\n".join(
            line for line in (address(finding), where, mended(finding), printable(finding.rule)) if line
        )
        outcome = _element("failure", [_escape(details)], message=mended(finding), type=finding.verdict.value)
    else:
        outcome = _element("skipped", [], message=f"{_SKIPPED[part]}: {mended(finding)}")
    return _element("testcase", [outcome], **attributes)


def _suite(title: str, cases: list[str]) -> str:
    return _element("testsuite", cases, name=printable(title) or "(no type)", **_counts(cases))


def _counts(inside: list[str]) -> dict[str, str]:
    """Counted in the escaped text, where only our own elements have a raw ``<``."""
    kinds = {"tests": "<testcase ", "failures": "<failure ", "errors": "<error ", "skipped": "<skipped "}
    return {kind: str(sum(text.count(tag) for text in inside)) for kind, tag in kinds.items()}


def _escape(text: str) -> str:
    return text.translate(_XML)


def _element(tag: str, inside: Iterable[str], **attributes: str) -> str:
    said_attributes = "".join(f' {key}="{_escape(value)}"' for key, value in attributes.items())
    body = "\n".join(inside)
    if not body:
        return f"<{tag}{said_attributes}/>"
    margin = "\n" if body.startswith("<") else ""
    return f"<{tag}{said_attributes}>{margin}{body}{margin}</{tag}>"
