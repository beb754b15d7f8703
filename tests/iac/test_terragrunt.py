"""What is static in a Terragrunt unit is read, and nothing else is guessed.

The expected values are what Terragrunt's documentation says of each function and block.
"""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from costguard.check import Asked, check
from costguard.iac.hcl.values import PartialMap, Unknown
from costguard.iac.source import Settings
from costguard.iac.terragrunt import Unit, Units
from costguard.model.finding import Report
from costguard.policy.load import load

Tree = Callable[[Mapping[str, str]], None]
MODULE = 'variable "tags" {\n  default = {}\n}\nresource "aws_s3_bucket" "b" {\n  tags = var.tags\n}\n'


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return write


def unit(folder: str, environment: Mapping[str, str] | None = None) -> Unit:
    read = Units(str(Path.cwd()), environment).unit(str(Path.cwd() / folder))
    assert read is not None
    return read


def inputs(text: str, more: Mapping[str, str] | None = None, *, write: Tree) -> Any:
    """The inputs of the unit live/prod/app, in a repository with some files above it."""
    write({"live/prod/app/terragrunt.hcl": f'terraform {{\n  source = "../../../m"\n}}\n{text}', "m/main.tf": MODULE})
    write(more or {})
    return unit("live/prod/app").inputs


@pytest.fixture
def judge(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Report]:
    """What check says of paths, where an owner is asked for."""
    path = tmp_path_factory.mktemp("policy") / "p.yaml"
    path.write_text("version: 1\nname: p\ntags: {owner: {}}\n")
    policy = load([str(path)])

    def run(*paths: str, environment: Mapping[str, str] | None = None) -> Report:
        settings = Settings(environment=environment or {})
        return check(paths or (".",), Asked(policy=policy, settings=settings, today=date(2026, 11, 23))).report

    return run


def told(report: Report) -> list[tuple[str, str]]:
    return [(f"{one.resource.root}: {one.resource.address}", str(one.verdict)) for one in report.findings]


