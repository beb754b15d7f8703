"""``costguard reconcile``: tags what can be proven, patches the source of what Terraform manages, flags the rest."""

import contextlib
import os
import re
import shlex
import signal
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from costguard import reports
from costguard.cli import options, say
from costguard.cli.progress import StatusLine
from costguard.config import Config, ConfigDoc, LadderDoc, store_address
from costguard.errors import ExitCode, UsageError
from costguard.model.change import ChangeSet
from costguard.model.resource import Cloud
from costguard.reports.text import ADDRESS, printable

if TYPE_CHECKING:
    from costguard.reconcile.journal import Journal, Run
    from costguard.reconcile.run import Outcome
    from costguard.reconcile.work import Work

_STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_LATEST = 1000
"""Among so many runs the last one that fits is looked for."""

_LOOK = (
    click.option("--verbose", "-v", count=True, help="Say more: every resource."),
    click.option("--quiet", "-q", is_flag=True, help="Only the summary, and what could not be read."),
    click.option("--no-color", is_flag=True, help="No colours, also on a terminal. NO_COLOR does the same."),
)
_FORMAT = click.option(
    "--format",
    "format_name",
    type=click.Choice(["terminal", "markdown", "json"]),
    default="terminal",
    show_default=True,
    help="How it is printed: as a diff, as Markdown for whoever approves it, or as the change set itself.",
)


def _look_options(command: options.F) -> options.F:
    for option in reversed(_LOOK):
        command = option(command)
    return command


@click.group("reconcile")
def command() -> None:
    """Mend what a scan found: plan, look at the plan, apply it, and undo it if need be.

    Nothing is written to a cloud but by `apply --apply` and `undo --apply`, and nothing but what a change set says.
    """


@command.command("plan")
@options.policy_options
@click.option("--store", metavar="FILE", help="What a scan kept. Default: inventory.store of costguard.yaml.")
@click.option("--state", "states", multiple=True, metavar="PATH|URL", help="As for scan. Repeatable.")
@click.option("--allow-gap", "allowed", multiple=True, metavar="PATTERN", help="As for scan. Repeatable.")
@click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Plan for this account or project alone; * matches."
)
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Plan for this Terraform type alone; * matches.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Plan for this tag of the policy alone. Repeatable.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="How sure a value must be to be written. Default: reconcile.threshold of costguard.yaml, or 0.95.",
)
@click.option("--output", "-o", metavar="FILE", help="Write the change set, which apply takes, to this file.")
@click.option("--patches", metavar="DIR", help="Write a patch for each repository into this folder.")
@_FORMAT
@_look_options
def plan(
    policies: tuple[str, ...],
    config_file: str | None,
    store: str | None,
    states: tuple[str, ...],
    allowed: tuple[str, ...],
    accounts: tuple[str, ...],
    types: tuple[str, ...],
    tags: tuple[str, ...],
    threshold: float | None,
    output: str | None,
    patches: str | None,
    format_name: str,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """Say what would be done about what the last scan found, and why.

    Writes nothing to any cloud and to no source: it makes a change set, which `costguard reconcile apply` takes.
    """
    from costguard.reconcile.plan import Narrowed
    from costguard.reconcile.work import made_plan, tags_of

    config = options.config_in_force(config_file)
    doc = config.doc if config is not None else ConfigDoc(version=1)
    policy = options.policy_in_force(policies, config_file)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=None)
    names = tags_of(policy)
    if wrong := [tag for tag in tags if tag not in names]:
        raise UsageError(f"--tag: no tag of the policy is called {printable(wrong[0])!r}; there are {', '.join(names)}")
    folder = config.folder if config is not None else Path()
    path = Path(store) if store is not None else folder / doc.inventory.store
    options.keep(output, str(path))
    judging = options.live_judging(config, doc.inventory, policy, states, allowed)
    with _journal(config) as journal:
        narrowed = Narrowed(accounts=accounts, types=types, tags=tags)
        result = made_plan(path, journal, judging, config, narrowed=narrowed, threshold=threshold)
    if output is not None:
        _save(Path(output), result.changes)
    if patches is not None:
        _save_patches(Path(patches), result.changes)
    _print(result.changes, format_name, look)
    if output is None and format_name == "terminal" and not quiet and _does_something(result.changes):
        say("costguard: --output FILE keeps the change set, and `costguard reconcile apply FILE` applies it")
    return ExitCode.INCOMPLETE if result.changes.gaps else ExitCode.CLEAN


@command.command("show")
@click.argument("changeset", metavar="CHANGESET")
@_FORMAT
@_look_options
def show(changeset: str, format_name: str, verbose: int, quiet: bool, no_color: bool) -> int:
    """Print a change set again."""
    changes = _read(changeset)
    _print(changes, format_name, options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=None))
    return ExitCode.INCOMPLETE if changes.gaps else ExitCode.CLEAN


_RUN_FORMAT = click.option(
    "--format",
    "format_name",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    show_default=True,
    help="How it is printed.",
)
_CONFIG = click.option(
    "--config", "config_file", metavar="FILE", help="The configuration to read instead of the nearest costguard.yaml."
)
_APPLY = click.option("--apply/--rehearse", "real", default=False, help="Write. Without it, only say what would be.")


