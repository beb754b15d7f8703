"""The command as a person and as pre-commit run it."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Costguard
from tests.fix.build import Folder

BUCKET = 'resource "aws_s3_bucket" "a" {\n  bucket = "x"\n}\n'
FIXED = 'resource "aws_s3_bucket" "a" {\n  bucket = "x"\n\n  tags = {\n    owner = "team-a"\n  }\n}\n'
ARGUMENTS = ("fix", "--policy", "policy.yaml")
SET = (*ARGUMENTS, "--set", "owner=team-a")


@pytest.fixture
def bucket(folder: Folder) -> Path:
    folder.write(**{"main.tf": BUCKET})
    return folder.path / "main.tf"


def test_a_patch_is_printed_and_nothing_is_written(costguard: Costguard, bucket: Path) -> None:
    ended = costguard(*SET)
    assert ended.code == 1  # the tag is still missing
    assert bucket.read_text() == BUCKET
    assert ended.text == (
        "--- a/main.tf\n+++ b/main.tf\n@@ -1,3 +1,7 @@\n"
        ' resource "aws_s3_bucket" "a" {\n   bucket = "x"\n+\n+  tags = {\n+    owner = "team-a"\n+  }\n }\n'
    )
    assert ended.err == ("main.tf:1: would mend aws_s3_bucket.a: owner is missing; its value is what --set says\n")


def test_the_patch_can_be_applied(costguard: Costguard, bucket: Path) -> None:
    patch = costguard(*SET).out
    subprocess.run(["git", "apply", "-p1", "-"], cwd=bucket.parent, input=patch, check=True)
    assert bucket.read_text() == FIXED


def test_writing_mends_and_doing_it_again_does_nothing(costguard: Costguard, bucket: Path) -> None:
    ended = costguard(*SET, "--write")
    assert (ended.code, ended.out) == (0, b"")
    assert ended.err == "main.tf:1: mended aws_s3_bucket.a: owner is missing; its value is what --set says\n"
    assert bucket.read_text() == FIXED
    assert costguard("check", "--policy", "policy.yaml").code == 0
    before = bucket.stat()
    again = costguard(*SET, "--write")
    assert (again.code, again.out, again.err) == (0, b"", "")
    assert bucket.stat() == before


@pytest.mark.usefixtures("bucket")
def test_what_can_not_be_mended_is_named_and_fails(costguard: Costguard) -> None:
    ended = costguard(*ARGUMENTS, "--write")
    assert (ended.code, ended.out) == (1, b"")
    assert ended.err == "main.tf:1: left aws_s3_bucket.a: owner is missing: nothing says its value\n"
    assert costguard(*ARGUMENTS, "--write", "--quiet", "--fail-on", "never").err == ""
    assert costguard(*ARGUMENTS, "--write", "--fail-on", "never").code == 0


def test_what_can_not_be_decided_is_counted_and_named_when_asked_for(costguard: Costguard, folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = data.x.y.z\n}\n'})
    assert costguard(*ARGUMENTS).err == (
        "costguard: 1 more can't be decided from the source, and are left; --verbose names them\n"
    )
    assert "what isn't known is not mended" in costguard(*ARGUMENTS, "-v").err
    assert costguard(*ARGUMENTS).code == 0
    assert costguard(*ARGUMENTS, "--fail-on", "unknown").code == 1


def test_a_file_that_can_not_be_read_makes_the_run_incomplete(
    costguard: Costguard, folder: Folder, bucket: Path
) -> None:
    folder.write(**{"broken.tf": "resource {\n"})
    ended = costguard(*SET, "--write")
    assert ended.code == 3
    assert "broken.tf:" in ended.err
    assert bucket.read_text() == FIXED


@pytest.mark.parametrize("write", [(), ("--write",)])
def test_a_read_only_file_is_left_and_the_rest_is_mended(
    costguard: Costguard, folder: Folder, bucket: Path, write: tuple[str, ...]
) -> None:
    folder.write(**{"kept.tf": 'resource "aws_sqs_queue" "b" {}\n'})
    kept = folder.path / "kept.tf"
    kept.chmod(0o444)
    ended = costguard(*SET, *write)
    assert ended.code == 1
    assert "kept.tf:1: left aws_sqs_queue.b: owner is missing: kept.tf is read-only\n" in ended.err
    assert ("mended aws_s3_bucket.a" if write else "would mend aws_s3_bucket.a") in ended.err
    assert bucket.read_text() == (FIXED if write else BUCKET)
    assert kept.read_text() == 'resource "aws_sqs_queue" "b" {}\n'


def test_all_lines_are_those_of_the_text_that_is_there_when_it_is_said(costguard: Costguard, folder: Folder) -> None:
    other = BUCKET.replace('"a"', '"z"').replace('bucket = "x"', 'tags = { owner = "", environment = "x" }')
    folder.write(**{"main.tf": BUCKET + other + BUCKET.replace('"a"', '"y"')})
    would = costguard(*SET).err.splitlines()
    did = costguard(*SET, "--write").err.splitlines()
    now = (folder.path / "main.tf").read_text().splitlines()
    assert [line.split()[0] for line in would] == ["main.tf:1:", "main.tf:5:", "main.tf:7:", "main.tf:5:"]
    assert [line.split()[0] for line in did] == ["main.tf:1:", "main.tf:9:", "main.tf:11:", "main.tf:9:"]
    assert ["left" in line for line in did] == [False, False, False, True]
    assert now[0] == 'resource "aws_s3_bucket" "a" {'
    assert now[8] == '  tags = { owner = "team-a", environment = "x" }'
    assert now[10] == 'resource "aws_s3_bucket" "y" {'


def test_the_configuration_is_called_as_seen_from_here(costguard: Costguard, folder: Folder) -> None:
    folder.write(
        **{
            "costguard.yaml": "version: 1\nfix:\n  values:\n    - {path: ., set: {owner: team-a}}\n",
            "live/main.tf": BUCKET,
        }
    )
    assert "its value is what costguard.yaml:4 says\n" in costguard(*ARGUMENTS).err
    folder.write(**{"costguard.yaml": "version: 1\nfix:\n  values:\n    - {path: .., set: {owner: team-a}}\n"})
    ended = costguard(*ARGUMENTS)
    assert ended.code == 2
    assert "costguard.yaml:4: fix.values[0].path: '..' leads out of the folder" in ended.err
    assert str(folder.path) not in ended.err


def test_a_folder_that_is_there_under_two_names_is_mended_once(costguard: Costguard, folder: Folder) -> None:
    folder.write(**{"a/main.tf": BUCKET})
    (folder.path / "b").symlink_to("a")
    ended = costguard(*SET, "--write", "a", "b")
    assert ended.code == 0
    assert "left" not in ended.err
    assert (folder.path / "a/main.tf").read_text() == FIXED


def test_the_accepted_debt_of_a_baseline_is_left_alone(costguard: Costguard, bucket: Path) -> None:
    assert costguard("check", "--policy", "policy.yaml", "--write-baseline", "debt.json").code == 0
    ended = costguard(*SET, "--write", "--baseline", "debt.json")
    assert (ended.code, ended.err) == (0, "")
    assert bucket.read_text() == BUCKET


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "owner"), "--set: 'owner' is not TAG=VALUE"),
        (("--set", "owner= "), "--set: 'owner= ' is not TAG=VALUE"),
        (("--set", "ownr=x"), "--set: no tag of the policy is called 'ownr'; there are environment, owner"),
        (("--set", "owner=a", "--set", "owner=b"), "--set: owner is set to 'a' and to 'b'"),
        (("no-such-folder",), "no-such-folder doesn't exist"),
        (("--baseline", "main.tf"), "main.tf is no baseline of costguard check"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_what_can_not_be_meant_is_a_usage_error(costguard: Costguard, arguments: tuple[str, ...], said: str) -> None:
    ended = costguard(*ARGUMENTS, *arguments)
    assert (ended.code, ended.out) == (2, b"")
    assert said in ended.err


@pytest.mark.parametrize(
    ("fix", "said"),
    [
        ("{values: [{path: a, set: {ownr: x}}]}", "fix.values[0].set.ownr: no tag of the policy is called 'ownr'"),
        ("{codeowners: {tag: team}}", "fix.codeowners.tag: no tag of the policy is called 'team'"),
        ("{codeowners: {}}", "fix.codeowners: there is no .github/CODEOWNERS, .gitlab/CODEOWNERS"),
        ("{codeowners: {file: owners}}", "fix.codeowners: there is no owners"),
        ("{codeowners: {file: ../../../../../../../../../../etc/passwd}}", "is no file of this repository"),
        ("{vales: []}", "fix.vales: is not a key that belongs here; did you mean values?"),
        ("{values: [{path: a}]}", "set"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_a_configuration_that_can_not_be_meant_is_one_too(
    costguard: Costguard, folder: Folder, fix: str, said: str
) -> None:
    folder.write(**{"costguard.yaml": f"version: 1\nfix: {fix}\n"})
    ended = costguard(*ARGUMENTS)
    assert ended.code == 2
    assert "costguard.yaml:2: " in ended.err
    assert said in ended.err


def test_a_module_behind_a_link_out_of_the_repository_is_not_written(
    costguard: Costguard, folder: Folder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "main.tf").write_text(BUCKET)
    (folder.path / "main.tf").symlink_to(outside / "main.tf")
    ended = costguard(*SET, "--write")
    assert ended.code == 1
    assert "main.tf is outside of the repository" in ended.err
    assert (outside / "main.tf").read_text() == BUCKET


def test_one_file_under_two_names_is_not_edited_twice(costguard: Costguard, folder: Folder) -> None:
    folder.write(**{"a/main.tf": 'resource "aws_s3_bucket" "a" {\n  tags = var.tags\n}\n', "b/x.tf": ""})
    folder.write(**{"a/v.tf": 'variable "tags" {\n  default = {}\n}\nterraform {\n  backend "local" {}\n}\n'})
    (folder.path / "b" / "main.tf").symlink_to("../a/main.tf")
    folder.write(**{"b/v.tf": 'variable "tags" {\n  default = {}\n}\nterraform {\n  backend "local" {}\n}\n'})
    ended = costguard(*SET, "--write")
    text = (folder.path / "a" / "main.tf").read_text()
    assert text.count("team-a") == 1, ended.err


def test_a_hostile_name_is_not_printed_as_it_is(costguard: Costguard, folder: Folder) -> None:
    folder.write(**{"main.tf": 'resource "aws_s3_bucket" "a" {\n  for_each = { "\\u001b[31m" = 1 }\n}\n'})
    ended = costguard(*ARGUMENTS)
    assert "\x1b" not in ended.err