class TestInputs:
    def test_literals_and_locals(self, tree: Tree) -> None:
        text = 'locals {\n  team = "a"\n}\ninputs = {\n  tags = merge({ owner = local.team }, { n = 1 })\n}\n'

        assert inputs(text, write=tree) == {"tags": {"owner": "a", "n": 1}}

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ('find_in_parent_folders("env.hcl")', "{top}/live/env.hcl"),
            ('dirname(find_in_parent_folders("env.hcl"))', "{top}/live"),
            ('find_in_parent_folders("nowhere.hcl", "fallback")', "fallback"),
            ("get_terragrunt_dir()", "{top}/live/prod/app"),
            ("get_original_terragrunt_dir()", "{top}/live/prod/app"),
            ("get_repo_root()", "{top}"),
            ("get_path_from_repo_root()", "live/prod/app"),
            ("get_path_to_repo_root()", "../../.."),
            ("basename(get_terragrunt_dir())", "app"),
            ('read_terragrunt_config(find_in_parent_folders("env.hcl")).locals.environment', "production"),
            ('read_terragrunt_config(find_in_parent_folders("env.hcl")).inputs.region', "eu-west-1"),
            ('read_terragrunt_config("nowhere.hcl", { locals = { x = 1 } }).locals.x', 1),
            ('try(read_terragrunt_config("nowhere.hcl"), "none")', "none"),
            ('yamldecode(file(find_in_parent_folders("teams.yaml"))).team', "payments"),
        ],
    )
    def test_functions_that_look_at_paths_and_files(
        self, tree: Tree, tmp_path: Path, expression: str, value: object
    ) -> None:
        files = {
            "live/env.hcl": 'locals {\n  environment = "production"\n}\ninputs = {\n  region = "eu-west-1"\n}\n',
            "live/teams.yaml": "team: payments\n",
        }
        wanted = value.format(top=tmp_path.resolve()) if isinstance(value, str) else value

        assert inputs(f"inputs = {{ x = {expression} }}\n", files, write=tree) == {"x": wanted}

    @pytest.mark.parametrize(
        ("expression", "why"),
        [
            ('get_env("TEAM")', "the environment's TEAM"),
            ('get_env("TEAM", "default")', "the environment's TEAM"),
            ('run_cmd("whoami")', "run_cmd()"),
            ("get_aws_account_id()", "get_aws_account_id()"),
            ("dependency.vpc.outputs.id", "only after it was applied"),
            ('find_in_parent_folders("nowhere.hcl")', "there is no nowhere.hcl"),
            ('read_terragrunt_config("/etc/passwd").locals.x', "can't be read"),
            ("local.nothing", "local.nothing is not declared"),
            ("local.circle", "refers to itself"),
        ],
    )
    def test_what_comes_from_elsewhere_is_unknown_and_says_why(self, tree: Tree, expression: str, why: str) -> None:
        found = inputs(
            f"locals {{\n  circle = local.circle\n}}\ninputs = {{\n  a = 1\n  x = try({expression})\n}}\n", write=tree
        )

        if isinstance(found, Unknown):  # Terragrunt would stop, so nothing that it gives is known.
            assert why in found.reason
        else:
            assert found["a"] == 1
            assert why in found["x"].reason

    def test_the_environment_counts_where_it_is_asked_for(self, tree: Tree) -> None:
        inputs('inputs = {\n  x = get_env("TEAM", "none")\n  y = get_env("OTHER", "none")\n}\n', write=tree)

        assert unit("live/prod/app", {"TEAM": "payments"}).inputs == {"x": "payments", "y": "none"}

    def test_what_is_included_comes_first_and_the_unit_counts(self, tree: Tree) -> None:
        text = (
            'include "root" {\n  path = find_in_parent_folders("root.hcl")\n  expose = true\n}\n'
            "inputs = {\n  b = 2\n  c = include.root.locals.name\n}\n"
        )
        root = (
            "locals {\n  name = basename(get_terragrunt_dir())\n}\n"
            "inputs = {\n  a = 1\n  b = 1\n  p = path_relative_to_include()\n}\n"
        )

        # In what is included, the folder is that of the unit.
        assert inputs(text, {"root.hcl": root}, write=tree) == {"a": 1, "b": 2, "c": "app", "p": "live/prod/app"}

    @pytest.mark.parametrize(
        ("strategy", "tags"),
        [("shallow", {"x": "y"}), ("deep", {"owner": "a", "x": "y"}), ("no_merge", {"x": "y"})],
    )
    def test_the_way_of_merging_is_heeded(self, tree: Tree, strategy: str, tags: dict[str, str]) -> None:
        text = (
            f'include {{\n  path = find_in_parent_folders("root.hcl")\n  merge_strategy = "{strategy}"\n}}\n'
            'inputs = {\n  tags = { x = "y" }\n}\n'
        )
        found = inputs(text, {"root.hcl": 'inputs = {\n  tags = { owner = "a" }\n  z = 1\n}\n'}, write=tree)

        assert found == ({"tags": tags} if strategy == "no_merge" else {"tags": tags, "z": 1})

    def test_an_include_that_can_not_be_told_leaves_all_that_the_unit_does_not_say_open(self, tree: Tree) -> None:
        found = inputs('include {\n  path = get_env("ROOT")\n}\ninputs = {\n  a = 1\n}\n', write=tree)

        assert isinstance(found, PartialMap)
        assert found.entries == {"a": 1}
        assert found.open

    def test_files_of_variables_are_found_and_doubted(self, tree: Tree) -> None:
        extra = (
            'terraform {\n  source = "../../../m"\n  extra_arguments "v" {\n    commands = ["plan"]\n'
            '    required_var_files = ["${get_terragrunt_dir()}/../common.tfvars"]\n'
            '    optional_var_files = ["${get_terragrunt_dir()}/nowhere.tfvars"]\n'
            '    arguments = ["-lock-timeout=1m", "-var-file=app.tfvars"]\n  }\n}\n'
        )
        tree({"live/app/terragrunt.hcl": extra.replace("../../../m", "../../m"), "m/main.tf": MODULE})
        tree({"live/common.tfvars": "", "live/app/app.tfvars": ""})

        assert [Path(name).name for name in unit("live/app").var_files] == ["common.tfvars", "app.tfvars"]
        assert unit("live/app").inputs == {}
        tree({"live/app/terragrunt.hcl": extra.replace('"-lock-timeout=1m"', '"-var", "tags={}"')})
        assert isinstance(unit("live/app").inputs, PartialMap)


