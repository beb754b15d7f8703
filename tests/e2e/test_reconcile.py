"""The nightly sequence with real Terraform: what nobody manages is tagged, what Terraform manages is mended in its
source, and the next plan shows nothing that costguard did to a cloud behind Terraform's back.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard.model.change import ChangeSet
from tests.conftest import Terraform, absent
from tests.servers.aws import HOME, AwsServer

pytestmark = pytest.mark.terraform

REGION = "eu-west-1"
ARN = f"arn:aws:sns:{REGION}:{HOME}:"
CONFIGURATION = f"""
provider "aws" {{
  region = "{REGION}"
}}

resource "aws_sns_topic" "known" {{
  count = 5
  name  = "known-${{count.index}}"

  tags = {{
    Owner = "shop"
  }}
}}

# Its source has never said whose this is; somebody did by hand, and in their own words.
resource "aws_sns_topic" "orders" {{
  name = "orders"
}}

# Somebody takes the tag off by hand.
resource "aws_sns_topic" "refunds" {{
  name = "refunds"

  tags = {{
    Owner = "shop"
  }}
}}

# Its tags are left to others.
resource "aws_sns_topic" "invoices" {{
  name = "invoices"

  lifecycle {{
    ignore_changes = [tags]
  }}
}}
"""

POLICY = """
version: 1
tags: {}
rules:
  - id: topics-have-owners
    when: {type: aws_sns_topic}
    require: {owner: {keys: {aws: Owner}, aliases: [team], value: {enum: [shop, payments]}}}
"""

SETTINGS = {
    "version": 1,
    "policies": ["policies/"],
    "inventory": {"aws": {"accounts": "current", "regions": [REGION], "sources": ["native"]}},
    "terraform": {"states": ["live/terraform.tfstate"]},
    "reconcile": {"limits": {"percent": 100}},
}


class Night(msgspec.Struct, frozen=True):
    """A repository whose configuration was applied and then tampered with, and the programs that look at it."""

    folder: Path
    aws: AwsServer
    terraform: Terraform

    def costguard(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "costguard", *arguments],
            cwd=self.folder,
            env=dict(self.terraform.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.returncode, done.stdout

    def changes(self) -> Mapping[str, tuple[Any, Any]]:
        """What the next ``terraform plan`` would change: the tags before and after, by address."""
        self.terraform.run(self.folder / "live", "plan", "-input=false", "-no-color", "-out=next")
        plan = json.loads(self.terraform.run(self.folder / "live", "show", "-json", "next"))
        return {
            one["address"]: (one["change"]["before"]["tags_all"], one["change"]["after"]["tags_all"])
            for one in plan["resource_changes"]
            if one["change"]["actions"] != ["no-op"]
        }

    def tags(self, name: str) -> dict[str, str]:
        found = self.aws.client("sns", REGION).list_tags_for_resource(ResourceArn=ARN + name)["Tags"]
        return {one["Key"]: one["Value"] for one in found}


@pytest.fixture
def night(terraform: Terraform, aws: AwsServer, tmp_path: Path) -> Night:
    folder = tmp_path / "infra"
    for name, text in {
        "live/main.tf": CONFIGURATION.lstrip("\n"),
        "policies/policy.yaml": POLICY,
        "costguard.yaml": json.dumps(SETTINGS),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    inherited = {name: value for name, value in terraform.environment.items() if not name.startswith(("AWS_", "TF_"))}
    environment = {
        **inherited,
        **aws.environment(region=REGION),
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    night = Night(folder, aws, msgspec.structs.replace(terraform, environment=environment))
    try:
        git(folder, "init", "-q")
    except FileNotFoundError:
        absent("git", "git is not installed")
    night.terraform.init(folder / "live")
    night.terraform.run(folder / "live", "apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=20")
    topics = aws.client("sns", REGION)
    topics.untag_resource(ResourceArn=f"{ARN}refunds", TagKeys=["Owner"])
    said = [{"Key": "team", "Value": "shop"}]
    topics.create_topic(Name="by-hand", Tags=said)
    for name in ("orders", "invoices"):
        topics.tag_resource(ResourceArn=ARN + name, Tags=said)
    return night


def git(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_terraform_manages_is_mended_in_its_source_and_everything_else_live(night: Night) -> None:
    drifted = night.changes()
    assert drifted == {
        "aws_sns_topic.orders": ({"team": "shop"}, {}),
        "aws_sns_topic.refunds": ({}, {"Owner": "shop"}),
    }
    assert night.costguard("scan", "--type", "aws_sns_topic")[0] == 1
    assert night.costguard("reconcile", "plan", "--output", "changes.json", "--patches", "patches")[0] == 0
    planned = msgspec.json.decode((night.folder / "changes.json").read_bytes(), type=ChangeSet)
    decisions = {one.id.removeprefix(ARN): (one.decision, one.why) for one in planned.changes}
    assert {name: decision for name, (decision, _) in decisions.items()} == {
        "by-hand": "tag",
        "invoices": "tag",
        "orders": "patch",
        "refunds": "patch",
    }
    line = CONFIGURATION[: CONFIGURATION.index('resource "aws_sns_topic" "refunds"')].count("\n")
    assert decisions["refunds"][1].endswith(
        f"its source sets Owner to 'shop' already, at live/main.tf:{line}: apply live"
    )
    [patch] = planned.patches
    assert patch.mends == (f"{ARN}orders",)

    night.costguard("reconcile", "apply", "changes.json", "--apply")
    assert {name: night.tags(name) for name in ("by-hand", "invoices", "orders", "refunds")} == {
        "by-hand": {"Owner": "shop", "team": "shop"},
        "invoices": {"Owner": "shop", "team": "shop"},
        "orders": {"team": "shop"},
        "refunds": {},
    }
    # Terraform takes back what people did, and nothing that costguard wrote.
    assert night.changes() == drifted

    [file] = (night.folder / "patches").iterdir()
    git(night.folder, "apply", str(file))
    assert night.changes() == {**drifted, "aws_sns_topic.orders": ({"team": "shop"}, {"Owner": "shop"})}
    night.terraform.run(night.folder / "live", "apply", "-input=false", "-no-color", "next")
    assert night.changes() == {}
    assert night.costguard("scan", "--type", "aws_sns_topic")[0] == 0
