"""Files that are not what they should be. The outcome is a judged report or one sentence that says what and where;
never a trace, never a hang, and never a resource that is compliant because something could not be read.
"""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from costguard import reports
from costguard.engine import evaluate
from costguard.errors import CostguardError, InputError
from costguard.iac.plan import read_plan
from costguard.model.finding import Report
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.reports import Style
from tests.conftest import ROOT

TODAY = date(2026, 1, 1)
PLANS = sorted((*ROOT.glob("examples/terraform/*/plan.json"), *ROOT.glob("tests/plans/*/plan.json")))
SMALL = ROOT / "examples" / "terraform" / "violating-mixed" / "plan.json"


@pytest.fixture(scope="module")
def baseline() -> Policy:
    return load(["baseline"])


def judge(policy: Policy, raw: bytes) -> Report:
    return evaluate(policy, read_plan(raw, "plan.json"), TODAY, with_resources=True)


def refusal(raw: bytes) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(InputError) as refused:
        read_plan(raw, "plan.json")
    sentence = str(refused.value)
    assert sentence.startswith("plan.json")
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence


def a_plan(after: str = '{"tags": null, "tags_all": {}}', more: str = "") -> bytes:
    """The text of a plan with one bucket, for what ``json.dumps`` would never write."""
    return (
        '{"format_version": "1.2", "resource_changes": [{"address": "aws_s3_bucket.site", "mode": "managed", '
        '"type": "aws_s3_bucket", "name": "site", "provider_name": "registry.terraform.io/hashicorp/aws", '
        f'"change": {{"actions": ["create"], "after": {after}, "after_unknown": {{}}, "after_sensitive": {{}}}}}}]'
        f"{more}}}"
    ).encode("utf-8", "surrogatepass")


