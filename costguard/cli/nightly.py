"""``costguard nightly``: scan, reconcile, spend, report and notify, in one run that can be taken up again."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import click

from costguard.cli import options, say
from costguard.cli.progress import StatusLine
from costguard.config import store_address
from costguard.errors import ExitCode, UsageError
from costguard.model.night import STAGES, Night

_STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@click.command("nightly")
@options.policy_options
@click.option("--skip", "skipped", multiple=True, type=click.Choice(STAGES), help="Leave this stage out. Repeatable.")
@click.option(
    "--apply/--plan-only",
    "apply",
    default=None,
    help="Let the reconciler write what it can prove, or not. Default: nightly.apply of costguard.yaml.",
)
@click.option("--fresh", is_flag=True, help="Begin anew also where a night that was killed could be taken up.")
@click.option(
    "--fail-on",
    type=click.Choice(["objective", "never"]),
    default="never",
    show_default=True,
    help="End in 1 where the objective of slo is missed.",
)
@click.option(
    "--log",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="How standard error says how far it is: for people, or as JSON lines. auto: JSON where no terminal is.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    show_default=True,
    help="How the result is printed; the report is a file either way.",
)
@click.option("--quiet", "-q", is_flag=True, help="Nothing on standard error but what went wrong.")
def command(
    policies: tuple[str, ...],
    config_file: str | None,
    skipped: tuple[str, ...],
    apply: bool | None,
    fresh: bool,
    fail_on: str,
    log: str,
    format_name: str,
    quiet: bool,
) -> int:
    """Scan, reconcile, spend, report, notify: one run for every night.

    What to do is in costguard.yaml. A stage that fails leaves the others' results standing, and the run ends in 3. One
    that was killed is taken up by the next.
    """
    from costguard.nightly.history import leased, open_nights
    from costguard.nightly.run import Asked, run
    from costguard.reconcile.journal.sql import open_journal

    config = options.config_in_force(config_file)
    if config is None:
        raise UsageError("nightly goes by costguard.yaml, and there is none here or above: name one with --config")
    policy = options.policy_in_force(policies, config_file)
    asked = Asked(
        config=config,
        policy=policy,
        apply=config.doc.nightly.apply if apply is None else apply,
        skip=frozenset(one for one in STAGES if one in skipped),
        fresh=fresh,
    )
    if not asked.wanted:
        raise UsageError("--skip leaves no stage to run")
    url = store_address(config, os.environ)
    teller = _Teller(_json(log), quiet=quiet)
    with (
        _stopping(),
        leased(url, "costguard nightly", lambda why: teller("lease.waiting", {"why": why})),
        open_nights(url) as nights,
        closing(open_journal(url)) as journal,
    ):
        try:
            ended = run(asked, nights, journal, told=teller, say=teller.say)
        finally:
            teller.clear()
    if format_name == "json":
        from costguard.model.spool import encoded
        from costguard.reports.text import json_text

        options.write(json_text(encoded(ended.night)) + "\n", utf_8=True)
    else:
        from costguard.reports.night import terminal

        options.write(terminal(ended.night, ended.folder, stages=quiet or _json(log)))
    if ended.exit_code is ExitCode.CLEAN and fail_on == "objective" and _missed(ended.night):
        return ExitCode.FINDINGS
    return ended.exit_code


def _missed(night: Night) -> bool:
    return night.spend is not None and night.spend.slo is not None and night.spend.slo.state == "missed"


def _json(log: str) -> bool:
    return log == "json" or (log == "auto" and not (sys.stderr is not None and sys.stderr.isatty()))


@contextmanager
def _stopping() -> Iterator[None]:
    """What stops a container or a job ends the night as a person at the keyboard would: it can be taken up at once."""
    handlers = {
        number: signal.signal(number, signal.default_int_handler)
        for number in _STOPS
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Teller:
    """Says on standard error what happens, as lines for people or as JSON lines."""

    def __init__(self, as_json: bool, *, quiet: bool) -> None:
        self._json = as_json
        self._quiet = quiet
        self._line = StatusLine(quiet=quiet or as_json)
        self._stage = ""

    def __call__(self, event: str, about: Mapping[str, object]) -> None:
        from costguard.reports.text import prose

        bad = event == "bug" or about.get("state") in ("failed", "incomplete")
        if self._quiet and not bad:
            return
        if self._json:
            level = "error" if event == "bug" or about.get("state") == "failed" else "warning" if bad else "info"
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            say(json.dumps({"time": at, "level": level, "event": event, **about}, default=str))
            return
        self.clear()
        match event:
            case "night.began" | "night.resumed":
                say(f"night {about['night']}{' is taken up again' if event == 'night.resumed' else ''}")
            case "stage.began":
                self._stage = str(about["stage"])
            case "stage.kept":
                say(f"  {about['stage']:<10} done before")
            case "stage.ended":
                why = f": {prose(str(about['why']))}" if about["why"] else ""
                say(f"  {about['stage']:<10} {about['state']}{why}")
            case "lease.waiting":
                self._line(f"waiting: {about['why']}")
            case "bug":
                say(str(about["trace"]))

    def say(self, text: str) -> None:
        """How far the stage is, where somebody looks."""
        self._line(f"  {self._stage:<10} {text}")

    def clear(self) -> None:
        self._line.clear()
