"""What a run over source makes of contexts: one finding for one mend, whatever calls the block and however often."""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.baseline import Entry
from costguard.check import Asked, Checked, check
from costguard.config import AssumeDoc, CheckDoc, Config, ConfigDoc
from costguard.document import Document
from costguard.engine import evaluate
from costguard.iac.hcl import parse
from costguard.iac.source import Settings, read_configuration
from costguard.iac.source.roots import select
from costguard.model.finding import Finding, Report, Verdict
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.reports import render

TODAY = date(2026, 11, 23)
PROVIDER = 'provider "aws" {\n  region = "eu-west-1"\n}\n'
BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = "b"\n}\n'
MODULE = 'variable "tags" {\n  default = {}\n}\nresource "aws_s3_bucket" "b" {\n  tags = var.tags\n}\n'


def call(source: str, name: str = "m", more: str = "") -> str:
    return f'module "{name}" {{\n  source = "{source}"\n{more}}}\n'


Tree = Callable[[Mapping[str, str]], None]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Writes files into a repository, which is the working directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.fixture(scope="session")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """A policy that asks for an owner and nothing else."""
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text("version: 1\nname: p\ntags: {owner: {aliases: [team]}}\n")
    return load([str(path)])


Run = Callable[..., Checked]


@pytest.fixture
def run(owner: Policy) -> Run:
    def judge(
        *paths: str,
        accepted: Iterable[Entry] | None = None,
        accept_new: bool = False,
        jobs: int = 1,
        with_resources: bool = False,
        given: Settings | None = None,
        config: Config | None = None,
    ) -> Checked:
        asked = Asked(
            policy=owner,
            config=config,
            settings=given or Settings(),
            today=TODAY,
            with_resources=with_resources,
            accepted=None if accepted is None else frozenset(accepted),
            accept_new=accept_new,
            jobs=jobs,
        )
        return check(paths or (".",), asked)

    return judge


def places(report: Report) -> list[str]:
    return [f"{one.location.file}:{one.location.line}" if one.location else "" for one in report.findings]


def addresses(report: Report) -> list[str]:
    return [f"{one.resource.root}: {one.resource.address}" for one in report.findings]


def only(report: Report) -> Finding:
    (finding,) = report.findings
    return finding


def counts(report: Report) -> dict[str, int]:
    return {name: number for name, number in msgspec.to_builtins(report.summary).items() if number}


def configured(doc: ConfigDoc) -> Config:
    return Config(doc, Path(), Document("costguard.yaml", {}, {}))