@command.command("apply")
@click.argument("changeset", metavar="[CHANGESET]", required=False)
@click.option(
    "--resume",
    "resumed",
    metavar="[RUN]",
    is_flag=False,
    flag_value="last",
    help="Go on with a run that was killed or stopped itself; without RUN, with the last one that isn't done.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="PATH|URL",
    help="A Terraform state, as for the plan: what one manages by now isn't written. Repeatable.",
)
@_APPLY
@_CONFIG
@_RUN_FORMAT
@_look_options
def apply(
    changeset: str | None,
    resumed: str | None,
    states: tuple[str, ...],
    real: bool,
    config_file: str | None,
    format_name: str,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """Do what a change set says: a rehearsal, unless --apply is given.

    Each resource is read again first, and what isn't as the plan saw it is left alone. Each write is written down
    before it is sent, and verified afterwards.
    """
    from costguard.reconcile import apply as applying

    if (changeset is None) == (resumed is None):
        raise UsageError(
            "apply takes a change set (`costguard reconcile plan --output FILE` makes one), or --resume RUN"
        )
    config = options.config_in_force(config_file)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=None)
    if changeset is not None:
        changes = _read(changeset)
        clouds = {one.cloud for one in changes.changes if one.decision == "tag"} | {one.cloud for one in changes.steps}
        with _working(config, clouds, quiet=quiet) as work:
            if not real:
                settings = work.settings(changes=changes, states=states)
                return _ended(applying.rehearse(changes, work.writers, **settings), format_name, look)
            with _journal(config) as journal:
                settings = work.settings(work.notices(journal, changes), changes, states)
                outcome = applying.apply(changes, journal, work.writers, **settings)
                return _ended(outcome, format_name, look)
    if not real:
        raise UsageError("--resume writes: give --apply to go on; `costguard reconcile status RUN` says what a run did")
    with _journal(config) as journal:
        run = _run(journal, resumed or "last", _unfinished)
        stored = _change_set(run)
        clouds = {one.target.cloud for one in journal.entries(run.id)}
        if stored is not None:
            clouds |= {one.cloud for one in stored.changes if one.decision == "tag"}
            clouds |= {one.cloud for one in stored.steps}
        with _working(config, clouds, quiet=quiet) as work:
            settings = work.settings(work.notices(journal, stored), stored, states)
            return _ended(applying.resume(run.id, journal, work.writers, **settings), format_name, look)


@command.command("undo")
@click.argument("run_id", metavar="RUN")
@_APPLY
@_CONFIG
@_RUN_FORMAT
@_look_options
def undo(
    run_id: str, real: bool, config_file: str | None, format_name: str, verbose: int, quiet: bool, no_color: bool
) -> int:
    """Take back what a run wrote, where it is still as that run wrote it: a rehearsal, unless --apply is given.

    RUN is a run's id as `costguard reconcile status` has it, or `last`.
    """
    from costguard.reconcile import undo as undoing

    config = options.config_in_force(config_file)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=None)
    with _journal(config) as journal:
        run = _run(journal, run_id, _wrote)
        clouds = {one.target.cloud for one in journal.entries(run.id)}
        with _working(config, clouds, quiet=quiet) as work:
            do = undoing.undo if real else undoing.rehearse_undo
            return _ended(do(run.id, journal, work.writers, **work.settings()), format_name, look)


@command.command("status")
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--most", type=click.IntRange(1, 10_000), default=20, show_default=True, help="List so many runs.")
@_CONFIG
@_RUN_FORMAT
@_look_options
def status(
    run_id: str | None,
    most: int,
    config_file: str | None,
    format_name: str,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """List the runs and what they did; of one RUN (or `last`), each change."""
    from costguard.reconcile import report
    from costguard.reconcile.run import what

    config = options.config_in_force(config_file)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=None)
    with _journal(config) as journal:
        runs = journal.runs(most) if run_id is None else [_run(journal, run_id)]
        entries = {run.id: journal.entries(run.id) for run in runs}
    if format_name == "json":
        text = report.runs_json([(run, entries[run.id]) for run in runs], changes=run_id is not None)
    elif run_id is not None:
        text = report.run_terminal(runs[0], entries[runs[0].id], look)
    else:
        text = report.runs_terminal(runs, {run.id: Counter(map(what, entries[run.id])) for run in runs}, look)
    options.write(text, utf_8=format_name != "terminal")
    return ExitCode.CLEAN


@command.command("permissions")
@click.argument("cloud", type=click.Choice(["aws", "google", "aws-ladder"]))
@_CONFIG
def permissions(cloud: str, config_file: str | None) -> int:
    """Print what the role that writes needs to be allowed; `aws-ladder` for the rungs that stop and terminate."""
    config = options.config_in_force(config_file)
    ladder = config.doc.reconcile.ladder if config is not None else LadderDoc()
    options.write(_permissions(cloud, ladder.quarantine))
    return ExitCode.CLEAN


