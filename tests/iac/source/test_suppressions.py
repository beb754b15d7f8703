"""Which comments accept a fault, of which block, and what is said of those that accept nothing."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.engine import evaluate
from costguard.iac.hcl import parse
from costguard.iac.source.suppressions import Suppression, apply, remarks, suppressions
from costguard.model.finding import Finding, Report
from costguard.model.resource import Inventory, Known, Location, Resource, Surface, Tag, TagSet
from tests.policy.build import policy

TODAY = date(2026, 11, 23)
GOOD = "costguard:ignore=owner retired in Q1 until=2027-03-31"
KNOWN = frozenset(("owner", "service", "tags/owner", "tags/service"))


def read(text: str, name: str = "main.tf") -> tuple[Suppression, ...]:
    return suppressions(parse(text.encode(), name))


def covered(text: str, name: str = "main.tf") -> list[tuple[int, int]]:
    return [(one.block.line, one.block.end_line) for one in read(text, name) if one.holds(TODAY)]


def flaw(text: str, name: str = "main.tf") -> str:
    (only,) = read(text, name)
    assert not only.holds(TODAY)
    return only.flaw


class TestWhereItStands:
    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            (f'# {GOOD}\nresource "a" "b" {{\n}}\n', (2, 3)),
            (f'// {GOOD}\nmodule "b" {{\n}}\n', (2, 3)),
            (f'/* {GOOD} */\nprovider "b" {{\n}}\n', (2, 3)),
            (f'/*\n * {GOOD}\n */\nprovider "b" {{\n}}\n', (4, 5)),
            (f'  ## {GOOD}\n# another word\nresource "a" "b" {{\n}}\n', (3, 4)),
            (f'resource "a" "b" {{ # {GOOD}\n}}\n', (1, 2)),
            (f'resource "a" "b" {{\n}} # {GOOD}\n', (1, 2)),
            (f'resource "a" "b" {{}} # {GOOD}\n', (1, 1)),
            (f'resource "a" "b" {{\n  # {GOOD}\n  tags = {{}}\n}}\n', (1, 4)),
            (f'resource "a" "b" {{\n  tags = {{}} # {GOOD}\n}}\n', (1, 3)),
            (f'resource "a" "b" {{\n  tags = {{\n    # {GOOD}\n  }}\n}}\n', (1, 5)),
            (f'provider "a" {{\n  default_tags {{\n    # {GOOD}\n    tags = {{}}\n  }}\n}}\n', (1, 6)),
            (f'\r\n# {GOOD}\r\nresource "a" "b" {{\r\n}}\r\n', (3, 4)),
            (f'resource "a" "a" {{}}\n# {GOOD}\nresource "a" "b" {{}}\n', (3, 3)),
            ('#tfsec:ignore:x costguard:ignore=owner why until=2026-11-23\nresource "a" "b" {}\n', (2, 2)),
        ],
    )
    def test_it_covers_the_block_that_it_stands_at(self, text: str, lines: tuple[int, int]) -> None:
        assert covered(text) == [lines]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (f'# {GOOD}\n\nresource "a" "b" {{\n}}\n', "stands at no block"),
            (f'resource "a" "b" {{\n}}\n# {GOOD}\n', "stands at no block"),
            (f"# {GOOD}\nlocals {{\n}}\n", "a locals block"),
            (f'data "a" "b" {{\n # {GOOD}\n}}\n', "a data block"),
            (
                f'resource "a" "b" {{\n  root_block_device {{\n    # {GOOD}\n  }}\n}}\n',
                "in the block root_block_device",
            ),
        ],
    )
    def test_it_covers_nothing_elsewhere(self, text: str, words: str) -> None:
        assert words in flaw(text)

    @pytest.mark.parametrize(
        "text",
        [
            f'resource "a" "b" {{\n  note = "{GOOD}"\n}}\n',
            f"locals {{\n  a = <<EOT\n# {GOOD}\nEOT\n}}\n",
            '# see costguards:ignore=owner\nresource "a" "b" {}\n',
            f'# {GOOD}\nresource "a" "b" {{',
        ],
    )
    def test_only_a_comment_of_a_file_that_parses_is_one(self, text: str) -> None:
        assert read(text) == ()

    def test_two_above_a_block_both_hold(self) -> None:
        text = f'# {GOOD}\n# costguard:ignore=service no service until=2027-01-01\nresource "a" "b" {{\n}}\n'

        assert [(one.names, one.at.line, one.block.line) for one in read(text)] == [
            (("owner",), 1, 3),
            (("service",), 2, 3),
        ]

    def test_in_json_it_is_a_property_of_the_block(self) -> None:
        text = f'{{"resource": {{"aws_s3_bucket": {{"b": {{\n "//": "{GOOD}",\n "bucket": "b"\n}}}}}}}}'

        (one,) = read(text, "main.tf.json")

        assert one.holds(TODAY)
        assert (one.at.line, one.block.line, one.block.end_line) == (2, 1, 4)

    @pytest.mark.parametrize(
        "text", [f'{{"//": "{GOOD}"}}', f'{{"locals": {{"//": "{GOOD}"}}}}', f'{{"locals": {{"a": "{GOOD}"}}}}']
    )
    def test_elsewhere_in_json_it_covers_nothing(self, text: str) -> None:
        assert 'the property "//"' in flaw(text, "main.tf.json")


class TestWhatItSays:
    def test_it_names_tags_a_reason_and_a_day(self) -> None:
        text = 'resource "a" "b" {} # costguard:ignore=owner, service until=2027-03-31  no  team yet \n'

        (one,) = read(text)

        assert (one.names, one.reason, one.until) == (("owner", "service"), "no team yet", date(2027, 3, 31))

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ("costguard:ignore", "names no tag"),
            ("costguard:ignore owner why until=2027-01-01", "names no tag"),
            ("costguard:ignore= until=2027-01-01 why", "names no tag"),
            ("costguard:ignore=owner until=2027-01-01", "gives no reason"),
            ("costguard:ignore=owner why", "until when"),
            ("costguard:ignore=owner why until=", "is no date"),
            ("costguard:ignore=owner why until=2027-02-30", "is no date"),
            ("costguard:ignore=owner why until=20270101", "is no date"),
            ("costguard:ignore=owner why until=31.12.2027", "is no date"),
            ("costguard:ignore=owner why until=２０２７-01-01", "is no date"),
        ],
    )
    def test_a_malformed_one_covers_nothing_and_says_why(self, said: str, words: str) -> None:
        assert words in flaw(f'resource "a" "b" {{}} # {said}\n')

    @given(st.text(max_size=60))
    def test_no_text_is_a_suppression_without_a_reason_and_a_day(self, text: str) -> None:
        source = f'resource "a" "b" {{}} # costguard:ignore{text.splitlines()[0] if text.split() else ""}\n'
        for one in read(source):
            assert one.flaw or (one.names and one.reason and one.until > date.min)


def bucket(name: str, line: int, **tags: str) -> Resource:
    known = {key: Tag(Known(value), "the resource") for key, value in tags.items()}
    place = Location("main.tf", line, line + 2)
    return Resource(
        address=f"aws_s3_bucket.{name}", type="aws_s3_bucket", provider="aws", cloud="aws",
        surfaces=(Surface("tags", TagSet(known)),), location=place,
    )  # fmt: skip


class Judged(Protocol):
    def __call__(self, *resources: Resource, with_resources: bool = False) -> Report: ...


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """What the engine says of resources that must have an owner and a service."""
    rules = policy(tmp_path, "name: p\ntags: {owner: {}, service: {}}\n")

    def judge(*resources: Resource, with_resources: bool = False) -> Report:
        inventory = Inventory(checkpoint="source", resources=resources)
        return evaluate(rules, inventory, TODAY, with_resources=with_resources)

    return judge


def own_block(finding: Finding) -> Sequence[Location]:
    assert finding.location is not None
    return (finding.location,)


def suppression(line: int, names: str, until: str = "2027-01-01") -> Suppression:
    return Suppression(
        at=Location("main.tf", line - 1, line - 1),
        block=Location("main.tf", line, line + 2),
        names=tuple(names.split(",")),
        reason="why",
        until=date.fromisoformat(until),
    )


def counts(report: Report) -> dict[str, int]:
    return {name: number for name, number in msgspec.to_builtins(report.summary).items() if number}


class TestWhatItDoes:
    def test_a_resource_of_which_all_is_accepted_is_exempt(self, judged: Judged) -> None:
        report = judged(bucket("a", 10), bucket("b", 20), with_resources=True)

        after, used = apply(report, own_block, [suppression(10, "owner,service")], TODAY)

        assert [finding.resource.address for finding in after.findings] == ["aws_s3_bucket.b", "aws_s3_bucket.b"]
        assert counts(after) == {"resources": 2, "violating": 1, "exempt": 1, "findings": 2}
        assert used == {Location("main.tf", 9, 9)}
        assert not isinstance(after.resources, msgspec.UnsetType)
        assert [one.status for one in after.resources] == ["exempt", "violating"]

    def test_what_it_does_not_name_stays(self, judged: Judged) -> None:
        after, _ = apply(judged(bucket("a", 10)), own_block, [suppression(10, "owner")], TODAY)

        assert [finding.tag for finding in after.findings] == ["service"]
        assert counts(after) == {"resources": 1, "violating": 1, "findings": 1}

    def test_it_may_name_the_rule(self, judged: Judged) -> None:
        after, _ = apply(judged(bucket("a", 10)), own_block, [suppression(10, "tags/owner")], TODAY)

        assert [finding.tag for finding in after.findings] == ["service"]

    def test_it_holds_through_its_day_and_then_says_that_it_ended(self, judged: Judged) -> None:
        report = judged(bucket("a", 10, service="x"))

        assert apply(report, own_block, [suppression(10, "owner", "2026-11-23")], TODAY)[0].findings == ()
        after, _ = apply(report, own_block, [suppression(10, "owner", "2026-11-22")], TODAY)
        assert [finding.message for finding in after.findings] == [
            report.findings[0].message + "; its suppression at main.tf:9 ended on 2026-11-22"
        ]
        assert after.summary == report.summary

    def test_any_place_that_a_finding_hangs_on_counts(self, judged: Judged) -> None:
        report = judged(bucket("a", 10))
        call = Location("root.tf", 5, 5)
        over_call = msgspec.structs.replace(suppression(10, "owner,service"), block=Location("root.tf", 4, 9))

        after, _ = apply(report, lambda finding: (*own_block(finding), call), [over_call], TODAY)

        assert after.findings == ()

    def test_without_one_the_report_is_what_it_was(self, judged: Judged) -> None:
        report = judged(bucket("a", 10))

        assert apply(report, own_block, [], TODAY) == (report, frozenset())


class TestWhatIsSaidOfIt:
    def test_of_one_that_does_something_nothing(self) -> None:
        one = suppression(10, "owner")

        assert list(remarks([one], [one.at], KNOWN, TODAY)) == []

    @pytest.mark.parametrize(
        ("one", "words"),
        [
            (suppression(10, "owner"), "main.tf:9: there is nothing for this suppression (why) to cover"),
            (suppression(10, "owner", "2020-01-01"), "main.tf:9: this suppression ended on 2020-01-01"),
            (
                suppression(10, "ownr"),
                "main.tf:9: this suppression names ownr, which no policy knows; did you mean owner?",
            ),
            (
                read('# costguard:ignore=owner why\nresource "a" "b" {}')[0],
                "main.tf:1: this suppression covers nothing",
            ),
        ],
    )
    def test_of_one_that_does_nothing_why(self, one: Suppression, words: str) -> None:
        (said,) = remarks([one], [], KNOWN, TODAY)

        assert said.startswith(words)
