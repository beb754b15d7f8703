"""The hooks as people get them: pre-commit clones this repository, installs it into an environment of its own, and runs
it on the files of a commit."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.conftest import ROOT, absent

pytestmark = pytest.mark.precommit

TAGS = '{ owner = "payments", service = "shop", environment = "production" }'
PROVIDER = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
CLEAN = {
    "live/main.tf": f'{PROVIDER}module "m" {{\n  source = "../m"\n}}\n',
    "m/main.tf": f'resource "aws_s3_bucket" "b" {{\n  tags = {TAGS}\n}}\n',
    "costguard.yaml": "version: 1\npolicies: [policies/]\n",
    "policies/tags.yaml": "version: 1\nname: own\ntags: {owner: {aliases: [team]}, service: {}, environment: {}}\n",
}


class Ended(msgspec.Struct, frozen=True):
    code: int
    text: str


class Repository(msgspec.Struct, frozen=True):
    """Somebody's repository with Terraform in it."""

    folder: Path
    environment: Mapping[str, str]
    program: str
    hooks: Path

    def run(self, *arguments: str) -> Ended:
        done = subprocess.run(
            arguments, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        return Ended(done.returncode, done.stdout + done.stderr)

    def git(self, *arguments: str) -> str:
        ended = self.run("git", *arguments)
        assert ended.code == 0, ended.text
        return ended.text

    def pre_commit(self, *arguments: str) -> Ended:
        return self.run(self.program, *arguments)

    def add(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        self.git("add", "-A")

    def hook(self, name: str, *arguments: str) -> None:
        """Has pre-commit run one of the hooks."""
        of_ours = {"id": name, **({"args": list(arguments)} if arguments else {})}
        revision = self.run("git", "-C", str(self.hooks), "rev-parse", "HEAD").text.strip()
        wanted = {"repos": [{"repo": str(self.hooks), "rev": revision, "hooks": [of_ours]}]}
        self.add({".pre-commit-config.yaml": yaml.safe_dump(wanted)})


@pytest.fixture(scope="session")
def program() -> str:
    beside = Path(sys.executable).parent / "pre-commit"
    found = str(beside) if beside.exists() else shutil.which("pre-commit")
    if found is None or shutil.which("git") is None:
        absent("pre-commit", "pre-commit or git is not installed: pip install .[dev]")
    return found


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps its environments, which take a while to be made."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what is in this working tree."""
    folder = tmp_path_factory.mktemp("clone") / "costguard"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        absent("pre-commit", "this is no git checkout, and pre-commit clones one")
    for name in os.fsdecode(listed.stdout).split("\0"):
        if name and name.partition("/")[0] not in ("tests", "bench", "docs") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it is"]):
        subprocess.run(["git", *arguments], cwd=folder, env=_environment(), check=True)
    return folder


def _environment() -> dict[str, str]:
    """The environment of the tests, which may say where packages come from, without what git and hooks put there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT", "PYTHON"))}
    who = {
        f"GIT_{role}_{what}": f"{role}@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return {**kept, **who, "GIT_CONFIG_GLOBAL": os.devnull, "NO_COLOR": "1"}


@pytest.fixture
def repository(tmp_path: Path, clone: Path, home: Path, program: str) -> Repository:
    made = Repository(tmp_path, {**_environment(), "PRE_COMMIT_HOME": str(home)}, program, clone)
    made.git("init", "-q")
    made.add(CLEAN)
    made.git("commit", "-q", "-m", "clean")
    return made


class TestCheck:
    def test_a_clean_repository_passes(self, repository: Repository) -> None:
        repository.hook("costguard-check")

        ended = repository.pre_commit("run", "--all-files")

        assert ended.code == 0, ended.text
        assert re.search(r"costguard check\.+Passed", ended.text)

    def test_a_commit_is_stopped_by_what_it_breaks(self, repository: Repository) -> None:
        repository.hook("costguard-check")
        repository.git("commit", "-q", "-m", "hooks")
        assert repository.pre_commit("install").code == 0
        repository.add({"m/main.tf": 'resource "aws_s3_bucket" "b" {\n}\n'})

        ended = repository.run("git", "commit", "-m", "break")

        assert ended.code == 1, ended.text
        assert "module.m.aws_s3_bucket.b at m/main.tf:1" in ended.text
        assert "3 errors in 1 resource" in ended.text

    def test_what_the_commit_has_nothing_to_do_with_does_not_stop_it(self, repository: Repository) -> None:
        repository.add({"old/main.tf": PROVIDER + 'resource "aws_s3_bucket" "b" {\n}\n'})
        repository.git("commit", "-q", "-m", "old")
        repository.hook("costguard-check")
        repository.add({"m/more.tf": "# nothing\n", "README.md": "", "old/.terraform/modules/x/main.tf": "{"})

        ended = repository.pre_commit("run")

        assert ended.code == 0, ended.text

    def test_mended_debt_leaves_the_baseline_and_the_commit_has_to_take_it_along(self, repository: Repository) -> None:
        repository.hook("costguard-check", "--baseline", "debt.json")
        entry = (
            '{"root":"live","address":"module.m.aws_s3_bucket.b","rule":"tags/owner","surface":"tags","tag":"owner",'
            '"verdict":"missing"}'
        )
        repository.add({"debt.json": f'{{"schema": "costguard/baseline/v1", "findings": [{entry}]}}\n'})

        ended = repository.pre_commit("run", "--all-files")

        assert ended.code == 1, ended.text
        assert "debt.json got shorter" in ended.text
        repository.git("add", "-A")
        assert repository.pre_commit("run", "--all-files").code == 0


class TestFix:
    def test_it_writes_and_the_next_run_passes(self, repository: Repository) -> None:
        repository.hook("costguard-fix")
        repository.add(
            {"m/main.tf": f'resource "aws_s3_bucket" "b" {{\n  tags = {TAGS.replace("owner", "team")}\n}}\n'}
        )

        first = repository.pre_commit("run", "--all-files")

        assert first.code == 1, first.text
        assert (repository.folder / "m" / "main.tf").read_text() == CLEAN["m/main.tf"]
        repository.git("add", "-A")
        second = repository.pre_commit("run", "--all-files")
        assert second.code == 0, second.text


class TestPolicy:
    def test_a_policy_with_mistakes_is_stopped(self, repository: Repository) -> None:
        repository.hook("costguard-policy")
        assert repository.pre_commit("run", "--all-files").code == 0
        repository.add({"policies/tags.yaml": "version: 1\nname: own\ntags: {owner: {requierd: true}}\n"})

        ended = repository.pre_commit("run")

        assert ended.code == 1, ended.text
        assert "policies/tags.yaml:3" in ended.text


def test_a_person_may_try_it_without_a_configuration(repository: Repository) -> None:
    repository.add({"m/main.tf": 'resource "aws_s3_bucket" "b" {\n}\n'})

    ended = repository.pre_commit("try-repo", str(repository.hooks), "costguard-check", "--all-files")

    assert ended.code == 1, ended.text
    assert "module.m.aws_s3_bucket.b at m/main.tf:1" in ended.text


HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


def test_the_manifest_is_what_pre_commit_expects(program: str) -> None:
    manifest = str(ROOT / ".pre-commit-hooks.yaml")
    done = subprocess.run([program, "validate-manifest", manifest], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert [hook["id"] for hook in HOOKS] == ["costguard-check", "costguard-fix", "costguard-policy"]


@pytest.mark.parametrize(
    ("path", "hooks"),
    [
        ("main.tf", "check fix"),
        ("live/prod/main.tofu", "check fix"),
        ("a/b.tf.json", "check fix"),
        ("a/b.tofu.json", "check fix"),
        ("terraform.tfvars", "check fix"),
        ("x.auto.tfvars.json", "check fix"),
        ("templates/user-data.sh.tftpl", "check fix"),
        ("live/terragrunt.hcl", "check fix"),
        ("root.hcl", "check fix"),
        ("tests/a.tftest.hcl", ""),
        ("costguard.yaml", "policy"),
        ("infra/policies/tags.yaml", "policy"),
        ("policies/teams.csv", "policy"),
        (".terraform/modules/m/main.tf", ""),
        ("live/.terragrunt-cache/x/main.tf", ""),
        (".terraform.lock.hcl", ""),
        ("terraform.tfstate", ""),
        ("plan.json", ""),
        ("main.tf.bak", ""),
        ("xtf", ""),
    ],
)
def test_each_hook_is_for_its_files(path: str, hooks: str) -> None:
    chosen = [
        hook["id"].removeprefix("costguard-")
        for hook in HOOKS
        if re.search(hook["files"], path) and not re.search(hook.get("exclude", "^$"), path)
    ]
    assert " ".join(chosen) == hooks