class TestContexts:
    @pytest.mark.parametrize(
        ("argument", "number"), [("count = 3", 3), ('for_each = toset(["x", "y"])', 2), ("count = 1", 1)]
    )
    def test_the_instances_of_a_block_are_one_finding(self, tree: Tree, run: Run, argument: str, number: int) -> None:
        tree({"main.tf": f'{PROVIDER}resource "aws_s3_bucket" "b" {{\n  {argument}\n}}\n'})

        report = run().report

        finding = only(report)
        assert (finding.instances, len(finding.also)) == (number, number - 1)
        assert counts(report) == {"resources": 1, "violating": 1, "findings": 1}

    def test_a_module_that_several_roots_call_is_said_once(self, tree: Tree, run: Run) -> None:
        module = 'resource "aws_s3_bucket" "b" {\n}\n'
        tree({f"live/{name}/main.tf": PROVIDER + call("../../m") for name in ("dev", "prod")} | {"m/main.tf": module})

        finding = only(run().report)

        assert places(run().report) == ["m/main.tf:1"]
        assert (finding.resource.root, finding.resource.address) == ("live/dev", "module.m.aws_s3_bucket.b")
        assert finding.also == ("live/prod: module.m.aws_s3_bucket.b",)
        assert finding.chain[0] == "module.m at live/dev/main.tf:4"

    def test_what_is_mended_in_two_places_is_two_findings(self, tree: Tree, run: Run) -> None:
        files = {"m/main.tf": MODULE}
        for name in ("dev", "prod"):
            files[f"live/{name}/main.tf"] = PROVIDER + call("../../m", more='  tags = { x = "y" }\n')
        tree(files)

        report = run().report

        assert places(report) == ["live/dev/main.tf:6", "live/prod/main.tf:6"]
        assert addresses(report) == ["live/dev: module.m.aws_s3_bucket.b", "live/prod: module.m.aws_s3_bucket.b"]
        assert counts(report) == {"resources": 1, "violating": 1, "findings": 2}

    def test_a_block_has_the_worst_status_of_its_instances(self, tree: Tree, run: Run) -> None:
        good = '  tags = { owner = "a" }\n'
        tree({"main.tf": PROVIDER + call("./m", "a", good) + call("./m", "b"), "m/main.tf": MODULE})

        report = run(with_resources=True).report

        assert counts(report) == {"resources": 1, "violating": 1, "findings": 1}
        assert only(report).resource.address == "module.b.aws_s3_bucket.b"
        assert not isinstance(report.resources, msgspec.UnsetType)
        (listed,) = report.resources
        assert (listed.status, listed.note) == ("violating", "the worst of 2 instances")

    def test_other_values_of_the_same_fault_are_named(self, tree: Tree, run: Run) -> None:
        tree(
            {
                "main.tf": f"{PROVIDER}"
                'resource "aws_s3_bucket" "b" {\n'
                '  for_each = { x = "team", y = "Owner" }\n'
                '  tags = { (each.value) = "a" }\n}\n'
            }
        )

        finding = only(run().report)

        assert finding.message == "owner is missing, and team is there instead; other instances have 'Owner'"
        assert finding.instances == 2

    def test_the_modules_of_nobody_leave_their_variables_open(self, tree: Tree, run: Run) -> None:
        tree({"m/main.tf": MODULE})

        assert only(run().report).verdict == "unknown"

    def test_a_value_on_the_command_line_closes_them(self, tree: Tree, run: Run) -> None:
        tree({"m/main.tf": MODULE.replace("default = {}", "type = map(string)")})

        assert only(run(given=Settings(variables={"tags": "{}"})).report).verdict == "missing"
        assert run(given=Settings(variables={"tags": '{ owner = "a" }'})).report.findings == ()

    def test_what_comes_from_outside_can_be_assumed(self, tree: Tree, run: Run) -> None:
        tree({"live/main.tf": PROVIDER + 'resource "aws_s3_bucket" "b" {\n  tags = data.x_y.z.tags\n}\n'})
        doc = ConfigDoc(version=1, assume={"data.x_y.z.tags": {"owner": "a"}})

        assert only(run().report).verdict == "unknown"
        assert run(config=configured(doc)).report.findings == ()
        for within, number in (("live", 0), ("live/**", 0), ("./live/", 0), ("*", 0), ("other", 1), ("live/*/x", 1)):
            parts = [AssumeDoc(within=within, values={"data.x_y.z.tags": {"owner": "a", "n": [1, 2.5, None]}})]
            only_there = configured(ConfigDoc(version=1, assume=parts))
            assert len(run(config=only_there).report.findings) == number

    def test_what_the_configuration_excludes_is_not_judged_and_said_so(self, tree: Tree, run: Run) -> None:
        tree({"live/main.tf": PROVIDER + BUCKET, "examples/a/main.tf": PROVIDER + BUCKET, "examples/main.tf": BUCKET})
        config = configured(ConfigDoc(version=1, check=CheckDoc(exclude=["examples"])))

        report = run(config=config).report

        assert [one.location and one.location.file for one in report.findings] == ["live/main.tf"]
        assert any("2 root modules are not judged" in note for note in report.notes)
        assert run(config=configured(ConfigDoc(version=1, check=CheckDoc(exclude=["nothing"])))).report.notes == ()


