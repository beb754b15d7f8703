"""What the commands that report share: their options, the policy in force, and what becomes of a report."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from costguard import config, reports
from costguard.baseline import acceptance
from costguard.cli import abandon, say
from costguard.errors import CostguardError, ExitCode, InputError, UsageError
from costguard.model.finding import Finding, Level, Report, Verdict
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.reports.text import ADDRESS, printable

if TYPE_CHECKING:
    from mmap import mmap

    from costguard.iac.source import Settings
    from costguard.scan import Judging

_LARGE = 64_000_000

F = TypeVar("F", bound=Callable[..., Any])

_POLICY = click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="PATH|NAME",
    help="A policy file, a folder of them, or a shipped policy by name. Repeatable; a later one may tighten an earlier "
    "one. Default: the policies of the nearest costguard.yaml upward, else the shipped baseline.",
)
_CONFIG = click.option(
    "--config", "config_file", metavar="FILE", help="The configuration to read instead of the nearest costguard.yaml."
)

_SOURCE = (
    click.option(
        "--var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable's value, as for Terraform."
    ),
    click.option("--var-file", "var_files", multiple=True, metavar="FILE", help="A file of values. Repeatable."),
    click.option(
        "--env-vars",
        is_flag=True,
        help="Take variables (TF_VAR_…), default tags (TF_AWS_DEFAULT_TAGS_…) and what Terragrunt's get_env asks for "
        "from the environment.",
    ),
)

_REPORTING = (
    click.option(
        "--format",
        "format_name",
        type=click.Choice(list(reports.FORMATS)),
        default="terminal",
        show_default=True,
        help="How the report is written.",
    ),
    click.option("--output", "-o", metavar="FILE", help="Write the report to this file instead of standard output."),
    click.option("--verbose", "-v", count=True, help="Say more: every resource, info findings."),
    click.option("--quiet", "-q", is_flag=True, help="Only what blocks, and the summary."),
    click.option("--no-color", is_flag=True, help="No colours, also on a terminal. NO_COLOR does the same."),
)
fail_on_option = click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "unknown", "never"]),
    default="error",
    show_default=True,
    help="The least finding that ends in exit code 1; unknown counts what can't be decided, too.",
)
_JUDGING = (
    fail_on_option,
    click.option(
        "--baseline",
        metavar="FILE",
        help="Accepted debt, which warns: a saved JSON report, or for check what --write-baseline wrote.",
    ),
    click.option("--show-compliant", is_flag=True, help="List every judged resource with its tags."),
)

_LIVE = (
    click.option(
        "--state",
        "states",
        multiple=True,
        metavar="PATH|URL",
        help="A Terraform state, a glob of them, or an s3:// URL, beside those that costguard.yaml names: they say "
        "what manages a resource. Repeatable.",
    ),
    click.option(
        "--allow-gap",
        "allowed",
        multiple=True,
        metavar="PATTERN",
        help="Accept gaps whose place matches, as in 'aws/*/ap-east-1/*'. Repeatable.",
    ),
)


def policy_options(command: F) -> F:
    """``--policy`` and ``--config``."""
    return _POLICY(_CONFIG(command))


def source_options(command: F) -> F:
    """What is known beside the files of the source."""
    for option in reversed(_SOURCE):
        command = option(command)
    return command


def reporting_options(command: F) -> F:
    """How a report is written and where to."""
    for option in reversed(_REPORTING):
        command = option(command)
    return command


def judging_options(command: F) -> F:
    """What a finding means for the exit code."""
    for option in reversed(_JUDGING):
        command = option(command)
    return command


def live_options(command: F) -> F:
    """What is known beside what a scan saw."""
    for option in reversed(_LIVE):
        command = option(command)
    return command


def live_judging(
    config: "config.Config | None",
    inventory: "config.InventoryDoc | None",
    policy: Policy,
    states: Sequence[str],
    allowed: Sequence[str],
    *,
    baseline: str | None = None,
    show_compliant: bool = False,
) -> "Judging":
    """How what a scan saw is judged, by the configuration and by the options of :func:`live_options`."""
    from costguard.scan import judging

    return judging(
        config,
        inventory,
        policy,
        datetime.now(UTC).date(),
        states=states,
        allowed=allowed,
        with_resources=show_compliant,
        accept=None if baseline is None else acceptance(read_report(baseline)),
    )


def sources_in_force(policies: Sequence[str], config_file: str | None) -> tuple[list[str], Path]:
    """The policy sources that apply, and the folder that they start from."""
    if policies:
        return list(policies), Path()
    settings = config_in_force(config_file)
    if settings is not None and settings.doc.policies:
        return settings.doc.policies, settings.folder
    return ["baseline"], Path()


def config_in_force(config_file: str | None) -> config.Config | None:
    """The configuration that the command line names, else the nearest one upward, else none."""
    if config_file is not None and not Path(config_file).is_file():
        raise UsageError(f"--config: {config_file} is not a file")
    path = Path(config_file) if config_file is not None else _nearest_config()
    return None if path is None else config.read(path)


def _nearest_config() -> Path | None:
    try:
        found = config.find(Path.cwd())
        return None if found is None else Path(os.path.relpath(found))  # as messages call all other files
    except OSError as error:
        raise UsageError(
            f"costguard.yaml can't be looked for in the working directory and above it: {error.strerror}; "
            "name it with --config, or the policies with --policy"
        ) from error


def policy_in_force(policies: Sequence[str], config_file: str | None) -> Policy:
    """The compiled policy that the command line and ``costguard.yaml`` ask for."""
    sources, base = sources_in_force(policies, config_file)
    return load(sources, base=base)


def in_the_light_of_spend(report: Report, config_file: str | None, plan: bytes = b"") -> Report:
    """The report with what the last ``costguard spend --record`` says of it, where costguard.yaml asks for that: as it
    is while the error budget is spent (``slo.tighten``), and with what resources of the ``plan`` that are at fault
    typically cost (``spend.quote``). Nothing that goes wrong here is more than a note."""
    try:
        path = Path(config_file) if config_file is not None else _nearest_config()
        # Most files have neither word, and reading YAML takes longer than the gate has for what nobody asked for.
        if path is None or not any(word in path.read_bytes() for word in (b"tighten", b"quote")):
            return report
        read = config.read(path)
        if not (read.doc.slo.tighten or read.doc.spend.quote):
            return report
        from costguard.spend.tightening import quoted, tightened

        store = config.store_address(read, os.environ)
        if read.doc.spend.quote and plan:
            report = quoted(report, store, plan)
        if read.doc.slo.tighten:
            report = tightened(report, store, read.doc.slo, datetime.now(UTC).date())
        return report
    except (CostguardError, OSError) as error:
        note = f"what costguard spend recorded can't be looked at: {error}"
        return msgspec.structs.replace(report, notes=(*report.notes, note))


def source_settings(variables: Sequence[str], var_files: Sequence[str], env_vars: bool) -> "Settings":
    """What the options of :func:`source_options` say of values that are not in the source."""
    from costguard.iac.source import Settings

    return Settings(
        variables=_variables(variables),
        var_files=tuple(map(_file, var_files)),
        environment=dict(os.environ) if env_vars else {},
    )


def _variables(texts: Sequence[str]) -> Mapping[str, str]:
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--var: {printable(text)!r} is not NAME=VALUE")
        values[name.strip()] = value
    return values


def _file(path: str) -> Path:
    if not path or not Path(path).is_file():
        raise UsageError(f"--var-file: {printable(path, ADDRESS)!r} is not a file")
    return Path(path)


def style(*, verbose: int, quiet: bool, no_color: bool, output: str | None) -> reports.Style:
    """How the terminal format should look: colours only for a person who looks, and the terminal's own width."""
    if quiet and verbose:
        raise UsageError("--quiet and --verbose ask for opposite things")
    terminal = output is None and sys.stdout is not None and sys.stdout.isatty()
    color = terminal and not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return reports.Style(color=color, width=_width(terminal), verbosity=-1 if quiet else verbose)


