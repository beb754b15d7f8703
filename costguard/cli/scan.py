"""``costguard scan``: the live inventories of AWS and Google Cloud."""

import contextlib
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from costguard import reports
from costguard.cli import options
from costguard.cli.progress import Progress
from costguard.config import Config, ConfigDoc, InventoryDoc, objections
from costguard.errors import ExitCode, UsageError
from costguard.reports.text import printable

if TYPE_CHECKING:
    from costguard.clouds.run import Shard
    from costguard.clouds.store import Store
    from costguard.scan import Judging


def _judging_options(command: options.F) -> options.F:
    """What both a scan and a merge of its shards are judged by."""
    return options.live_options(options.judging_options(options.reporting_options(command)))


@click.group("scan", invoke_without_command=True)
@options.policy_options
@click.option(
    "--cloud",
    "clouds",
    multiple=True,
    type=click.Choice(["aws", "google"]),
    help="Read this cloud alone. Repeatable. Default: those that costguard.yaml names.",
)
@click.option("--account", "accounts", multiple=True, metavar="ID", help="An AWS account, `organization` or `current`.")
@click.option("--role", metavar="NAME|ARN", help="The role to assume in each account but one's own.")
@click.option("--profile", metavar="NAME", help="The profile of the AWS configuration to begin with.")
@click.option(
    "--region", "regions", multiple=True, metavar="NAME", help="An AWS region. Default: all that are enabled."
)
@click.option(
    "--google-scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="organizations/NUMBER, folders/NUMBER or projects/ID.",
)
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Look for this Terraform type only; * matches.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Read the I-th of N parts of the accounts, counted from 1; `auto/N` takes I from the environment of a "
    "Kubernetes indexed Job or of a CI matrix. `scan merge` puts the parts together.",
)
@click.option("--store", metavar="FILE", help="Where to keep what was seen. Default: costguard-scan.db.")
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", help="Places that are read at a time; 16 by default."
)
@click.option(
    "--permissions",
    type=click.Choice(["aws", "google"]),
    help="Print what a role needs in order to be scanned with, and scan nothing.",
)
@_judging_options
@click.pass_context
def command(
    context: click.Context,
    policies: tuple[str, ...],
    config_file: str | None,
    clouds: tuple[str, ...],
    accounts: tuple[str, ...],
    role: str | None,
    profile: str | None,
    regions: tuple[str, ...],
    scopes: tuple[str, ...],
    types: tuple[str, ...],
    shard: str | None,
    store: str | None,
    workers: int | None,
    permissions: str | None,
    states: tuple[str, ...],
    allowed: tuple[str, ...],
    fail_on: str,
    baseline: str | None,
    show_compliant: bool,
    format_name: str,
    output: str | None,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """Judge what really runs in AWS and Google Cloud.

    Reads only. What could not be read is a gap: it is in the report, and the run ends in 3. What was seen is kept in a
    file for later commands.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return ExitCode.CLEAN
    from costguard import scan
    from costguard.clouds.store import Store

    if permissions is not None:
        options.write(_permissions(permissions))
        return ExitCode.CLEAN
    config = options.config_in_force(config_file)
    inventory = _inventory(
        config,
        clouds,
        aws={
            "accounts": _one_or_all(accounts, ("organization", "current")),
            "role": role,
            "profile": profile,
            "regions": _one_or_all(regions, ("enabled",)),
        },
        google={"scopes": list(scopes) or None},
        workers=workers,
    )
    policy = options.policy_in_force(policies, config_file)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=output)
    asked = scan.Asked(inventory=inventory, types=_types(types), shard=_shard(shard), policy=policy)
    judging = options.live_judging(
        config, inventory, policy, states, allowed, baseline=baseline, show_compliant=show_compliant
    )
    path = Path(store) if store is not None else (config.folder if config else Path()) / inventory.store
    if output is not None and output != "-" and Path(output).resolve() == path.resolve():
        raise UsageError(f"--output: {output} is where the scan keeps what it saw; name another file")
    with Store.create(path) as opened:
        with Progress(quiet=quiet) as progress:
            scan.look(asked, opened, progress)
        opened.keep()
        return _deliver(opened, judging, format_name, look, output, fail_on)


@command.command("merge")
@click.argument("stores", nargs=-1, required=True, metavar="STORE...")
@options.policy_options
@click.option("--store", metavar="FILE", help="Keep what was put together in this file, for later commands.")
@_judging_options
def merge(
    stores: tuple[str, ...],
    policies: tuple[str, ...],
    config_file: str | None,
    store: str | None,
    states: tuple[str, ...],
    allowed: tuple[str, ...],
    fail_on: str,
    baseline: str | None,
    show_compliant: bool,
    format_name: str,
    output: str | None,
    verbose: int,
    quiet: bool,
    no_color: bool,
) -> int:
    """Judge what the shards of a scan saw as one run.

    STOREs are the files that `costguard scan --shard I/N --store FILE` kept; one that is missing is a gap.
    """
    from costguard import scan
    from costguard.clouds.store import Store

    options.keep(store, *stores)
    options.keep(output, *stores)
    config = options.config_in_force(config_file)
    policy = options.policy_in_force(policies, config_file)
    look = options.style(verbose=verbose, quiet=quiet, no_color=no_color, output=output)
    judging = options.live_judging(
        config,
        config.doc.inventory if config else None,
        policy,
        states,
        allowed,
        baseline=baseline,
        show_compliant=show_compliant,
    )
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="costguard-merge-")))
        into = stack.enter_context(Store.create(Path(store) if store is not None else folder / "merged.db"))
        scan.merge([Path(name) for name in stores], into)
        into.keep()
        return _deliver(into, judging, format_name, look, output, fail_on)


def _deliver(
    store: "Store",
    judging: "Judging",
    format_name: str,
    look: reports.Style,
    output: str | None,
    fail_on: str,
) -> int:
    from costguard import scan

    report = scan.judge(store, judging)
    options.deliver(report, format_name, look, output)
    return options.exit_code(report, fail_on)


def _refuse_options(context: click.Context) -> None:
    """Options before ``merge`` would be lost."""
    for name in context.params:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"options of `scan merge` go behind it: costguard scan merge --{name} … STORE...")


def _one_or_all(values: Sequence[str], words: Sequence[str]) -> str | list[str] | None:
    """A list as the configuration has it: one of its words alone, else the values."""
    if len(values) == 1 and values[0] in words:
        return values[0]
    return list(values) or None


def _inventory(
    config: Config | None,
    clouds: Sequence[str],
    *,
    aws: dict[str, object],
    google: dict[str, object],
    workers: int | None,
) -> InventoryDoc:
    """The configuration's inventory with what the command line says on top."""
    there = config.doc.inventory if config is not None else None
    data: dict[str, Any] = msgspec.to_builtins(there) if there is not None else {}
    for cloud, said in (("aws", aws), ("google", google)):
        given = {key: value for key, value in said.items() if value is not None}
        if given or (cloud in clouds and cloud == "aws"):
            data[cloud] = {**(data.get(cloud) or {}), **given}
        if clouds and cloud not in clouds:
            data.pop(cloud, None)
    if workers is not None:
        data["workers"] = workers
    if "google" in clouds and not data.get("google"):
        raise UsageError("--cloud google needs a scope: --google-scope organizations/NUMBER, folders/… or projects/…")
    return _checked(data)


def _checked(data: dict[str, Any]) -> InventoryDoc:
    """The inventory of a configuration that was put together here. Raises :class:`UsageError` with every mistake."""
    document = {"version": 1, "inventory": data}
    if wrong := objections(document):
        raise UsageError("\n".join(wrong))
    return msgspec.convert(document, ConfigDoc).inventory


def _types(patterns: Sequence[str]) -> frozenset[str] | None:
    if not patterns:
        return None
    from costguard import catalog
    from costguard.policy.patterns import glob_matches

    known = sorted(catalog.known_types())
    found = set()
    for pattern in patterns:
        matching = [name for name in known if glob_matches(pattern, name)]
        if not matching:
            raise UsageError(f"--type: no Terraform type that costguard knows is called {printable(pattern)!r}")
        found.update(matching)
    return frozenset(found)


_SHARD = re.compile(r"(auto|[0-9]{1,4})/([0-9]{1,4})")
# What counts from 0 and what from 1: Kubernetes' indexed Jobs, and GitLab's `parallel`.
_INDEXES = (("JOB_COMPLETION_INDEX", 1), ("CI_NODE_INDEX", 0))


def _shard(text: str | None) -> "Shard":
    from costguard.clouds.run import ALL, Shard

    if text is None:
        return ALL
    match = _SHARD.fullmatch(text)
    if match is None:
        raise UsageError(f"--shard: {printable(text)!r} is not I/N, as in 2/8")
    count = int(match[2])
    if match[1] == "auto":
        name, add = next(((name, add) for name, add in _INDEXES if os.environ.get(name, "").isdecimal()), ("", 0))
        if not name:
            raise UsageError(f"--shard: auto needs {' or '.join(name for name, _ in _INDEXES)} in the environment")
        index = int(os.environ[name]) + add
    else:
        index = int(match[1])
    if not 1 <= index <= count:
        raise UsageError(f"--shard: {index}/{count} is none of the shards 1/{count} to {count}/{count}")
    return Shard(index, count)


def _permissions(cloud: str) -> str:
    if cloud == "aws":
        from costguard.clouds.aws.calls import policy_document

        return policy_document()
    from costguard.clouds.google.calls import role_document

    return role_document()