class TestGivenFiles:
    FILES: Mapping[str, str] = {
        "live/main.tf": PROVIDER + BUCKET + call("../m"),
        "live/locals.tf": "locals {}\n",
        "m/main.tf": BUCKET,
        "other/main.tf": BUCKET,
    }

    def test_a_changed_module_brings_only_its_own_findings(self, tree: Tree, run: Run) -> None:
        tree(self.FILES)

        report = run("m/main.tf").report

        assert addresses(report) == ["live: module.m.aws_s3_bucket.b"]
        assert counts(report) == {"resources": 1, "violating": 1, "findings": 1}

    def test_a_changed_root_brings_all_that_it_calls(self, tree: Tree, run: Run) -> None:
        tree(self.FILES)

        assert addresses(run("live/locals.tf").report) == [
            "live: aws_s3_bucket.b",
            "live: module.m.aws_s3_bucket.b",
        ]

    def test_all_files_are_the_folder(self, tree: Tree, run: Run) -> None:
        tree(self.FILES)

        assert run(*self.FILES).report == run(".").report

    def test_nothing_to_judge_is_clean(self, tree: Tree, run: Run) -> None:
        tree({"README.md": ""})

        report = run("README.md").report

        assert (report.complete, report.findings, report.summary.resources) == (True, (), 0)

    def test_a_mend_in_a_given_file_is_shown_wherever_the_resource_is(self, tree: Tree, run: Run) -> None:
        tree(
            {
                "live/main.tf": PROVIDER
                + call("../names", "names")
                + call("../m", more="  tags = module.names.tags\n"),
                "names/main.tf": 'output "tags" {\n  value = { team = "a" }\n}\n',
                "m/main.tf": MODULE,
            }
        )

        assert places(run("names/main.tf").report) == ["names/main.tf:2"]


GOOD = "# costguard:ignore=owner retired until=2027-01-01\n"


class TestSuppressions:
    def test_at_the_resource(self, tree: Tree, run: Run) -> None:
        tree({"main.tf": PROVIDER + GOOD + BUCKET})

        report = run().report

        assert counts(report) == {"resources": 1, "exempt": 1}
        assert report.notes == ()

    def test_at_a_call_it_covers_what_is_in_the_module_there_and_nowhere_else(self, tree: Tree, run: Run) -> None:
        tree(
            {
                "main.tf": PROVIDER + GOOD + call("./m", "a") + call("./m", "b"),
                "m/main.tf": call("../n"),
                "n/x.tf": BUCKET,
            }
        )

        finding = only(run().report)

        assert (finding.resource.address, finding.instances) == ("module.b.module.m.aws_s3_bucket.b", 1)

    def test_at_the_provider_it_covers_its_default_tags(self, tree: Tree, run: Run) -> None:
        provider = 'provider "aws" {\n  default_tags {\n    tags = {\n      team = "a"\n    }\n  }\n}\n'
        tree({"main.tf": provider + BUCKET})
        assert places(run().report) == ["main.tf:4"]

        tree({"main.tf": GOOD + provider + BUCKET})

        assert counts(run().report) == {"resources": 1, "exempt": 1}

    def test_one_that_does_nothing_is_noted_once(self, tree: Tree, run: Run) -> None:
        tagged = BUCKET.replace('"b"\n', '"b"\n  tags = { owner = "a" }\n')
        tree({f"live/{name}/main.tf": PROVIDER + call("../../m") for name in ("a", "b")} | {"m/main.tf": GOOD + tagged})

        assert run().report.notes == (
            "m/main.tf:1: there is nothing for this suppression (retired) to cover; it can go",
        )

    def test_one_that_is_used_in_one_context_is_used(self, tree: Tree, run: Run) -> None:
        with_tags = call("../../m", more='  tags = { owner = "a" }\n')
        tree(
            {
                "live/a/main.tf": PROVIDER + with_tags,
                "live/b/main.tf": PROVIDER + call("../../m"),
                "m/main.tf": MODULE.replace("resource", GOOD + "resource"),
            }
        )
        report = run().report

        assert report.notes == ()
        assert counts(report) == {"resources": 1, "exempt": 1}

    def test_of_a_file_that_was_not_given_nothing_is_said(self, tree: Tree, run: Run) -> None:
        tree({"main.tf": PROVIDER + "# costguard:ignore=owner\n" + BUCKET + call("./m"), "m/main.tf": BUCKET})

        assert run("m/main.tf").report.notes == ()
        assert len(run("main.tf").report.notes) == 1

    def test_of_one_that_another_root_may_need_nothing_is_said(self, tree: Tree, run: Run) -> None:
        with_tags = call("../../m", more='  tags = { owner = "a" }\n')
        tree(
            {
                "live/a/main.tf": PROVIDER + with_tags,
                "live/b/main.tf": PROVIDER + call("../../m"),
                "m/main.tf": MODULE.replace("resource", GOOD + "resource"),
            }
        )
        assert run("live/a").report.notes == ()
        assert run("m").report.notes == ()

    def test_what_could_not_be_read_may_have_needed_it(self, tree: Tree, run: Run) -> None:
        tagged = BUCKET.replace('"b"\n', '"b"\n  tags = { owner = "a" }\n')
        tree({"main.tf": PROVIDER + GOOD + tagged, "broken.tf": "resource {{{"})

        assert run().report.notes == ()