def _width(terminal: bool) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return max(int(columns), 40)
    try:
        return max(os.get_terminal_size(1).columns, 40) if terminal else 100
    except OSError:
        return 100


def read_file(path: str) -> bytes:
    """A file's bytes. Raises :class:`InputError` where it can't be read."""
    if not path:
        raise InputError("the name of a file is empty; is a variable of the script unset?")
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{printable(path, ADDRESS)} can't be read: {why}") from error


def read_report(path: str) -> Report:
    """A saved JSON report. Raises :class:`InputError` where it can't be read."""
    return reports.read(_mapped(path) or read_file(path), path)


def _mapped(path: str) -> "mmap | None":
    """A large file, without holding it in memory; None for any other."""
    try:
        with Path(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size < _LARGE:
                return None
            from mmap import ACCESS_READ, mmap

            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError):  # Whoever reads it says what is wrong.
        return None


def read_input() -> bytes:
    """What standard input holds."""
    if sys.stdin is None:
        raise InputError("standard input is closed, so there is nothing to read")
    if sys.stdin.isatty():
        say("costguard: reading from this terminal; end with Ctrl-D")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(f"standard input can't be read: {error.strerror}") from error


def keep(output: str | None, *inputs: str | None) -> None:
    """Refuses to write the report over what the command reads. Raises :class:`UsageError`."""
    for name in inputs:
        if output and name and "-" not in (output, name) and _same_file(output, name):
            raise UsageError(f"--output: {output} is what this command reads; name another file")


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except (OSError, ValueError):
        return False


