"""What a run did, and which runs there were, for people and for programs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from costguard.model.spool import encoded
from costguard.reconcile.journal import Entry, Run
from costguard.reconcile.run import GOOD, Outcome, What, what
from costguard.reports import Style
from costguard.reports.layout import ALARM, BOLD, DIM, GREEN, RED, YELLOW, Page, words
from costguard.reports.sections import count, series
from costguard.reports.text import ADDRESS, json_text, printable, prose

_LISTED = 50
_SOME = 10

_SAID: Mapping[What, tuple[str, str]] = {
    "written": ("written and read back", "would be written"),
    "already": ("as wanted already", "as wanted already"),
    "drifted": ("changed since the plan, and left alone", "changed since the plan, and would be left alone"),
    "overwritten": ("written, and changed by somebody else since", "changed by somebody else"),
    "gone": ("not there any more", "not there any more"),
    "full": ("without room for another tag", "without room for another tag"),
    "busy": ("in use, and left alone", "in use, and would be left alone"),
    "refused": ("refused by the cloud", "sure to be refused"),
    "lost": ("taken by the cloud, and not there", "not there"),
    "unread": ("not readable, so not written", "not readable, so they would not be written"),
    "postponed": ("not written; resuming tries again", "not written"),
    "unsettled": ("perhaps written; resuming finds out", "not known"),
    "irreversible": ("not to be brought back", "not to be brought back"),
}
_GUARDS = {
    "compare": "the cloud itself compared the value",
    "etag": "the cloud refuses it where the resource has changed",
    "read": "it was read right before",
}


def terminal(outcome: Outcome, style: Style) -> str:
    """What became of each resource, the summary last."""
    page = Page(style)
    verbose = style.verbosity >= 1
    groups: dict[What, list[Entry]] = {}
    for entry in outcome.entries:
        kind: What = "written" if outcome.rehearsal and entry.state == "intended" else what(entry)
        groups.setdefault(kind, []).append(entry)
    for kind in _SAID if style.verbosity >= 0 else ():
        found = groups.get(kind, [])
        if found:
            _group(page, kind, found, rehearsal=outcome.rehearsal, verbose=verbose)
    for gap in outcome.gaps if verbose else outcome.gaps[:_SOME]:
        page.say([(f"{printable(gap.where, ADDRESS)}:", ALARM), *words(prose(gap.why))], "", "  ")
    if not verbose and len(outcome.gaps) > _SOME:
        page.say(words(f"and {len(outcome.gaps) - _SOME:,} more (-v lists them)", DIM))
    for held in outcome.caps:
        number = f"{held.most:g}{'%' if held.limit == 'percent' else ''}"
        text = f"beyond limits.{held.limit}, which is {number} ({prose(held.of)}): {held.held:,} too many."
        page.say(words(text, RED))
    if outcome.caps:
        page.say(words("Nothing was sent. Plan again within the limits, or raise them in costguard.yaml."))
    colour = GREEN if outcome.complete else ALARM
    page.say([("costguard reconcile:", BOLD), *words(headline(outcome), colour)])
    if outcome.run:
        page.say(words(f"Run {outcome.run}. " + _next(outcome), DIM))
    elif outcome.rehearsal and groups.get("written"):
        page.say(words("This was a rehearsal: nothing was written. --apply writes.", DIM))
    return page.text()


def headline(outcome: Outcome) -> str:
    """What came of it, in a sentence."""
    counts = outcome.counts
    said = [f"{counts[kind]:,} {_SAID[kind][outcome.rehearsal]}" for kind in _SAID if counts.get(kind)]
    if outcome.unbegun:
        said.append(f"{outcome.unbegun:,} not begun")
    if outcome.caps:
        said = ["nothing was done, for the change set is beyond a limit"]
    text = series(said) or "there was nothing to do"
    if outcome.why:
        text += f"; {prose(outcome.why)}"
    return text + "."


def _next(outcome: Outcome) -> str:
    if outcome.complete:
        return f"`costguard reconcile undo {outcome.run}` takes back what is still as it was written."
    back = f"`costguard reconcile undo {outcome.run}` takes back what was written."
    if outcome.how == "done":
        return f"Once what stood in the way is mended, plan again; {back}"
    return (
        f"`costguard reconcile apply --resume {outcome.run} --apply` goes on with it, `costguard reconcile undo "
        f"{outcome.run}` takes it back."
    )


def _group(page: Page, kind: What, found: Sequence[Entry], *, rehearsal: bool, verbose: bool) -> None:
    colour = GREEN if kind == "written" else DIM if kind in GOOD else YELLOW if kind in ("drifted", "busy") else RED
    title = f"{count(len(found), 'change')} {_SAID[kind][rehearsal]}"
    page.say(words(title, f"1;{colour}"))
    shown = found if verbose else found[:_LISTED]
    for entry in shown:
        line = [(printable(entry.target.id, ADDRESS), BOLD), *words(_did(entry))]
        page.say(line, "  ", "      ")
        if entry.why:
            page.say(words(prose(entry.why), DIM), "      ", "      ")
        if verbose and entry.by:
            guard = f"; {_GUARDS[entry.guard]}" if entry.guard else ""
            page.say(words(f"by {printable(entry.by)}{guard}", DIM), "      ", "      ")
    if len(shown) < len(found):
        page.say(words(f"and {len(found) - len(shown):,} more (-v lists them)", DIM), "  ")
    page.say([])


def _did(entry: Entry) -> str:
    if entry.verb != "tags":
        return entry.verb
    parts = []
    for key, after in sorted(entry.after.items()):
        before = entry.before.get(key)
        if after is None:
            parts.append(f"-{printable(key)}")
        elif before is None:
            parts.append(f"+{printable(key)}={printable(after)}")
        else:
            parts.append(f"{printable(key)}={printable(before)}→{printable(after)}")
    return ", ".join(parts)


def as_json(outcome: Outcome) -> str:
    """The same for programs."""
    document = {
        "schema": "costguard/run/v1",
        "run": outcome.run or None,
        "rehearsal": outcome.rehearsal,
        "complete": outcome.complete,
        "ended": outcome.how,
        "why": outcome.why,
        "counts": dict(sorted(outcome.counts.items())),
        "unbegun": outcome.unbegun,
        "changes": [_entry(entry, rehearsal=outcome.rehearsal) for entry in outcome.entries],
        "caps": outcome.caps,
        "gaps": outcome.gaps,
    }
    return _json(document)


def _entry(entry: Entry, *, rehearsal: bool = False) -> dict[str, Any]:
    return {
        "id": entry.target.id,
        "type": entry.target.type,
        "account": entry.target.account,
        "region": entry.target.region,
        "verb": entry.verb,
        "before": entry.before,
        "after": entry.after,
        "outcome": "would be written" if rehearsal and entry.state == "intended" else what(entry),
        "why": entry.why,
        "by": entry.by,
        "guard": entry.guard,
    }


def _json(document: object) -> str:
    return json_text(msgspec.json.format(encoded(msgspec.to_builtins(document)), indent=1)) + "\n"


def runs_terminal(runs: Sequence[Run], counts: Mapping[str, Mapping[What, int]], style: Style) -> str:
    """The runs, the latest first, with what each did."""
    page = Page(style)
    for run in runs:
        ended = run.how or "killed, or under way"
        colour = GREEN if run.how == "done" else RED
        of = f" of {run.of}" if run.of else ""
        page.say([(run.id, BOLD), *words(f"{run.kind}{of}"), (ended, colour)], "", "    ")
        done = counts[run.id]
        said = [f"{done[kind]:,} {_SAID[kind][0]}" for kind in _SAID if done.get(kind)]
        page.say(words(series(said) or "nothing was begun", DIM), "    ", "    ")
        if run.why:
            page.say(words(prose(run.why), DIM), "    ", "    ")
    if not runs:
        page.say(words("There were no runs."))
    return page.text()


def run_terminal(run: Run, entries: Iterable[Entry], style: Style) -> str:
    """One run, with each change."""
    page = Page(style)
    groups: dict[What, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(what(entry), []).append(entry)
    for kind in _SAID:
        if kind in groups:
            _group(page, kind, groups[kind], rehearsal=False, verbose=style.verbosity >= 1)
    ended = run.how or "killed, or under way"
    change_set = f"change set {run.change_set[:12]}"
    page.say([("costguard reconcile:", BOLD), *words(f"run {run.id} ({run.kind}, {change_set}): {ended}.")])
    if run.why:
        page.say(words(prose(run.why)))
    return page.text()


def runs_json(runs: Sequence[tuple[Run, Sequence[Entry]]], *, changes: bool) -> str:
    """The runs for programs; with each change where one run was asked for."""
    document = {
        "schema": "costguard/runs/v1",
        "runs": [
            {
                "run": run.id,
                "kind": run.kind,
                "of": run.of or None,
                "change_set": run.change_set,
                "started": run.started,
                "finished": run.ended,
                "ended": run.how,
                "why": run.why,
                "counts": _counted(entries),
                **({"changes": [_entry(entry) for entry in entries]} if changes else {}),
            }
            for run, entries in runs
        ],
    }
    return _json(document)


def _counted(entries: Iterable[Entry]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in entries:
        counts[what(entry)] = counts.get(what(entry), 0) + 1
    return dict(sorted(counts.items()))