class TestGaps:
    def test_a_file_that_several_roots_read_is_one_gap(self, tree: Tree, run: Run) -> None:
        tree(
            {f"live/{name}/main.tf": PROVIDER + BUCKET + call("../../m") for name in ("a", "b")}
            | {"m/main.tf": 'resource "aws_s3_bucket" {{{\n'}
        )
        report = run().report

        assert not report.complete
        assert [gap.where.partition(":")[0] for gap in report.gaps] == ["m/main.tf"]
        assert addresses(report) == ["live/a: aws_s3_bucket.b", "live/b: aws_s3_bucket.b"]

    def test_names_that_are_no_text_are_judged_like_others(self, tree: Tree, run: Run, tmp_path: Path) -> None:
        tree({"ok/main.tf": PROVIDER + BUCKET})
        odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
        odd.mkdir()
        (odd / "main.tf").write_text(PROVIDER + BUCKET)

        for jobs in (1, 2):
            report = run(jobs=jobs).report
            assert addresses(report) == ["caf\\xe9: aws_s3_bucket.b", "ok: aws_s3_bucket.b"]
            assert '"file": "caf' in render(report, "json")


class TestDebt:
    def accepted(self, checked: Checked) -> list[Entry]:
        assert checked.settled is not None
        return list(checked.settled.kept)

    def test_what_is_accepted_is_old(self, tree: Tree, run: Run) -> None:
        tree({"main.tf": PROVIDER + BUCKET})
        debt = self.accepted(run(accepted=(), accept_new=True))

        report = run(accepted=debt).report

        assert [(one.new, one.level) for one in report.findings] == [(False, "warning")]

    def test_a_new_instance_is_new(self, tree: Tree, run: Run) -> None:
        tree({"main.tf": PROVIDER + 'resource "aws_s3_bucket" "b" {\n  for_each = toset(["x", "y"])\n}\n'})
        debt = self.accepted(run(accepted=(), accept_new=True))
        tree({"main.tf": PROVIDER + 'resource "aws_s3_bucket" "b" {\n  for_each = toset(["x", "y", "z"])\n}\n'})

        report = run(accepted=debt).report

        assert [(one.new, one.resource.address, one.instances) for one in report.findings] == [
            (False, 'aws_s3_bucket.b["x"]', 2),
            (True, 'aws_s3_bucket.b["z"]', 1),
        ]

    def test_lines_files_and_folders_may_move(self, tree: Tree, run: Run) -> None:
        tree({"live/a/main.tf": PROVIDER + BUCKET})
        debt = self.accepted(run(accepted=(), accept_new=True))
        Path("live/a/main.tf").unlink()
        tree({"live/b/other.tf": "\n\n# moved\n" + PROVIDER + BUCKET})

        checked = run(accepted=debt)

        assert [one.new for one in checked.report.findings] == [False]
        assert [entry.root for entry in self.accepted(checked)] == ["live/b"]

    @pytest.mark.parametrize(
        "moved",
        [
            {
                "main.tf": BUCKET.replace('"b" {', '"new" {')
                + "moved {\n  from = aws_s3_bucket.b\n  to = aws_s3_bucket.new\n}\n"
            },
            {
                "main.tf": call("./m") + "moved {\n  from = aws_s3_bucket.b\n  to = module.m.aws_s3_bucket.b\n}\n",
                "m/x.tf": BUCKET,
            },
            {
                "main.tf": 'resource "aws_s3_bucket" "b" {\n  for_each = toset(["k"])\n}\n'
                'moved {\n  from = aws_s3_bucket.b\n  to = aws_s3_bucket.b["k"]\n}\n'
            },
        ],
    )
    def test_a_resource_that_a_moved_block_renames_stays_accepted(
        self, tree: Tree, run: Run, moved: dict[str, str]
    ) -> None:
        tree({"main.tf": PROVIDER + BUCKET})
        debt = self.accepted(run(accepted=(), accept_new=True))
        tree({"provider.tf": PROVIDER, **moved})

        checked = run(accepted=debt)

        assert [one.new for one in checked.report.findings] == [False]
        assert [entry.address for entry in self.accepted(checked)] == [only(checked.report).resource.address]

    def test_a_module_that_a_moved_block_renames_keeps_the_debt_of_what_is_in_it(self, tree: Tree, run: Run) -> None:
        tree({"main.tf": PROVIDER + call("./m", "a"), "m/main.tf": BUCKET})
        debt = self.accepted(run(accepted=(), accept_new=True))
        tree({"main.tf": PROVIDER + call("./m", "b") + "moved {\n  from = module.a\n  to = module.b\n}\n"})

        assert [one.new for one in run(accepted=debt).report.findings] == [False]

    def test_a_run_drops_only_what_it_would_have_seen(self, tree: Tree, run: Run) -> None:
        tree({f"{name}/main.tf": PROVIDER + BUCKET for name in ("a", "b", "c")})
        debt = self.accepted(run(accepted=(), accept_new=True))
        tagged = PROVIDER + BUCKET.replace('"b"\n', '"b"\n  tags = { owner = "x" }\n')
        tree({f"{name}/main.tf": tagged for name in ("a", "b", "c")} | {"b/broken.tf": "{"})

        assert [entry.root for entry in self.accepted(run("a", "b", accepted=debt))] == ["b", "c"]

    def test_a_run_over_everything_drops_what_is_gone_and_keeps_what_it_does_not_look_into(
        self, tree: Tree, run: Run
    ) -> None:
        tree(dict.fromkeys(("a/main.tf", "b/main.tf", ".infra/main.tf"), PROVIDER + BUCKET))
        debt = self.accepted(run("a", "b", ".infra", accepted=(), accept_new=True))
        assert [entry.root for entry in debt] == [".infra", "a", "b"]
        Path("b/main.tf").unlink()

        assert [entry.root for entry in self.accepted(run("a", accepted=debt))] == [".infra", "a", "b"]
        assert [entry.root for entry in self.accepted(run(".", accepted=debt))] == [".infra", "a"]

    def test_what_another_policy_asks_for_is_left_alone(self, tree: Tree, run: Run) -> None:
        tree({"main.tf": PROVIDER})
        other = Entry(root=".", address="a.b", rule="tags/else", surface="tags", tag="else", verdict=Verdict.MISSING)

        assert self.accepted(run(accepted=[other])) == [other]

    def test_a_run_for_single_files_shrinks_no_more_than_it_judged(self, tree: Tree, run: Run) -> None:
        tree({"live/main.tf": PROVIDER + BUCKET + call("../m"), "m/main.tf": BUCKET})
        debt = self.accepted(run(accepted=(), accept_new=True))

        checked = run("m/main.tf", accepted=debt)

        assert self.accepted(checked) == debt
        assert [one.new for one in checked.report.findings] == [False]


