"""Which root modules a path stands for. The trees are written out; the truth is what ``terraform init`` would call."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from costguard.errors import UsageError
from costguard.iac.hcl import parse
from costguard.iac.source.roots import Selection, select

CALL = 'module "m" {{\n  source = "{}"\n}}\n'
Tree = Callable[[Mapping[str, str]], None]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Writes files into a repository, which is the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return write


def chosen(*paths: str) -> Selection:
    return select(paths, parse)


def names(*paths: str) -> list[str]:
    return [root.name for root in chosen(*paths).roots]


LIVE = {
    "live/dev/main.tf": CALL.format("../../modules/service"),
    "live/prod/main.tf": CALL.format("../../modules/service"),
    "modules/service/main.tf": CALL.format("../bucket"),
    "modules/bucket/main.tf": 'resource "aws_s3_bucket" "b" {}\n',
    "other/main.tf": "",
}


@pytest.mark.parametrize(
    ("paths", "roots"),
    [
        (["."], ["live/dev", "live/prod", "other"]),
        (["live"], ["live/dev", "live/prod"]),
        (["live/dev"], ["live/dev"]),
        (["live/dev/main.tf"], ["live/dev"]),
        (["modules/bucket/main.tf"], ["live/dev", "live/prod"]),
        (["modules"], ["live/dev", "live/prod"]),
        (["modules/service/main.tf", "other/main.tf"], ["live/dev", "live/prod", "other"]),
        (["live/dev/main.tf", "modules/bucket"], ["live/dev", "live/prod"]),
        ([], []),
    ],
)
def test_a_called_module_is_judged_where_it_is_called(tree: Tree, paths: list[str], roots: list[str]) -> None:
    tree(LIVE)

    assert names(*paths) == roots


def test_only_a_root_that_was_asked_for_is_judged_as_a_whole(tree: Tree) -> None:
    tree(LIVE)

    selection = chosen("live/dev/main.tf", "modules/bucket/main.tf")

    assert [(root.name, root.whole) for root in selection.roots] == [("live/dev", True), ("live/prod", False)]
    assert not selection.everything
    assert chosen(".").everything


def test_the_order_of_the_paths_changes_nothing(tree: Tree) -> None:
    tree(LIVE)

    assert chosen("modules/bucket/main.tf", "other", "live/dev") == chosen(
        "live/dev", "modules/bucket/main.tf", "other"
    )


def test_a_module_that_nobody_calls_is_a_root(tree: Tree) -> None:
    tree({"modules/a/main.tf": "", "modules/b/main.tf": ""})

    assert names(".") == ["modules/a", "modules/b"]


@pytest.mark.parametrize(
    "comment",
    [
        '# module "m" { source = "../m" }\n',
        '/*\nmodule "m" {\n  source = "../m"\n}\n*/\n',
        'locals {\n  text = <<EOT\nsource = "../m"\nEOT\n}\n',
        'data "archive_file" "a" {\n  source = "../m"\n}\n',
        'module "m" {\n  source = "../m/${var.which}"\n}\n',
    ],
)
def test_what_only_looks_like_a_call_hides_no_module(tree: Tree, comment: str) -> None:
    tree({"live/main.tf": comment, "m/main.tf": ""})

    assert names(".") == ["live", "m"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.tf", 'module "m" {\n  source="../m"\n}\n'),
        ("main.tf", 'module "m" {\r\n\tsource\t=\t"../m/"\r\n}\r\n'),
        ("main.tf", 'module "m" {\n  source = "../m//."\n}\n'),
        ("main.tf", 'module "m" {\n  source = "./../m"\n}\n'),
        ("main.tofu", 'module "m" {\n  source = "../m"\n}\n'),
        ("main.tf.json", '{"module": {"m": {"source": "../m"}}}'),
        ("main.tf.json", '{"module": [{"m": [{ "source" : "../m" }]}]}'),
    ],
)
def test_a_call_is_seen_however_it_is_written(tree: Tree, name: str, text: str) -> None:
    tree({f"live/{name}": text, "m/main.tf": ""})

    assert names(".") == ["live"]


def test_a_file_that_does_not_parse_still_calls(tree: Tree) -> None:
    tree({"live/main.tf": CALL.format("../m") + 'resource "x" {{{\n', "m/main.tf": ""})

    assert names(".") == ["live"]


def test_what_opentofu_reads_instead_counts(tree: Tree) -> None:
    tree({"live/main.tf": CALL.format("../m"), "live/main.tofu": "", "m/main.tf": ""})

    assert names(".") == ["live", "m"]


@pytest.mark.parametrize(
    ("name", "text", "root"),
    [
        ("backend.tf", 'terraform {\n  backend "s3" {}\n}\n', True),
        ("cloud.tf", 'terraform {\n  cloud {\n    organization = "o"\n  }\n}\n', True),
        ("terraform.tfvars", "a = 1\n", True),
        ("x.auto.tfvars.json", "{}", True),
        ("prod.tfvars", "a = 1\n", False),
        ("comment.tf", '# terraform { backend "s3" {} }\n', False),
        ("provider.tf", 'provider "aws" {\n  region = "eu-west-1"\n}\n', False),
    ],
)
def test_a_called_module_with_what_only_a_root_has_is_one_too(tree: Tree, name: str, text: str, root: bool) -> None:
    tree({"live/main.tf": CALL.format("../m"), "m/main.tf": "", f"m/{name}": text})

    assert names(".") == (["live", "m"] if root else ["live"])


def test_examples_call_the_module_of_the_repository(tree: Tree) -> None:
    tree({"main.tf": "", "examples/complete/main.tf": CALL.format("../..")})

    assert names("main.tf") == ["examples/complete"]
    assert names(".") == ["examples/complete"]


@pytest.mark.parametrize(
    ("path", "roots"),
    [
        ("live/terraform.tfvars", ["live"]),
        ("live/env/prod.tfvars", ["live"]),
        ("live/templates/deep/user-data.sh.tftpl", ["live"]),
        ("README.md", []),
    ],
)
def test_any_other_file_belongs_to_the_nearest_module_upward(tree: Tree, path: str, roots: list[str]) -> None:
    tree({"live/main.tf": "", path: ""})

    assert names(path) == roots


def test_a_deleted_file_belongs_to_the_module_that_it_was_in(tree: Tree) -> None:
    tree({"live/main.tf": CALL.format("../gone"), "m/main.tf": ""})

    assert names("m/deleted.tf") == ["m"]
    assert names("gone/main.tf") == ["live"]
    nothing = chosen("nowhere/main.tf")
    assert nothing.roots == ()
    assert nothing.notes == ("nowhere/main.tf: there is no such file, and no module that it could have been a part of",)


@pytest.mark.parametrize("path", ["nowhere", "live/mian", ""])
def test_a_path_that_is_nothing_is_a_mistake(tree: Tree, path: str) -> None:
    tree({"live/main.tf": ""})

    with pytest.raises(UsageError):
        chosen(path)


@pytest.mark.parametrize("cache", [".terraform/modules/m", ".terragrunt-cache/x", "node_modules/m", ".git/m"])
def test_what_was_fetched_is_never_judged(tree: Tree, cache: str) -> None:
    tree({"main.tf": "", f"{cache}/main.tf": ""})

    assert names(".") == ["."]
    assert names(f"{cache}/main.tf") == []
    assert names(cache) == []


def test_a_hidden_folder_is_judged_when_it_is_named(tree: Tree) -> None:
    tree({"main.tf": "", ".infra/main.tf": "", "fifo/x.tf": ""})

    assert names(".") == [".", "fifo"]
    assert names(".infra/main.tf") == [".infra"]
    assert names(".infra") == [".infra"]


def test_links_lead_to_one_module_and_never_in_circles(tree: Tree, tmp_path: Path) -> None:
    tree({"live/dev/main.tf": CALL.format("./service"), "modules/service/main.tf": "", "shared/provider.tf": ""})
    (tmp_path / "live/dev/service").symlink_to("../../modules/service")
    (tmp_path / "live/dev/loop").symlink_to("..")
    (tmp_path / "live/dev/provider.tf").symlink_to("../../shared/provider.tf")
    (tmp_path / "live/dev/broken.tf").symlink_to("nowhere.tf")

    assert names(".") == ["live/dev", "shared"]
    assert names("live/dev/service/main.tf") == ["live/dev"]
    assert names("shared/provider.tf") == ["live/dev", "shared"]
    assert names("live/dev/provider.tf") == ["live/dev"]


def test_modules_that_only_call_each_other_are_judged_from_the_first(tree: Tree) -> None:
    tree(
        {
            "a/main.tf": CALL.format("../b"),
            "b/main.tf": CALL.format("../c"),
            "c/main.tf": CALL.format("../b"),
            "d/main.tf": CALL.format("../d"),
        }
    )
    assert names("a", "b", "c", "d") == ["a", "d"]

    (Path("a") / "main.tf").unlink()
    assert names(".") == ["b", "d"]
    assert names("c/main.tf") == ["b"]


def test_a_pipe_with_the_name_of_a_file_is_not_waited_for(tree: Tree) -> None:
    tree({"main.tf": ""})
    os.mkfifo("pipe.tf")

    assert names(".") == ["."]


def test_outside_a_repository_names_start_where_the_person_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "main.tf").touch()
    monkeypatch.chdir(tmp_path)

    assert names("a") == ["a/b"]
    assert names("a/b/main.tf") == ["a/b"]
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert names(".") == ["."]
    monkeypatch.chdir("/")
    assert names(str(tmp_path / "a")) == [str(tmp_path / "a" / "b").lstrip("/")]


def test_the_configuration_marks_the_top_where_there_is_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("live", "m"):
        (tmp_path / folder).mkdir()
    (tmp_path / "costguard.yaml").write_text("version: 1\n")
    (tmp_path / "live" / "main.tf").write_text(CALL.format("../m"))
    (tmp_path / "m" / "main.tf").touch()
    monkeypatch.chdir(tmp_path / "m")

    assert names("main.tf") == ["live"]


def test_two_repositories_are_two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="one at a time"):
        chosen("a", "b")


@pytest.mark.parametrize(
    ("files", "reusable"),
    [
        ({"main.tf": 'variable "tags" {}\n'}, True),
        ({"main.tf.json": '{"variable": {"tags": {}}}'}, True),
        ({"main.tf": 'resource "aws_s3_bucket" "b" {}\n'}, False),
        ({"main.tf": 'variable "tags" {}\n', "p.tf": 'provider "aws" {\n}\n'}, False),
        ({"main.tf": 'variable "tags" {}\n', "p.tf.json": '{"provider" : {"aws": {}}}'}, False),
        ({"main.tf": 'variable "tags" {}\n', "p.tf": 'terraform {\n  backend "s3" {}\n}\n'}, False),
        ({"main.tf": 'variable "tags" {}\n', "terraform.tfvars": ""}, False),
    ],
)
def test_a_module_that_is_written_to_be_called_is_known(tree: Tree, files: dict[str, str], reusable: bool) -> None:
    tree(files)

    assert [root.reusable for root in chosen(".").roots] == [reusable]
