"""``costguard check``: Terraform source, before anybody plans it."""

import gc
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from costguard import baseline as accepted_debt
from costguard.baseline import Entry, Settled
from costguard.cli import options, say
from costguard.errors import ExitCode, InputError, UsageError
from costguard.reports.text import ADDRESS, printable

_NAMED = 10


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.policy_options
@options.source_options
@options.judging_options
@click.option(
    "--write-baseline",
    metavar="FILE",
    help="Accept what is found today as old debt, in this file. One that is there only loses findings.",
)
@click.option("--accept-new", is_flag=True, help="With --write-baseline: accept also what the file doesn't have yet.")
@options.reporting_options
@click.option(
    "--jobs", type=click.IntRange(0, 64), default=0, metavar="N", help="Processes; by default as many as pay off."
)
def command(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    config_file: str | None,
    variables: tuple[str, ...],
    var_files: tuple[str, ...],
    env_vars: bool,
    fail_on: str,
    baseline: str | None,
    show_compliant: bool,
    write_baseline: str | None,
    accept_new: bool,
    format_name: str,
    output: str | None,
    verbose: int,
    quiet: bool,
    no_color: bool,
    jobs: int,
) -> int:
    """Judge Terraform source, without Terraform and without a network.

    PATHs are folders, or files as a hook passes them; without one, the working directory. Each file is judged in the
    root modules that it belongs to. In a run for single files only what has to do with their folders is reported.
    """
    from costguard.check import Asked, check

    gc.disable()  # Runs are short; where they aren't, the collector is called when it pays.
    if baseline is not None and write_baseline is not None:
        raise UsageError("--baseline and --write-baseline both name the accepted debt; give one of them")
    if accept_new and write_baseline is None:
        raise UsageError("--accept-new goes with --write-baseline FILE")
    options.keep(output, baseline, write_baseline, config_file, *policies, *var_files, *paths)
    style = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=output)
    policy = options.policy_in_force(policies, config_file)
    debt = _debt(baseline, write_baseline)
    asked = Asked(
        policy=policy,
        settings=options.source_settings(variables, var_files, env_vars),
        config=options.config_in_force(config_file),
        today=datetime.now(UTC).date(),
        with_resources=show_compliant,
        accepted=debt.entries if debt else None,
        accept_new=accept_new or (debt is not None and not debt.there),
        jobs=jobs,
    )
    checked = check(paths or (".",), asked)
    report = options.in_the_light_of_spend(checked.report, config_file)
    options.deliver(report, format_name, style, output)
    code = options.exit_code(report, fail_on)
    if debt is not None and checked.settled is not None:
        _keep_debt(debt, checked.settled)
        if write_baseline is not None and checked.settled.new and code is ExitCode.CLEAN:
            code = ExitCode.FINDINGS
    return code


class _Debt(msgspec.Struct, frozen=True):
    """The file of accepted debt: its bytes, None where it is to be made. ``growing``: it was named to be written."""

    path: str
    raw: bytes | None
    entries: frozenset[Entry]
    growing: bool

    @property
    def there(self) -> bool:
        return self.raw is not None


def _debt(baseline: str | None, write_baseline: str | None) -> _Debt | None:
    path = baseline if baseline is not None else write_baseline
    if path is None:
        return None
    growing = write_baseline is not None
    if growing and path and not Path(path).exists():
        return _Debt(path, None, frozenset(), growing)
    raw = options.read_file(path)
    return _Debt(path, raw, accepted_debt.read(raw, printable(path, ADDRESS)), growing)


def _keep_debt(debt: _Debt, settled: Settled) -> None:
    """Writes what is left of the accepted debt, and says what became of it."""
    name = printable(debt.path, ADDRESS)
    raw = accepted_debt.render(settled.kept)
    if raw != debt.raw and (debt.growing or frozenset(settled.kept) != debt.entries):
        _write(debt.path, raw)
    if settled.mended:
        say(f"costguard: {name} got shorter: {_count(settled.mended)} mended and not accepted any more")
        _list(settled.mended)
    if not debt.growing and (moved := frozenset(settled.kept) - debt.entries):
        say(f"costguard: {name} follows what was moved: {_count(sorted(moved))} accepted under another address")
    if debt.growing and settled.new:
        say(f"costguard: {_count(settled.new)} new and not in {name}; mend them, or accept them with --accept-new")
        _list(settled.new)
    elif debt.growing and not debt.there:
        say(f"costguard: wrote {name}: {_count(settled.kept)} accepted")


def _count(entries: Sequence[Entry]) -> str:
    return "1 finding is" if len(entries) == 1 else f"{len(entries):,} findings are"


def _list(entries: Sequence[Entry]) -> None:
    for entry in entries[:_NAMED]:
        say(f"  {printable(str(entry), ADDRESS)}")
    if len(entries) > _NAMED:
        say(f"  and {len(entries) - _NAMED:,} more")


def _write(path: str, raw: bytes) -> None:
    """Replaces the file in one step, so that nothing that is killed leaves half of it."""
    import tempfile

    target = Path(os.path.realpath(path))
    temporary = None
    try:
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(raw)
        temporary.chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise InputError(f"the baseline {printable(path, ADDRESS)} can't be written: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