PIECES = st.sampled_from(
    [
        BUCKET,
        'resource "aws_s3_bucket" "c" {\n  count = 2\n}\n',
        (
            'resource "aws_s3_bucket" "d" {\n  for_each = { x = "owner", y = "team" }\n'
            '  tags     = { (each.value) = "a" }\n}\n'
        ),
        'resource "aws_s3_bucket" "e" {\n  tags = { owner = "a" }\n}\n',
        'resource "aws_s3_bucket" "f" {\n  tags = data.a_b.c.tags\n}\n',
        'variable "tags" {\n  default = {}\n}\nresource "aws_s3_bucket" "g" {\n  tags = var.tags\n}\n',
        call("../m1", "one"),
        call("../m2", "two", '  for_each = toset(["p", "q"])\n'),
        call("../m1", "three", '  tags = { owner = "z" }\n'),
    ]
)
FILES = st.dictionaries(
    st.sampled_from(["r1/a.tf", "r1/b.tf", "r2/a.tf", "m1/a.tf", "m1/b.tf", "m2/a.tf"]),
    st.lists(PIECES, max_size=4, unique=True).map("".join),
    min_size=2,
)


class TestLaws:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(files=FILES, data=st.data())
    def test_contexts_are_put_together_and_none_is_lost(
        self, tree: Tree, run: Run, owner: Policy, files: dict[str, str], data: st.DataObject
    ) -> None:
        for old in Path().glob("*/*.tf"):
            old.unlink()
        tree({**files, "r1/p.tf": PROVIDER, "r2/p.tf": PROVIDER})
        whole = run(accepted=(), accept_new=True)
        settled = whole.settled
        assert settled is not None

        each_alone = 0
        for root in select(["."], parse).roots:
            reusable = "given by whoever calls this module" if root.reusable else ""
            configuration = read_configuration(Path(root.name), Settings(reusable=reusable))
            each_alone += len(evaluate(owner, configuration.inventory, TODAY).findings)
        assert sum(one.instances for one in whole.report.findings) == each_alone == len(settled.kept)
        assert not any(one.new for one in whole.report.findings)

        def what(report: Report) -> set[tuple[str, str | None, str]]:
            return {(place, one.tag, one.verdict) for place, one in zip(places(report), report.findings, strict=True)}

        given = data.draw(st.lists(st.sampled_from(sorted(files)), min_size=1))
        some = run(*given, accepted=settled.kept)
        assert what(some.report) <= what(whole.report)
        assert some.settled is not None
        assert (some.settled.kept, some.settled.mended) == (settled.kept, ())
        assert some.report.summary.resources <= whole.report.summary.resources


