"""Builds policies from text and resources from a few words, so that tests read in the words of the field."""

import textwrap
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import pytest

from costguard.engine import evaluate
from costguard.errors import DocumentError
from costguard.model.finding import Finding, Report
from costguard.model.resource import Checkpoint, Cloud, Inventory, Known, Resource, Surface, Tag, TagSet, Unknown
from costguard.policy import Policy
from costguard.policy.load import load

TODAY = date(2026, 6, 15)
TYPES: Mapping[Cloud, tuple[str, str]] = {
    "aws": ("aws_s3_bucket", "tags"),
    "google": ("google_storage_bucket", "labels"),
    "azure": ("azurerm_resource_group", "tags"),
}
PROVIDERS: Mapping[Cloud, str] = {"aws": "aws", "google": "google", "azure": "azurerm"}
LATER = Unknown("known only after apply")


class Secret(str):
    """A value that Terraform marks as sensitive."""

    __slots__ = ()


Value = str | None
"""None is a value that is there and not known."""


def write(folder: Path, *texts: str) -> list[Path]:
    """The texts as files p0.yaml, p1.yaml, …, dedented, without a version where they state one."""
    files = []
    for number, text in enumerate(texts):
        body = textwrap.dedent(text).lstrip("\n")
        file = folder / f"p{number}.yaml"
        file.write_text(body if "version" in body else f"version: 1\n{body}", "utf-8")
        files.append(file)
    return files


def policy(folder: Path, *texts: str) -> Policy:
    return load(write(folder, *texts))


def mistakes(folder: Path, *texts: str) -> list[str]:
    """Every mistake as ``p0.yaml:3: tags.owner: …``."""
    with pytest.raises(DocumentError) as caught:
        load(write(folder, *texts))
    assert list(caught.value.problems) == sorted(caught.value.problems)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def tag_set(
    tags: Mapping[str, Value],
    *,
    opened: str = "",
    hidden: Iterable[tuple[str, str]] = (),
    source: str = "the resource",
) -> TagSet:
    entries = {
        key: Tag(LATER if text is None else Known(str(text), isinstance(text, Secret)), source)
        for key, text in tags.items()
    }
    return TagSet(entries, opened, tuple(hidden))


def resource(
    tags: Mapping[str, Value] | TagSet | None = None,
    *,
    cloud: Cloud = "aws",
    type: str | None = None,  # noqa: A002 - the field's word
    address: str | None = None,
    module: str = "",
    account: str | None = None,
    region: str | None = None,
    provider: str | None = None,
    surfaces: tuple[Surface, ...] | None = None,
    touched: bool = True,
    id: str | None = None,  # noqa: A002 - the field's word
) -> Resource:
    usual, path = TYPES[cloud]
    kind = type or usual
    own = tags if isinstance(tags, TagSet) else tag_set(tags or {})
    return Resource(
        address=address or f"{kind}.it",
        type=kind,
        provider=provider or PROVIDERS[cloud],
        cloud=cloud,
        module=module,
        id=id,
        account=account,
        region=region,
        surfaces=(Surface(path, own),) if surfaces is None else surfaces,
        touched=touched,
    )


def report(
    rules: Policy,
    *resources: Resource,
    checkpoint: Checkpoint = "plan",
    today: date = TODAY,
    with_resources: bool = False,
) -> Report:
    inventory = Inventory(checkpoint=checkpoint, resources=resources)
    return evaluate(rules, inventory, today, with_resources=with_resources)


def findings(rules: Policy, *resources: Resource, checkpoint: Checkpoint = "plan") -> tuple[Finding, ...]:
    return tuple(report(rules, *resources, checkpoint=checkpoint).findings)


def verdicts(rules: Policy, *resources: Resource, checkpoint: Checkpoint = "plan") -> dict[str, str]:
    """What is said of each tag (of each rule, where no tag is at fault)."""
    return {f.tag or f.rule: str(f.verdict) for f in findings(rules, *resources, checkpoint=checkpoint)}