class TestCheck:
    ROOT: Mapping[str, str] = {
        "root.hcl": 'locals {\n  env = read_terragrunt_config(find_in_parent_folders("env.hcl"))\n}\n'
        'generate "provider" {\n  path = "provider.tf"\n  if_exists = "overwrite"\n  contents = <<EOF\n'
        'provider "aws" {\n  region = "${local.env.locals.region}"\n  default_tags {\n    tags = {\n'
        '      owner = "${local.env.locals.owner}"\n    }\n  }\n}\nEOF\n}\n',
        "live/env.hcl": 'locals {\n  owner = "payments"\n  region = get_env("REGION")\n}\n',
        "live/app/terragrunt.hcl": 'include "root" {\n  path = find_in_parent_folders("root.hcl")\n}\n'
        'terraform {\n  source = "../../modules//bucket"\n}\n',
        "modules/bucket/main.tf": MODULE,
    }

    def test_a_generated_provider_gives_its_default_tags(self, tree: Tree, judge: Callable[..., Report]) -> None:
        tree(self.ROOT)

        report = judge()

        assert report.complete
        assert told(report) == []
        assert report.summary.resources == 1

    def test_a_fault_in_a_generated_file_is_where_it_was_written(
        self, tree: Tree, judge: Callable[..., Report]
    ) -> None:
        tree({**self.ROOT, "live/env.hcl": 'locals {\n  owner = " "\n  region = "x"\n}\n'})

        (finding,) = judge().findings

        assert (finding.verdict, finding.location and finding.location.file) == ("empty", "root.hcl")
        assert finding.location is not None
        assert finding.location.line == 4
        assert finding.chain == ("the unit at live/app/terragrunt.hcl:4", "provider aws at root.hcl:4")

    def test_an_unknown_part_of_it_leaves_only_that_part_open(self, tree: Tree, judge: Callable[..., Report]) -> None:
        tree({**self.ROOT, "live/env.hcl": 'locals {\n  owner = get_env("OWNER")\n  region = "x"\n}\n'})

        assert told(judge()) == []  # It is there, whatever it is.
        tree({"live/env.hcl": 'locals {\n  owners = get_env("OWNER")\n  region = "x"\n}\n'})
        assert told(judge()) == []

    def test_a_text_that_is_not_known_at_all_may_hold_any_default(
        self, tree: Tree, judge: Callable[..., Report]
    ) -> None:
        root = (
            'generate "provider" {\n  path = "provider.tf"\n  if_exists = "overwrite"\n  contents = get_env("P")\n}\n'
        )
        tree({**self.ROOT, "root.hcl": root})

        (finding,) = judge().findings
        assert finding.verdict == "unknown"
        assert "Terragrunt writes it, from what isn't known here" in finding.message

    def test_files_are_found_from_the_file_that_names_them(self, tree: Tree, judge: Callable[..., Report]) -> None:
        root = (
            'generate "provider" {\n  path = "p.tf"\n  if_exists = "overwrite"\n  contents = file("common/p.tf")\n}\n'
        )
        provider = 'provider "aws" {\n  default_tags {\n    tags = { owner = "a" }\n  }\n}\n'
        tree({**self.ROOT, "root.hcl": root, "common/p.tf": provider})

        assert told(judge("live")) == []

    @pytest.mark.parametrize(("tags", "verdicts"), [('{ owner = "a" }', []), ('get_env("T")', ["unknown"])])
    def test_variables_may_be_declared_in_a_generated_file(
        self, tree: Tree, judge: Callable[..., Report], tags: str, verdicts: list[str]
    ) -> None:
        text = (
            'generate "v" {\n  path = "v.tf"\n  if_exists = "overwrite"\n  contents = "variable \\"tags\\" {}"\n}\n'
            f'terraform {{\n  source = "../../m"\n}}\ninputs = merge({{ tags = {tags} }}, get_env("MORE"))\n'
        )
        tree({"m/main.tf": 'resource "aws_s3_bucket" "b" {\n  tags = var.tags\n}\n'})
        tree({"live/app/terragrunt.hcl": text.replace(', get_env("MORE")', "")})

        assert [verdict for _, verdict in told(judge())] == verdicts
        tree({"live/app/terragrunt.hcl": text})
        assert [verdict for _, verdict in told(judge())] == ["unknown"]  # What is merged over it may be anything.

    def test_a_source_that_leads_nowhere_is_a_gap_at_the_unit(self, tree: Tree, judge: Callable[..., Report]) -> None:
        tree({"live/app/terragrunt.hcl": 'terraform {\n  source = "../../nowhere"\n}\n'})

        assert [gap.where for gap in judge().gaps] == ["live/app/terragrunt.hcl:1"]

    def test_inputs_are_the_variables_of_the_module(self, tree: Tree, judge: Callable[..., Report]) -> None:
        for text, verdicts in (
            ('inputs = { tags = { owner = "a" } }', []),
            ("inputs = { tags = {} }", [("live/app: aws_s3_bucket.b", "missing")]),
            ("", [("live/app: aws_s3_bucket.b", "missing")]),
            ("inputs = { tags = dependency.x.outputs.tags }", [("live/app: aws_s3_bucket.b", "unknown")]),
            ('inputs = get_env("ALL")', [("live/app: aws_s3_bucket.b", "unknown")]),
        ):
            tree({"live/app/terragrunt.hcl": f'terraform {{\n  source = "../../m"\n}}\n{text}\n', "m/main.tf": MODULE})

            assert told(judge()) == verdicts, text

    def test_the_same_fault_of_many_units_is_one_finding(self, tree: Tree, judge: Callable[..., Report]) -> None:
        text = 'terraform {\n  source = "../../m"\n}\n'
        tree({f"live/{name}/terragrunt.hcl": text for name in "abc"} | {"m/main.tf": MODULE})

        (finding,) = judge().findings

        assert (finding.resource.root, finding.instances) == ("live/a", 3)

    def test_a_file_that_units_read_brings_these_units(self, tree: Tree, judge: Callable[..., Report]) -> None:
        tree({**self.ROOT, "live/env.hcl": 'locals {\n  owner = ""\n  region = "x"\n}\n', "other/main.tf": MODULE})
        wanted = [("live/app: aws_s3_bucket.b", "empty")]

        for path in ("live/env.hcl", "root.hcl", "live/app/terragrunt.hcl", "modules/bucket/main.tf", "live"):
            assert told(judge(path)) == wanted, path

    @pytest.mark.parametrize(
        "source", ["git::https://example.com/m.git//vpc?ref=v1", "tfr:///terraform-aws-modules/vpc/aws?version=5.0.0"]
    )
    def test_a_module_that_is_not_here_is_undecided(
        self, tree: Tree, judge: Callable[..., Report], source: str
    ) -> None:
        provider = 'provider "aws" {\n  region = "x"\n}\n'
        text = (
            f'terraform {{\n  source = "{source}"\n}}\n'
            f'generate "p" {{\n  path = "p.tf"\n  if_exists = "overwrite"\n  contents = <<EOF\n{provider}EOF\n}}\n'
        )
        tree({"live/my.app/terragrunt.hcl": text})

        report = judge()

        assert report.complete
        assert told(report) == [("live/my.app: module.my_app", "unknown")]
        assert report.findings[0].location is not None
        assert report.findings[0].location.file == "live/my.app/terragrunt.hcl"

    def test_a_source_that_is_not_known_is_undecided(self, tree: Tree, judge: Callable[..., Report]) -> None:
        provider = 'provider "aws" {\n  region = "x"\n}\n'
        tree(
            {
                "live/app/terragrunt.hcl": 'terraform {\n  source = get_env("SOURCE")\n}\n',
                "live/app/provider.tf": provider,
            }
        )
        assert told(judge()) == [("live/app: module.app", "unknown")]

    def test_the_files_of_the_unit_itself_are_judged_with_the_module(
        self, tree: Tree, judge: Callable[..., Report]
    ) -> None:
        more = 'resource "aws_s3_bucket" "more" {\n}\n'
        tree(
            {
                "live/app/terragrunt.hcl": 'terraform {\n  source = "../../m"\n}\n'
                'inputs = { tags = { owner = "a" } }\n',
                "live/app/more.tf": more,
                "m/main.tf": MODULE,
            }
        )
        (finding,) = judge().findings

        assert finding.resource.address == "aws_s3_bucket.more"
        assert finding.location is not None
        assert (finding.location.file, finding.location.line) == ("live/app/more.tf", 1)

    def test_a_file_that_is_only_included_is_no_unit(self, tree: Tree, judge: Callable[..., Report]) -> None:
        tree({"terragrunt.hcl": "inputs = {}\n", "m/main.tf": MODULE})

        assert [one for one, _ in told(judge())] == ["m: aws_s3_bucket.b"]

    def test_a_file_that_does_not_parse_is_a_gap(self, tree: Tree, judge: Callable[..., Report]) -> None:
        tree(
            {
                "live/app/terragrunt.hcl": 'include {\n  path = find_in_parent_folders("root.hcl")\n}\n'
                'terraform {\n  source = "../../m"\n}\n',
                "root.hcl": "inputs = {",
                "m/main.tf": MODULE,
            }
        )
        report = judge()

        assert not report.complete
        assert [gap.where.partition(":")[0] for gap in report.gaps] == ["root.hcl"]


