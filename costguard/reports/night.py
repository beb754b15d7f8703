"""A night's result in a few lines for a terminal or a log; the page has the rest."""

from pathlib import Path

from costguard.model.night import Night
from costguard.reports.page import amount, percent
from costguard.reports.text import printable, prose

_GAPS = 20


def terminal(night: Night, folder: Path, *, stages: bool = True) -> str:
    """What a person wants to know in the morning, and where the report is. ``stages``: how each of them ended, where
    that hasn't been said already."""
    lines = [f"The night {night.id} is {'complete' if night.complete else 'incomplete'}."]
    if stages:
        lines += [f"  {one.name:<10} {one.state}{one.why and f': {prose(one.why)}'}" for one in night.stages]
    lines.append("")
    head = night.headline
    if night.spend is not None:
        taggable = amount(head.taggable, night.spend.currency)
        lines.append(f"{percent(head.share)} of {taggable} that can be tagged is not compliant")
        if night.spend.slo is not None:
            slo = night.spend.slo
            lines.append(
                f"{amount(slo.left, night.spend.currency)} of the error budget of "
                f"{amount(slo.budget, night.spend.currency)} is left: the objective is {slo.state}"
            )
    if night.live is not None:
        live = night.live
        lines.append(f"{live.summary.violating:,} of {live.summary.resources:,} resources are at fault")
        if live.added is not None:
            lines[-1] += f"; since the night before {live.added:,} are new and {live.mended:,} mended"
    for one in night.activity:
        if one.tonight and one.undo:
            lines.append(f"{one.counts.get('written', 0):,} resources were tagged; `{one.undo}` takes it back")
    if night.gaps:
        lines += ["", f"Not read, or not done ({len(night.gaps):,}):"]
        lines += [f"  {printable(gap.where)}: {prose(gap.why)}" for gap in night.gaps[:_GAPS]]
        if len(night.gaps) > _GAPS:
            lines.append(f"  and {len(night.gaps) - _GAPS:,} more")
    if (folder / "report.html").is_file():
        lines += ["", f"The report: {folder / 'report.html'}"]
    return "\n".join(lines) + "\n"
