"""``costguard policy``: validate, test and show policies."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from costguard import catalog
from costguard.cli import options, say
from costguard.errors import DocumentError, ExitCode, Problem, UsageError
from costguard.examples import failures
from costguard.policy import Policy
from costguard.policy.load import load, locate
from costguard.policy.patterns import glob_matches
from costguard.policy.show import as_yaml
from costguard.policy.validate import near
from costguard.reports.text import printable

_LINE = 10_000
"""Longer than any line that somebody wrote by hand: what is printed here is to be read as it was written."""


@click.group("policy")
def command() -> None:
    """Validate, test and show policies."""


@command.command("validate")
@click.argument("files", nargs=-1, metavar="[POLICY]...")
@options.policy_options
def validate(files: tuple[str, ...], policies: tuple[str, ...], config_file: str | None) -> int:
    """Check policies, together as they would be in force. Every mistake is reported in one run."""
    policy = _load(files, policies, config_file)
    if policy.warnings:
        raise DocumentError(policy.warnings)
    for remark in _never_met(policy):
        say(f"note: {printable(remark)}")
    tags = sum(1 for rule in policy.rules if rule.id.startswith("tags/"))
    options.write(
        f"valid: {_many(tags, 'tag')}, {_many(len(policy.rules) - tags, 'rule')}, "
        f"{_many(len(policy.exemptions), 'exemption')}, {_many(len(policy.examples), 'example')}\n"
    )
    return ExitCode.CLEAN


@command.command("test")
@click.argument("files", nargs=-1, metavar="[POLICY]...")
@options.policy_options
def test(files: tuple[str, ...], policies: tuple[str, ...], config_file: str | None) -> int:
    """Run the examples that policies carry.

    Each file is judged with what it extends and without the others, since its examples were written for that.
    """
    sources, base = options.sources_in_force((*policies, *files), config_file)
    today = datetime.now(UTC).date()
    wrong: list[Problem] = []
    mistakes: list[Problem] = []
    count = 0
    for file in locate(sources, base):
        try:
            policy = load([file])
        except DocumentError as error:
            mistakes += error.problems
            continue
        own = tuple(example for example in policy.examples if example.origin.file == policy.files[-1])
        count += len(own)
        wrong += failures(policy, own, today)
    if mistakes:
        raise DocumentError(mistakes)
    if count == 0:
        raise UsageError("the policies carry no examples, so nothing was tested; add some under examples:")
    passed = count - len(wrong)
    said = [*map(str, sorted(wrong)), f"{_many(count, 'example')}: {passed} passed, {len(wrong)} failed"]
    options.write("".join(f"{printable(line, _LINE)}\n" for line in said))
    return ExitCode.FINDINGS if wrong else ExitCode.CLEAN


@command.command("show")
@click.argument("files", nargs=-1, metavar="[POLICY]...")
@options.policy_options
def show(files: tuple[str, ...], policies: tuple[str, ...], config_file: str | None) -> int:
    """Print the merged policy in force, and where each part of it was said."""
    lines = as_yaml(_load(files, policies, config_file)).splitlines()
    options.write("".join(f"{printable(line, len(line) + 1)}\n" for line in lines))
    return ExitCode.CLEAN


def _never_met(policy: Policy) -> Iterator[str]:
    """Selectors of types that nobody has heard of: most likely a slip, though a provider may be newer than we are."""
    types = list(catalog.known_types())
    places = [(rule.id, rule.selector.type) for rule in policy.rules]
    places += [(exemption.origin, exemption.selector.type) for exemption in policy.exemptions]
    for place, globs in dict.fromkeys(places):
        for glob in globs:
            if glob.startswith(("aws_", "google_", "azurerm_")) and not any(glob_matches(glob, name) for name in types):
                yield f"{place}: no type in the catalogue is called {glob}{near(glob, types)}"


def _load(files: tuple[str, ...], policies: tuple[str, ...], config_file: str | None) -> Policy:
    return options.policy_in_force((*policies, *files), config_file)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
