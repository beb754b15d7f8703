"""The schema of the real AWS provider, where this machine can run Terraform against a mirror of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import Terraform

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


@pytest.fixture(scope="session")
def aws_schema(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> AwsSchema:
    folder = tmp_path_factory.mktemp("schema")
    (folder / "main.tf").write_text(CONFIGURATION)
    terraform.init(folder)
    file = folder / "schema.json"
    file.write_text(terraform.run(folder, "providers", "schema", "-json"))
    versions = json.loads(terraform.run(folder, "version", "-json"))["provider_selections"]
    ((_, provider),) = json.loads(file.read_bytes())["provider_schemas"].items()
    return AwsSchema(file, versions["registry.terraform.io/hashicorp/aws"], provider["resource_schemas"])