class TestText:
    @pytest.mark.parametrize(
        "raw", [b"", b" ", b"\n\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", b"\xff\xfe", b"\xff\xfe \0"]
    )
    def test_an_empty_file_says_how_to_make_one(self, raw: bytes) -> None:
        assert "is empty; make it with `terraform show -json PLANFILE`" in refusal(raw)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be-with-mark", "utf-16-le-with-mark"])
    def test_byte_order_marks_are_read(self, baseline: Policy, encoding: str) -> None:
        text = SMALL.read_text("utf-8")
        raw = {
            "utf-16-be-with-mark": b"\xfe\xff" + text.encode("utf-16-be"),
            "utf-16-le-with-mark": b"\xff\xfe" + text.encode("utf-16-le"),
        }.get(encoding) or text.encode(encoding)

        assert judge(baseline, raw) == judge(baseline, SMALL.read_bytes())

    @pytest.mark.parametrize(
        "raw",
        [
            a_plan().replace(b"site", b"si\xffte"),
            b"\xc3",
            a_plan().decode().encode("utf-16-le"),
            a_plan().decode().encode("utf-16")[:-1],
            a_plan().decode().encode("utf-32"),
            b"\xff\xfe" + b"\x00\xd8\x00\x00",
            bytes(range(256)),
            b"\x00" * 64,
            b"\x1f\x8b\x08\x00garbage",
        ],
    )
    def test_what_is_no_text_is_refused(self, raw: bytes) -> None:
        assert re.match(r"plan\.json is not (UTF-8|UTF-16|JSON)", refusal(raw))

    def test_a_file_that_is_cut_off_anywhere_is_refused(self) -> None:
        text = json.dumps(json.loads(SMALL.read_bytes()), separators=(",", ":")).encode()
        for end in range(0, len(text), 7):
            refusal(text[:end])

    def test_a_file_that_is_cut_off_says_so(self) -> None:
        raw = SMALL.read_bytes()
        for end in (raw.index(b'"owner"'), raw.index(b'"owner"') + 3, len(raw.rstrip()) - 1):
            assert re.search(r"it ends in the middle, on line \d+", refusal(raw[:end]))

    @pytest.mark.parametrize("tail", [b"}", b"{}", b"x", b"\0", b",", b"]"])
    def test_what_follows_the_plan_is_refused(self, tail: bytes) -> None:
        assert "is not JSON" in refusal(a_plan() + tail)

    @pytest.mark.parametrize(
        "number", ["NaN", "Infinity", "-Infinity", "nan", "01", "1.", ".5", "+1", "0x10", "1e", "--1"]
    )
    @pytest.mark.parametrize("place", ["after", "skipped"])
    def test_what_is_no_number_in_json_is_refused(self, number: str, place: str) -> None:
        raw = (
            a_plan(f'{{"size": {number}}}') if place == "after" else a_plan(more=f', "prior_state": {{"x": {number}}}')
        )
        assert "JSON" in refusal(raw)

    @pytest.mark.parametrize("number", ["1e999", "-1e999", "1e-999", "9" * 400, "9" * 5000, "-0", "1" * 5000 + ".5"])
    @pytest.mark.parametrize("place", ["after", "skipped", "tags"])
    def test_a_number_of_any_size_is_read_or_refused(self, baseline: Policy, number: str, place: str) -> None:
        match place:
            case "after":
                raw = a_plan(f'{{"tags": null, "tags_all": {{}}, "size": {number}}}')
            case "skipped":
                raw = a_plan(more=f', "prior_state": {{"x": {number}}}')
            case _:
                raw = a_plan(f'{{"tags": {{"owner": {number}}}, "tags_all": {{}}}}')
        try:
            report = judge(baseline, raw)
        except InputError:
            refusal(raw)
        else:
            assert place != "tags"
            assert report.summary.violating == 1

    @pytest.mark.parametrize(
        "after",
        ['{"tags": {"owner": "\\ud800"}}', '{"tags": {"\\udfff": "x"}}', '{"tags": {"owner": "\\ud83d\\ude00"}}'],
    )
    def test_half_a_surrogate_pair_is_judged_or_refused_and_every_format_prints_it(
        self, baseline: Policy, after: str
    ) -> None:
        for raw in (a_plan(after), a_plan(after).replace(b"aws_s3_bucket.site", b"aws_s3_bucket.\\ud800")):
            try:
                report = judge(baseline, raw)
            except InputError:
                refusal(raw)
                continue
            for name in reports.FORMATS:
                reports.render(report, name).encode("utf-8", "backslashreplace")

    @pytest.mark.parametrize("depth", [500, 900, 990, 1_000, 1_100, 10_000, 200_000])
    @pytest.mark.parametrize(
        ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ("[", ""), ('{"module":', "")]
    )
    @pytest.mark.parametrize(
        "place", ["top", "skipped", "after", "tags", "expressions", "variables", "modules", "unknown"]
    )
    def test_nesting_is_judged_or_refused(
        self, baseline: Policy, depth: int, opening: str, closing: str, place: str
    ) -> None:
        deep = opening * depth + ("1" if closing else "") + closing * depth
        raw = {
            "top": deep.encode(),
            "skipped": a_plan(more=f', "prior_state": {deep}'),
            "after": a_plan(f'{{"tags": null, "x": {deep}}}'),
            "tags": a_plan(f'{{"tags": {deep}}}'),
            "expressions": a_plan(
                '{"tags_all": {}}',
                ', "configuration": {"provider_config": {"aws": {"name": "aws", "expressions": {"default_tags": '
                f'[{{"tags": {{"constant_value": {{"a": {deep}}}}}}}]}}}}}}, "root_module": {{"resources": '
                f'[{{"type": "aws_s3_bucket", "name": "site", "expressions": {{"tags": {deep}}}}}]}}}}',
            ),
            "variables": a_plan(
                more=f', "variables": {{"x": {{"value": {deep}}}}}, '
                '"configuration": {"root_module": {"variables": {"x": {"sensitive": true}}}}'
            ),
            "modules": a_plan(
                more=', "configuration": {"root_module": ' + '{"module_calls": {"a": {"module": ' * depth
                + "{}" + "}}}" * depth + "}"
            ),
            "unknown": a_plan().replace(b'"after_unknown": {}', f'"after_unknown": {{"tags": {deep}}}'.encode()),
        }[place]  # fmt: skip
        try:
            judge(baseline, raw)
        except CostguardError:
            refusal(raw)

    @pytest.mark.parametrize(
        ("raw", "path"),
        [
            (
                a_plan('{"tags": {"owner": "a"}, "tags": null}'),
                "'tags' stands twice in $.resource_changes[0].change.after",
            ),
            (a_plan('{"tags": {"owner": "", "owner": "payments"}}'), "'owner' stands twice in"),
            (a_plan(more=', "resource_changes": []'), "'resource_changes' stands twice in $"),
            (a_plan(more=', "prior_state": {"x": [{"y": 1, "y": 1}]}'), "'y' stands twice in $.prior_state.x[0]"),
            (a_plan('{"tags": {"owner": "a", "\\u006fwner": "b"}}'), "'owner' stands twice in"),
        ],
    )
    def test_a_key_that_stands_twice_is_refused_since_readers_differ_on_which_counts(
        self, raw: bytes, path: str
    ) -> None:
        assert f"the key {path}" in refusal(raw)


