"""Fixtures for what is heavy: real Terraform, and a cloud on loopback. A test that needs what is absent skips with a
reason, and fails where ``COSTGUARD_REQUIRE`` names it. No test of this suite reaches beyond loopback.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
import pytest

if TYPE_CHECKING:
    from tests.servers.aws import AwsServer
    from tests.servers.organisation import Organisation, Scan

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


_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - nothing is bound to it; it is a name to connect to.
_strays: list[str] = []


def _stay_on_loopback(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: refuses to resolve or to reach what isn't this machine, and remembers who asked."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if isinstance(host, str) and host and not host.startswith(_LOOPBACK):
        _strays.append(host)
        raise ConnectionRefusedError(f"a test must not reach {host}")


sys.addaudithook(_stay_on_loopback)


@pytest.fixture(autouse=True)
def loopback_only() -> Iterator[None]:
    """Fails a test that tried to reach another machine, also where the code under test swallowed the refusal."""
    _strays.clear()
    yield
    assert not _strays, f"the test tried to reach {', '.join(sorted(set(_strays)))}"


@pytest.fixture(scope="session")
def aws_server() -> "Iterator[AwsServer]":
    """One cloud for all tests of a process; :func:`aws` is what a test takes."""
    from tests.servers.aws import AwsServer

    with AwsServer() as server:
        yield server


@pytest.fixture
def aws(aws_server: "AwsServer", monkeypatch: pytest.MonkeyPatch) -> "AwsServer":
    """An empty AWS on loopback, to which this process's environment points every SDK."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws_server.environment().items():
        monkeypatch.setenv(name, value)
    aws_server.reset()
    return aws_server


@pytest.fixture(scope="module")
def made(aws_server: "AwsServer") -> "Organisation":
    """An organisation in that cloud, made once for the tests of a module."""
    from tests.servers.organisation import Organisation

    return Organisation(aws_server)


@pytest.fixture
def organisation(made: "Organisation", monkeypatch: pytest.MonkeyPatch) -> "Iterator[Organisation]":
    """The organisation without faults, to which this process's environment points every SDK."""
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    made.calm()
    yield made
    made.calm()


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Scan":
    """``costguard scan`` in an empty folder."""
    from tests.servers.organisation import Scan

    monkeypatch.chdir(tmp_path)
    return Scan(tmp_path)
