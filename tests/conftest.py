"""Fixtures for what is heavy: real Terraform. A test that needs it skips with a reason where it is absent, and fails
where ``COSTGUARD_REQUIRE`` names it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

ROOT = Path(__file__).resolve().parent.parent


def absent(part: str, why: str) -> NoReturn:
    """Skips the test because ``part`` isn't here, or fails it where the environment requires that part."""
    if part in os.environ.get("COSTGUARD_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"COSTGUARD_REQUIRE asks for {part}, but {why}")
    pytest.skip(why)


class Terraform(msgspec.Struct, frozen=True):
    """The terraform program, a folder with a mirror of the AWS provider, and an environment that is nobody's own."""

    program: str
    mirror: str
    environment: Mapping[str, str]

    def run(self, folder: Path, *arguments: str) -> str:
        """What the program prints; fails the test with its words where it fails."""
        done = subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"terraform {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def init(self, folder: Path) -> None:
        self.run(folder, "init", "-input=false", "-no-color", f"-plugin-dir={self.mirror}")


@pytest.fixture(scope="session")
def terraform() -> Terraform:
    """Real Terraform with the real AWS provider: ``COSTGUARD_TERRAFORM_MIRROR`` names the mirror, or a program that
    stands beside the repository prints it."""
    program = shutil.which("terraform") or absent("terraform", "the terraform program is not installed")
    mirror = os.environ.get("COSTGUARD_TERRAFORM_MIRROR", "")
    finder = ROOT.parent / "shared" / "bin" / "terraform-mirror"
    if not mirror and finder.exists():
        mirror = subprocess.run([finder], capture_output=True, text=True, check=False).stdout.strip()
    if not mirror:
        absent("terraform", "COSTGUARD_TERRAFORM_MIRROR doesn't name a mirror of the AWS provider")
    environment = {name: value for name, value in os.environ.items() if name != "TF_CLI_CONFIG_FILE"}
    return Terraform(program, mirror, environment)
