"""Nights as they are run: what they need, and what they leave."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard.cli.main import outcome
from costguard.model.night import Night
from tests.servers.organisation import EXTERNAL_ID, ROLE, SHOP, policy

HEAD = (
    "ChargeCategory,BilledCost,EffectiveCost,ProviderName,SubAccountId,ResourceId,BillingCurrency,ChargePeriodStart,"
    "Tags\n"
)
UNKNOWN_HERE = [
    f"aws/*/*/{name}/native"
    for name in (
        "aws_db_option_group",
        "aws_ec2_capacity_reservation",
        "aws_ec2_client_vpn_endpoint",
        "aws_elasticache_parameter_group",
        "aws_elasticache_serverless_cache",
    )
]
"""What moto can't be asked about."""
ALONE = {"aws": {"regions": ["us-east-1"], "sources": ["native"]}, "allow-gaps": UNKNOWN_HERE}
Out = pytest.CaptureFixture[str]


def configured(folder: Path, **sections: Any) -> None:
    (folder / "policy.yaml").write_text(policy())
    document = {
        "version": 1,
        "policies": ["policy.yaml"],
        "inventory": {
            "aws": {
                "accounts": "organization",
                "role": ROLE,
                "external-id": EXTERNAL_ID,
                "sources": ["native"],
                "regions": ["us-east-1"],
            },
            "allow-gaps": UNKNOWN_HERE,
        },
        **sections,
    }
    (folder / "costguard.yaml").write_text(json.dumps(document))


def billed(path: Path, *charges: tuple[str, str, str]) -> None:
    """A bill of charges: what each costs, the resource's id and its owner."""
    lines = [
        f'Usage,{cost},{cost},AWS,{SHOP},{resource},USD,2026-11-02T00:00:00Z,"{{""owner"": ""{owner}""}}"\n'
        if owner
        else f"Usage,{cost},{cost},AWS,{SHOP},{resource},USD,2026-11-02T00:00:00Z,\n"
        for cost, resource, owner in charges
    ]
    path.write_text(HEAD + "".join(lines))


def night(capsys: Out, *arguments: str) -> tuple[int, Night, list[dict[str, Any]]]:
    """How it ended, its result, and what it logged."""
    capsys.readouterr()
    code = outcome(["nightly", "--format", "json", *arguments])
    out, err = capsys.readouterr()
    return code, msgspec.json.decode(out, type=Night), [json.loads(line) for line in err.splitlines()]


def states(made: Night) -> dict[str, str]:
    return {one.name: one.state for one in made.stages}