HOSTILE = st.lists(
    st.sampled_from(
        [
            'include "a" {\n  path = "terragrunt.hcl"\n}\n',
            "include {\n  path = find_in_parent_folders()\n}\n",
            'locals {\n  a = read_terragrunt_config("terragrunt.hcl")\n  b = local.a.locals.b\n}\n',
            'locals {\n  c = [for x in range(100000) : read_terragrunt_config("b.hcl")]\n}\n',
            'inputs = read_terragrunt_config("b.hcl").inputs\n',
            "inputs = include.a.inputs\n",
            'inputs = "text"\n',
            "inputs = null\n",
            "inputs = local\n",
            'terraform {\n  source = "."\n}\n',
            'terraform {\n  source = "../../../../../../.."\n}\n',
            "terraform {\n  source = local.a\n}\n",
            'generate "x" {\n  path = "../../escape.tf"\n  contents = ""\n}\n',
            'generate "x" {\n  path = "x.tf"\n}\n',
            'generate "x" {\n  path = "x.tf"\n  contents = "${local.b}%{ if local.a }x%{ endif }"\n}\n',
            'terraform {\n  extra_arguments "x" {\n    arguments = local.a\n  }\n}\n',
            "dependency {\n}\n",
            "}",
        ]
    ),
    max_size=6,
).map("".join)


@hypothesis(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE)
def test_nothing_in_a_file_of_terragrunt_crashes_or_hangs(
    tmp_path_factory: pytest.TempPathFactory, unit_text: str, other: str
) -> None:
    folder = tmp_path_factory.mktemp("unit")
    (folder / "terragrunt.hcl").write_text(unit_text)
    (folder / "b.hcl").write_text(other)

    read = Units(str(folder)).unit(str(folder))

    if read is not None:
        read.values(["tags", "name"])
        read.files()
