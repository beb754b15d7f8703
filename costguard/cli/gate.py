"""``costguard gate``: the CI gate over a Terraform or OpenTofu plan."""

import gc
import os
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from costguard.baseline import apply as apply_baseline
from costguard.cli import options
from costguard.engine import evaluate
from costguard.errors import InputError, UsageError
from costguard.iac.plan import read
from costguard.reports.text import ADDRESS, printable

_SOURCES = (".tf", ".tofu", ".tf.json", ".tofu.json")

_ZIP = b"PK\x03\x04"
"""How Terraform's own plan format begins."""


@click.command("gate")
@click.argument("plan")
@options.policy_options
@click.option(
    "--source",
    metavar="DIR",
    help="The folder of the root module that the plan was made from: findings then name file and line, and what the "
    "plan hides is read there. Default: the folder of the plan, if it holds Terraform files.",
)
@click.option("--all", "everything", is_flag=True, help="Judge what the plan leaves alone as if it were new, too.")
@options.judging_options
@options.reporting_options
def command(
    plan: str,
    policies: tuple[str, ...],
    config_file: str | None,
    source: str | None,
    everything: bool,
    fail_on: str,
    baseline: str | None,
    show_compliant: bool,
    format_name: str,
    output: str | None,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """Judge a plan before it is applied.

    PLAN is the output of `terraform show -json PLANFILE` (a file, or - for standard input), or the binary plan itself
    where terraform or tofu can be run. What the change touches blocks; what was already wrong and is left alone warns.
    """
    gc.disable()  # The run is short and makes no cycles; looking for them takes a quarter of its time on a large plan.
    options.keep(output, plan, baseline, config_file, *policies)
    policy = options.policy_in_force(policies, config_file)
    accepted = None if baseline is None else options.read_report(baseline)
    raw, name = _plan(plan)
    planned = read(raw, name)
    inventory = planned.inventory
    folder = _source(plan, source)
    joined = None
    if folder is not None:
        from costguard.iac.join import Joined, read_source

        joined = Joined(inventory, planned.configuration, read_source(folder, planned.variables))
        inventory = joined.inventory
    if everything:
        touched = tuple(msgspec.structs.replace(resource, touched=True) for resource in inventory.resources)
        inventory = msgspec.structs.replace(inventory, resources=touched)
    today = datetime.now(UTC).date()
    report = evaluate(policy, inventory, today, with_resources=show_compliant)
    if joined is not None:
        report = joined.placed(report, policy, today)
    if accepted is not None:
        report = apply_baseline(report, accepted)
    report = options.in_the_light_of_spend(report, config_file, raw)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=output)
    options.deliver(report, format_name, look, output)
    return options.exit_code(report, fail_on)


def _source(plan: str, source: str | None) -> Path | None:
    """The folder of the plan's source. Raises :class:`UsageError` where one is named that holds none."""
    folder = Path(source) if source is not None else Path(plan).parent
    if source is None and plan == "-":
        return None
    try:
        with os.scandir(folder) as entries:
            there = any(entry.name.endswith(_SOURCES) for entry in entries)
    except OSError as error:
        if source is None:
            return None
        raise UsageError(f"--source: {source} can't be read: {error.strerror}") from error
    if source is not None and not there:
        raise UsageError(f"--source: there are no Terraform files in {source}")
    if not there:
        return None
    try:  # Places are named from here, as a person types them and as CI annotates them.
        return folder.resolve().relative_to(Path.cwd())
    except ValueError:
        return folder


def _plan(plan: str) -> tuple[bytes, str]:
    """The plan's JSON, and what to call it in messages."""
    if plan == "-":
        raw = options.read_input()
        if raw.startswith(_ZIP):
            raise InputError("standard input is a binary plan; give it as a file, for terraform to read")
        return raw, "standard input"
    raw, name = options.read_file(plan), printable(plan, ADDRESS)
    if raw.startswith(_ZIP):
        from costguard.iac.terraform import show_plan

        return show_plan(Path(plan)), name
    return raw, name
