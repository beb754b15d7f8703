"""SARIF 2.1.0 (errata 01), for code scanning: one run, one result for each finding.

What GitHub's code scanning asks beyond the standard shapes this file. It refuses a whole upload for one result without
a physical location, so a resource whose source line isn't known gets one that names the resource and can't be taken
for a file (``unlocated/live/aws_s3_bucket.b``, line 1). Leaving it out would hide every other finding.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from costguard.model.finding import Finding, Level, Report
from costguard.reports import Style
from costguard.reports.inventory import looked
from costguard.reports.sections import MOST, Survey, headline, mended, unlocated
from costguard.reports.text import ADDRESS, json_text, printable, prose

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}
_URI_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,;=@")
_PLACEHOLDER = re.compile(r"\{([0-9]+)\}")
# The same for every rule and every run: GitHub wants what it knows of a rule to change rarely.
_HELP = """\
The message of each result says what is wrong and what mends it. Its verdict is one of these:
- missing: the tag isn't there
- empty: it is there, without a value
- invalid: its value is not one that the policy allows
- misspelled: another name or another case of its key is there instead
- forbidden: the policy doesn't want it there
- unknown: the evidence can't show whether it is right, so it is neither right nor wrong"""

_Object = dict[str, Any]


def render(report: Report, style: Style) -> Iterable[str]:  # noqa: ARG001 - SARIF has no style.
    survey = Survey(report, MOST)
    rest = survey.rest()
    shown = tuple(survey.shown) if rest else report.findings
    by_rule: dict[str, list[Finding]] = {}
    for finding in shown:
        by_rule.setdefault(finding.rule, []).append(finding)
    indexes = {rule: index for index, rule in enumerate(by_rule)}
    notifications = [
        _notification("error", f"{printable(gap.where, ADDRESS)} could not be read: {prose(gap.why)}")
        for gap in report.gaps
    ]
    notifications += [_notification("warning", rest)] if rest else []
    notifications += [_notification("note", prose(note)) for note in report.notes]
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": printable(report.tool.name),
                        "version": printable(report.tool.version),
                        "rules": [_rule(rule, findings) for rule, findings in by_rule.items()],
                    }
                },
                # Two checkpoints of one commit are two analyses: without this the second upload replaces the first.
                "automationDetails": {"id": f"costguard/{report.checkpoint}/"},
                "invocations": [{"executionSuccessful": report.complete, "toolExecutionNotifications": notifications}],
                "results": [_result(finding, indexes[finding.rule], report) for finding in shown],
                "properties": {
                    "headline": headline(report, survey),
                    "summary": msgspec.to_builtins(report.summary),
                    **({"coverage": said} if (said := looked(report)) else {}),
                },
            }
        ],
    }
    return [json_text(msgspec.json.format(msgspec.json.encode(log), indent=2)) + "\n"]


def _rule(rule: str, findings: list[Finding]) -> _Object:
    level = max((finding.level for finding in findings), key=lambda one: one.rank)
    kind, _, tag = printable(rule).partition("/")
    about = f"The tag {tag}" if kind == "tags" and tag else f"The rule {printable(rule)}"
    return {
        "id": printable(rule),
        "shortDescription": {"text": _text(f"{about} of the tagging policy")},
        "fullDescription": {"text": _text(f"{about} of the tagging policy doesn't hold for a resource.")},
        "help": {"text": _HELP},
        "defaultConfiguration": {"level": _LEVELS[level]},
        "properties": {"tags": ["tagging", "cost"]},
    }


def _result(finding: Finding, index: int, report: Report) -> _Object:
    # "unknown" could be SARIF's kind "open", but that forbids a level, and viewers then hide the result.
    fingerprint = printable(finding.fingerprint)
    fingerprints = {"costguard/v1": fingerprint}
    if finding.location is None:
        # GitHub knows only this one. It computes it from the source line where there is one, and warns of ours.
        fingerprints["primaryLocationLineHash"] = fingerprint
    resource = finding.resource
    properties = {
        "verdict": finding.verdict.value,
        "tag": finding.tag,
        "key": finding.key,
        "surface": finding.surface,
        "found": finding.found,
        "expected": finding.expected,
        "type": resource.type,
        "provider": resource.provider,
        "id": resource.id,
        "account": resource.account,
        "region": resource.region,
    }
    own = printable(resource.address, ADDRESS)
    return {
        "ruleId": printable(finding.rule),
        "ruleIndex": index,
        "level": _LEVELS[finding.level],
        "message": {"text": _text(f"{own}: {mended(finding)}")},
        "locations": [
            {
                "physicalLocation": _physical(finding, report),
                "logicalLocations": [{"fullyQualifiedName": own, "kind": "resource"}],
            }
        ],
        "partialFingerprints": fingerprints,
        "baselineState": "new" if finding.new else "unchanged",
        "properties": {
            **{key: printable(value, ADDRESS) for key, value in properties.items() if value is not None},
            "remedy": prose(finding.remedy),
        },
    }


def _physical(finding: Finding, report: Report) -> _Object:
    place = finding.location
    if place is None:
        description = "Where this resource stands in the source is not known; the name is the resource's, not a file's."
        return {
            "artifactLocation": {
                "uri": _uri(unlocated(report.checkpoint, finding.resource.address)),
                "description": {"text": description},
            },
            "region": {"startLine": 1},
        }
    start = max(place.line, 1)
    return {
        "artifactLocation": {"uri": _uri(place.file)},
        "region": {"startLine": start, "endLine": max(place.end_line, start)},
    }


def _uri(path: str) -> str:
    path = path[:ADDRESS].replace("\\", "/").removeprefix("./")
    quoted = "".join(
        chr(byte) if byte in _URI_CHARACTERS else f"%{byte:02X}" for byte in path.encode("utf-8", "backslashreplace")
    )
    # An empty authority: a path that starts with two slashes would otherwise name a host.
    return f"file://{quoted}" if quoted.startswith("/") else quoted or "unlocated"


def _text(text: str) -> str:
    """A SARIF message makes links of ``[text](address)`` and placeholders of ``{0}``; this text means neither."""
    return _PLACEHOLDER.sub(r"{{\1}}", text.replace("](", "\\]("))


def _notification(level: str, text: str) -> _Object:
    return {"level": level, "message": {"text": _text(text)}}
