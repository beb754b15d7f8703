"""Bills in a few words: FOCUS charges as a CSV file, and the report on them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from costguard.config import SpendDoc
from costguard.model.cost import SpendReport
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.spend.report import Asked, report

POLICY = """
version: 1
name: owners
tags:
  owner: {aliases: [team], value: {pattern: "^[a-z]+$"}}
  environment: {value: {enum: [production, dev]}}
"""
COLUMNS = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "ChargeCategory",
    "ChargePeriodStart",
    "CommitmentDiscountStatus",
    "ProviderName",
    "RegionId",
    "ResourceId",
    "ServiceName",
    "SubAccountId",
    "Tags",
    "AllocatedTags",
)
GOOD = '{"owner": "shop", "environment": "dev"}'


def charge(cost: str, tags: str | None = None, resource: str | None = "i-1", **more: str) -> dict[str, str]:
    """One charge of usage: an instance in us-east-1 and October, unless that says more."""
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargePeriodStart": "2026-10-01T00:00:00Z",
        "ProviderName": "AWS",
        "RegionId": "us-east-1",
        "ResourceId": resource or "",
        "ServiceName": "Amazon EC2",
        "SubAccountId": "012345678901",
        "Tags": tags or "",
        **more,
    }


def bill(path: Path, charges: Iterable[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> Path:
    """The charges as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(charges)
    return path


def policy(folder: Path, text: str = POLICY) -> Policy:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(text, "utf-8")
    return load([str(folder / "policy.yaml")], base=Path())


def reported(
    folder: Path,
    charges: Iterable[Mapping[str, str]],
    *,
    text: str = POLICY,
    doc: SpendDoc | None = None,
    **asked: Any,
) -> SpendReport:
    """The report on a bill of these charges."""
    file = bill(folder / "bill.csv", charges)
    question = Asked(paths=((str(file), None),), doc=doc or SpendDoc(), **asked)
    return report(question, policy(folder, text), date(2026, 11, 23))