def _permissions(cloud: str, quarantine: str) -> str:
    match cloud:
        case "aws":
            from costguard.clouds.aws.calls import writer_policy_document

            return writer_policy_document()
        case "google":
            from costguard.clouds.google.calls import writer_role_document

            return writer_role_document()
    from costguard.clouds.aws.power import power_policy_document

    return power_policy_document(quarantine)


@contextlib.contextmanager
def _working(config: Config | None, clouds: Collection[Cloud], *, quiet: bool) -> "Iterator[Work]":
    """What a run works with, and a line that says how far it is. What stops a container or a job ends the run as a
    person at the keyboard would: it can be resumed at once."""
    from costguard.reconcile.work import Work

    line = StatusLine(quiet=quiet)
    handlers = {
        number: signal.signal(number, signal.default_int_handler)
        for number in _STOPS
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield Work(
            config,
            clouds,
            lambda far: line(f"{far.done:,} of {far.total:,}, {far.written:,} written, {far.failed:,} failed"),
        )
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        line.clear()


def _ended(outcome: "Outcome", format_name: str, look: reports.Style) -> int:
    from costguard.reconcile import report

    text = report.as_json(outcome) if format_name == "json" else report.terminal(outcome, look)
    options.write(text, utf_8=format_name != "terminal")
    if outcome.caps:
        return ExitCode.USAGE
    return ExitCode.CLEAN if outcome.complete else ExitCode.INCOMPLETE


def _any_run(journal: "Journal", run: "Run") -> bool:  # noqa: ARG001 - as the others are asked.
    return True


def _unfinished(journal: "Journal", run: "Run") -> bool:
    """Whether resuming may do something: it was killed, stopped itself, or has not settled what it began."""
    from costguard.reconcile.run import OPEN, what

    return run.how != "done" or any(what(entry) in OPEN for entry in journal.entries(run.id))


def _wrote(journal: "Journal", run: "Run") -> bool:
    """Whether it has written something, or may have."""
    from costguard.reconcile.run import what

    return any(what(entry) in ("written", "overwritten", "unsettled") for entry in journal.entries(run.id))


def _run(journal: "Journal", run_id: str, fits: "Callable[[Journal, Run], bool]" = _any_run) -> "Run":
    """The run of an id. ``last`` is the latest that fits what is asked, and which one that is is said where a later
    one doesn't."""
    if run_id == "last":
        runs = journal.runs(_LATEST)
        if not runs:
            raise UsageError("the journal has no run yet")
        latest = next((run for run in runs if fits(journal, run)), None)
        if latest is None:
            asked = "can be resumed" if fits is _unfinished else "has written anything"
            raise UsageError(f"none of the last {len(runs):,} runs {asked}: `costguard reconcile status` lists them")
        if latest is not runs[0]:
            why = "is done" if fits is _unfinished else "wrote nothing"
            say(f"costguard: the last one is run {latest.id}, for the later run {runs[0].id} {why}")
        run_id = latest.id
    found = journal.run(run_id)
    if found is None:
        raise UsageError(f"the journal has no run {printable(run_id)}: `costguard reconcile status` lists them")
    return found


def _change_set(run: "Run") -> ChangeSet | None:
    """The change set of a run; None for one that undoes another."""
    from costguard.model.change import read

    return read(run.payload, f"the journal's run {run.id}") if run.kind == "apply" and run.payload else None


def _journal(config: Config | None) -> "AbstractContextManager[Journal]":
    """The journal that the configuration names. Raises :class:`UsageError` and :class:`JournalError`."""
    from costguard.reconcile.journal.sql import open_journal

    return closing(open_journal(store_address(config, os.environ)))


def _read(path: str) -> ChangeSet:
    from costguard.model.change import read

    return read(options.read_input() if path == "-" else options.read_file(path), printable(path, ADDRESS))


def _print(changes: ChangeSet, format_name: str, look: reports.Style) -> None:
    from costguard.reports.changes import FORMATS

    options.write(FORMATS[format_name](changes, look), utf_8=format_name != "terminal")


def _does_something(changes: ChangeSet) -> bool:
    return bool(changes.steps) or any(change.decision == "tag" for change in changes.changes)


def _save(path: Path, changes: ChangeSet) -> None:
    """A change set names every account and resource: only its user may read it."""
    from costguard.model.change import written

    _write(path, written(changes))


def _write(path: Path, raw: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{printable(str(path), ADDRESS)} can't be written: {why}") from error


def _save_patches(folder: Path, changes: ChangeSet) -> None:
    """One file for each repository, called after it."""
    names: Counter[str] = Counter()
    for patch in changes.patches:
        if not patch.diff:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--patches: {printable(str(folder), ADDRESS)} is no folder: {error.strerror}") from error
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", Path(patch.repository).name).lstrip(".") or "source"
        names[stem] += 1
        name = stem if names[stem] == 1 else f"{stem}-{names[stem]}"
        _write(folder / f"{name}.patch", patch.diff.encode())
        where = printable(str(folder / f"{name}.patch"), ADDRESS)
        repository = printable(patch.repository, ADDRESS)
        say(
            f"costguard: {where}: git -C {shlex.quote(repository)} apply brings {len(patch.mends):,} resources in order"
        )
