"""The schema of the real AWS provider, where this machine can run Terraform against a mirror of it."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

ROOT = Path(__file__).parents[2]

CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
"""


class AwsSchema(msgspec.Struct, frozen=True):
    """``terraform providers schema -json``: the file, the version of the provider, and its resource types."""

    file: Path
    version: str
    types: Mapping[str, Any]


def give_up(why: str) -> NoReturn:
    if "terraform" in os.environ.get("COSTGUARD_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"COSTGUARD_REQUIRE asks for terraform, but {why}")
    pytest.skip(why)


def find_mirror() -> str:
    """The provider mirror: named by the environment, or found by a program that stands beside the repository."""
    if named := os.environ.get("COSTGUARD_TERRAFORM_MIRROR"):
        return named
    finder = ROOT.parent / "shared" / "bin" / "terraform-mirror"
    if not finder.exists():
        give_up("COSTGUARD_TERRAFORM_MIRROR doesn't name a mirror of the AWS provider")
    found = subprocess.run([finder], capture_output=True, text=True, check=False)
    return found.stdout.strip() or give_up("this machine has no mirror of the AWS provider")


@pytest.fixture(scope="session")
def aws_schema(tmp_path_factory: pytest.TempPathFactory) -> AwsSchema:
    terraform = shutil.which("terraform") or give_up("the terraform program is not installed")
    mirror = find_mirror()
    folder = tmp_path_factory.mktemp("schema")
    (folder / "main.tf").write_text(CONFIGURATION)
    # A configuration of the machine's own could send Terraform elsewhere.
    environment = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}

    def run(*arguments: str) -> str:
        command = [terraform, *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "-input=false", "-no-color", f"-plugin-dir={mirror}")
    file = folder / "schema.json"
    file.write_text(run("providers", "schema", "-json"))
    versions = json.loads(run("version", "-json"))["provider_selections"]
    ((_, provider),) = json.loads(file.read_bytes())["provider_schemas"].items()
    return AwsSchema(file, versions["registry.terraform.io/hashicorp/aws"], provider["resource_schemas"])