def deliver(report: Report, format_name: str, look: reports.Style, output: str | None) -> None:
    """Writes the report where it is wanted. Files and what programs read are UTF-8, whatever the locale is."""
    pieces = reports.pieces(report, format_name, look)
    if output is None or output == "-":
        for text in pieces:
            if not write(text, utf_8=format_name != "terminal"):
                return
        return
    try:
        with Path(output).open("wb") as file:
            for text in pieces:
                file.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"--output: {output} can't be written: {error.strerror}") from error


_PLAINLY = str.maketrans({"✗": "x", "→": "->", "·": "-", "…": "..."})


def write(text: str, *, utf_8: bool = False) -> bool:
    """Writes to standard output. A reader that closes the pipe early has seen what it wanted, and changes no verdict:
    False says so. Anything else that keeps the text from being delivered is an error."""
    if sys.stdout is None:
        raise UsageError("standard output is closed, so the report went nowhere; --output FILE writes it to a file")
    encoding = "utf-8" if utf_8 else sys.stdout.encoding
    try:
        encoded = text.encode(encoding)
    except UnicodeEncodeError:
        encoded = (text if utf_8 else text.translate(_PLAINLY)).encode(encoding, "backslashreplace")
    try:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        abandon(1)
        return False
    except OSError as error:
        abandon(1)
        raise UsageError(f"standard output can't be written: {error.strerror}; the report is not whole") from error
    return True


def put(text: str, output: str | None, *, utf_8: bool = False) -> None:
    """Writes to the file that ``--output`` names, or to standard output."""
    if output is None or output == "-":
        write(text, utf_8=utf_8)
        return
    try:
        Path(output).write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"--output: {output} can't be written: {error.strerror}") from error


def exit_code(report: Report, fail_on: str) -> ExitCode:
    """The verdict on a report."""
    return verdict(report.findings, fail_on, complete=report.complete)


def verdict(findings: Iterable[Finding], fail_on: str, *, complete: bool) -> ExitCode:
    """Incomplete outranks findings; old debt never blocks."""
    if not complete:
        return ExitCode.INCOMPLETE
    if any(finding.new and _blocks(finding, fail_on) for finding in findings):
        return ExitCode.FINDINGS
    return ExitCode.CLEAN


def _blocks(finding: Finding, fail_on: str) -> bool:
    match fail_on:
        case "never":
            return False
        case "unknown":
            return finding.level.rank >= Level.WARNING.rank or finding.verdict is Verdict.UNKNOWN
        case _:
            return finding.level.rank >= Level(fail_on).rank