class TestOtherFiles:
    """What people give by mistake is named, with what to give instead."""

    @pytest.mark.parametrize(
        ("document", "what"),
        [
            ({"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {}}}, "a state"),
            ({"format_version": "1.0"}, "neither resource_changes nor planned_values"),
            (
                {"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "x", "resources": []},
                "a state file",
            ),
            ({"@level": "info", "@message": "Plan: 1 to add", "type": "change_summary"}, "the log of `terraform plan"),
            ({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}, "a CloudFormation template"),
            ({"steps": [], "config": {}, "changeSummary": {"create": 1}}, "a preview of Pulumi"),
            ({"$schema": "https://example.org/sarif", "version": "2.1.0", "runs": []}, "a SARIF report"),
            ({"format_version": "1.0", "provider_schemas": {}}, "the schema of providers"),
            ({"schema": "costguard/findings/v1", "checkpoint": "plan", "findings": []}, "a report of costguard"),
            ({"resource": {"aws_s3_bucket": {}}}, "is not a plan"),
            ({}, "is not a plan"),
            ([], "is not a plan"),
            (None, "is not a plan"),
            ("plan", "is not a plan"),
            (5, "is not a plan"),
        ],
    )
    def test_they_are_named(self, document: Any, what: str) -> None:
        assert what in refusal(json.dumps(document).encode())

    def test_the_log_of_terraform_plan_json_is_named(self) -> None:
        line = json.dumps({"@level": "info", "@message": "Terraform 1.11.4", "type": "version"})
        assert "the log of `terraform plan -json`" in refusal(f"{line}\n{line}\n".encode())

    def test_the_words_of_terraform_show_without_json_are_refused(self) -> None:
        assert "is not JSON" in refusal(b"Terraform will perform the following actions:\n\n  # aws_s3_bucket.site\n")

    @pytest.mark.parametrize("version", ["0.1", "0.2", "2.0", "", "x", "10.0", "1"])
    def test_only_formats_of_version_1_are_judged(self, baseline: Policy, version: str) -> None:
        raw = a_plan().replace(b'"1.2"', json.dumps(version).encode())
        if version == "1":
            assert judge(baseline, raw).summary.violating == 1
        else:
            assert "plan format" in refusal(raw)

    def test_a_later_format_of_version_1_is_judged(self, baseline: Policy) -> None:
        raw = a_plan(more=', "something_new": {"deep": [1]}').replace(b'"1.2"', b'"1.99"')
        assert judge(baseline, raw).summary.violating == 1

    def test_a_plan_without_a_version_is_refused(self) -> None:
        assert "format_version" in refusal(a_plan().replace(b'"format_version": "1.2", ', b""))


STRANGERS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, "", "x", "true", "${x}", [], [None], [1], ["x"], [[]], [{}],
    {}, {"x": None}, {"x": {}}, {"tags": 1},
)  # fmt: skip


def _places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all nodes of a plan that mean something to a judgement."""
    if path and path[0] in ("planned_values", "prior_state", "relevant_attributes"):
        return []
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(deeper for key, child in children for deeper in _places(child, (*path, key)))]


@pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.parent.name)
def test_a_wrong_type_anywhere_is_judged_or_refused_in_one_sentence(baseline: Policy, plan: Path) -> None:
    """Every node of the small plans, and of the large ones as many as fit, is replaced by two strangers in turn."""
    document = json.loads(plan.read_bytes())
    places = _places(document)[1:]
    for number, path in enumerate(places[:: max(1, len(places) * plan.stat().st_size // 12_000_000)]):
        parent: Any = document
        for key in path[:-1]:
            parent = parent[key]
        kept = parent[path[-1]]
        for stranger in (STRANGERS[number % len(STRANGERS)], STRANGERS[(number * 7 + 3) % len(STRANGERS)]):
            parent[path[-1]] = stranger
            raw = msgspec.json.encode(document) if stranger != 10**30 else json.dumps(document).encode()
            try:
                judge(baseline, raw)
            except CostguardError:
                refusal(raw)
        parent[path[-1]] = kept


@pytest.mark.parametrize(
    ("after", "where"),
    [
        ('{"tags": 5}', "aws_s3_bucket.site: after.tags is int, where a map of texts is expected"),
        ('{"tags": ["owner"]}', "aws_s3_bucket.site: after.tags is list, where a map of texts is expected"),
        ('{"tags": {"owner": 5}}', "aws_s3_bucket.site: after.tags.owner is int, where text is expected"),
        ('{"tags": {"owner": {}}}', "aws_s3_bucket.site: after.tags.owner is dict, where text is expected"),
        ("5", "aws_s3_bucket.site: Expected `object | null`, got `int` - at `$.resource_changes[0].change.after`"),
    ],
)
def test_the_sentence_names_the_resource_and_the_attribute(after: str, where: str) -> None:
    assert where in refusal(a_plan(after))


class TestSecrets:
    """What Terraform marks as sensitive is judged and never printed."""

    def _leaves(self, node: Any) -> set[str]:
        match node:
            case str():
                return {node}
            case dict():
                return set().union(*(self._leaves(child) for child in node.values()))
            case list():
                return set().union(*(self._leaves(child) for child in node))
            case _:
                return set()

    def _marked(self, values: Any, marks: Any) -> set[str]:
        """The texts in ``values`` that ``marks`` says are sensitive."""
        if marks is True:
            return self._leaves(values)
        if isinstance(marks, dict) and isinstance(values, dict):
            return set().union(*(self._marked(values.get(key), mark) for key, mark in marks.items()))
        if isinstance(marks, list) and isinstance(values, list):
            return set().union(*(self._marked(value, mark) for value, mark in zip(values, marks, strict=False)))
        return set()

    def _secrets(self, document: dict[str, Any]) -> set[str]:
        """All sensitive texts but those that the plan also shows where they are no secret, as ``production``."""
        root = document.get("configuration", {}).get("root_module", {})
        sensitive = [name for name, stated in root.get("variables", {}).items() if stated.get("sensitive")]
        variables = self._leaves([document.get("variables", {}).get(name) for name in sensitive])
        found = set(variables)
        shown: set[str] = set()
        for planned in document.get("resource_changes", ()):
            change = planned["change"]
            shown |= self._leaves(change["after"]) - self._marked(change["after"], change.get("after_sensitive"))
            found |= self._marked(change["after"], change.get("after_sensitive"))
            found |= self._marked(change["before"], change.get("before_sensitive"))
        return {text for text in found - (shown - variables) if len(text) >= 4}

    def test_some_plans_have_secrets(self) -> None:
        assert any(self._secrets(json.loads(plan.read_bytes())) for plan in PLANS)

    @pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.parent.name)
    @pytest.mark.parametrize("verbosity", [-1, 0, 2])
    def test_no_format_shows_one(self, baseline: Policy, plan: Path, verbosity: int) -> None:
        document = json.loads(plan.read_bytes())
        strict = load([str(ROOT / "tests" / "iac" / "strict-values.yaml")])
        for policy in (baseline, strict):
            report = judge(policy, plan.read_bytes())
            for name in reports.FORMATS:
                text = reports.render(report, name, Style(verbosity=verbosity, width=10_000))
                for secret in self._secrets(document):
                    assert secret not in text, f"{name} shows {secret}"

    def test_a_message_about_a_wrong_type_shows_no_value(self) -> None:
        raw = a_plan('{"tags": {"owner": ["hush-hush"]}}').replace(
            b'"after_sensitive": {}', b'"after_sensitive": {"tags": {"owner": true}}'
        )
        assert "hush" not in refusal(raw)