class TestTheSameBytes:
    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(order=st.permutations(["live/a", "live/b/main.tf", "m/main.tf", "live/c", "broken"]))
    def test_for_any_order_of_the_paths_and_any_number_of_processes(
        self, tree: Tree, run: Run, order: list[str]
    ) -> None:
        body = (
            'resource "aws_s3_bucket" "b" {\n  for_each = { x = "team", y = "Owner" }\n'
            '  tags     = { (each.value) = "a" }\n}\n'
        )
        tree(
            {f"live/{name}/main.tf": PROVIDER + GOOD + body + call("../../m") for name in "abc"}
            | {"m/main.tf": body + MODULE, "broken/main.tf": PROVIDER + BUCKET + "resource {{{"}
        )
        first = run("live/a", "live/b/main.tf", "m/main.tf", "live/c", "broken", accepted=(), with_resources=True)

        for jobs in (1, 2, 3):
            again = run(*order, accepted=(), with_resources=True, jobs=jobs)
            assert render(again.report, "json") == render(first.report, "json")
            assert again.settled == first.settled

    def test_a_fingerprint_names_the_root_and_no_line(self, tree: Tree, run: Run) -> None:
        tree({f"{name}/main.tf": PROVIDER + BUCKET for name in ("a", "b")})
        before = [one.fingerprint for one in run().report.findings]
        Path("a/main.tf").rename("a/renamed.tf")
        tree({"b/main.tf": "\n\n" + PROVIDER + BUCKET})

        assert len(set(before)) == 2
        assert [one.fingerprint for one in run().report.findings] == before


class TestHostileModules:
    def test_modules_that_call_each_other_end(self, tree: Tree, run: Run) -> None:
        twice = call("../b", "one") + call("../b", "two", '  for_each = toset(["p", "q"])\n')
        tree({"r/a.tf": PROVIDER + call("../a"), "a/a.tf": twice + BUCKET, "b/a.tf": twice.replace("../b", "../a")})

        report = run("r").report

        assert addresses(report) == ["r: module.m.aws_s3_bucket.b"]
        assert any("it calls itself" in note for note in report.notes)

    def test_modules_that_multiply_each_other_end(self, tree: Tree, run: Run) -> None:
        many = "  for_each = toset([for number in range(1000) : tostring(number)])\n"
        tree({f"m{n}/a.tf": call(f"../m{n + 1}", more=many) for n in range(10)} | {"m10/a.tf": BUCKET})

        report = run("m0").report

        assert "more than 10,000 instances of modules" in report.gaps[0].why
        assert len(report.notes) <= 201
