"""Accepted debt: findings that a saved report already has are old, and warn instead of blocking."""

import msgspec

from costguard.model.finding import Finding, Level, Report


def apply(report: Report, accepted: Report) -> Report:
    """The report with every finding that ``accepted`` has marked as old debt.

    It has one with the same fingerprint and the same verdict: debt that was undecided isn't accepted as missing.
    """
    known = {(finding.fingerprint, finding.verdict) for finding in accepted.findings}

    def aged(finding: Finding) -> Finding:
        if not finding.new or (finding.fingerprint, finding.verdict) not in known:
            return finding
        level = Level.WARNING if finding.level is Level.ERROR else finding.level
        return msgspec.structs.replace(finding, new=False, level=level)

    return msgspec.structs.replace(report, findings=tuple(map(aged, report.findings)))
