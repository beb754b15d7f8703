"""Live reports: faults counted, who manages what, what was looked at, and no format that drops findings silently."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest

from costguard.model.finding import Finding, Level, Report, Status, Summary, Verdict
from costguard.model.resource import Gap, Manager
from costguard.model.spool import Spool
from costguard.reports import FORMATS, Style, pieces, read, render

from .samples import ACCOUNTS, DENIED, STACK, STATE, cell, live, live_finding, report

SCHEMA = Path(__file__).parents[2] / "costguard" / "schemas" / "findings-v1.json"


def show(of: Report, *, width: int = 100, verbosity: int = 0) -> str:
    return render(of, "terminal", Style(width=width, verbosity=verbosity))


def words(text: str) -> str:
    return " ".join(text.split())


def lots(number: int, level: Level = Level.ERROR) -> Report:
    """A live report of so many findings of the level, and one error at the end of the alphabet."""
    found = [
        msgspec.structs.replace(live_finding(f"bucket-{index:06}", ACCOUNTS[0]), level=level) for index in range(number)
    ]
    return report(*found, live_finding("zebra", ACCOUNTS[1], STATE), checkpoint="live", seen=number + 1, untaggable=0)


class TestTheTerminal:
    def test_the_verdict_comes_first_and_last(self) -> None:
        lines = show(live()).splitlines()
        said = "costguard live: INCOMPLETE. 4 errors and 1 undecided tag on 5 of 1,200 resources."
        assert (lines[0], lines[-2]) == (said, said)

    def test_each_fault_is_counted_before_any_resource_is_named(self) -> None:
        text = show(live())
        assert (
            "✗ Owner missing on 4 of 1,200 resources\n    aws_s3_bucket 2 of 1,000 and aws_sqs_queue 2 of 200\n" in text
        )
        assert text.index("Owner missing on 4") < text.index("? Owner undecided on 1 of") < text.index("arn:aws")

    def test_what_manages_a_resource_is_where_its_tag_is_mended(self) -> None:
        text = words(show(live()))
        assert (
            'arn:aws:s3:::logs in 111122223333/eu-west-1 managed by module.data["eu"].aws_s3_bucket.logs in live/prod '
            "(terraform): mend it there"
        ) in text
        assert "queue-a in 222233334444/eu-west-1 managed by shop (cloudformation): mend it there" in text

    def test_a_resource_alone_is_told_who_manages_it_on_a_line_of_its_own(self) -> None:
        text = show(report(live_finding("logs", ACCOUNTS[0], STACK), checkpoint="live"))
        assert "\n    managed by shop (cloudformation): mend it there\n" in text

    def test_many_managers_are_counted(self) -> None:
        claims = [Manager(tool="terraform", name="a.b", where=f"live/{index}") for index in range(5)]
        text = words(show(report(live_finding("logs", ACCOUNTS[0], *claims), checkpoint="live")))
        assert "managed by a.b in live/0 (terraform), a.b in live/1 (terraform) and 3 others: mend it there" in text

    def test_the_arn_is_said_once(self) -> None:
        one = live_finding("logs", ACCOUNTS[0])
        assert show(report(one, checkpoint="live")).count("arn:aws:s3:::logs") == 1

    def test_what_was_looked_at_is_one_line(self) -> None:
        assert "\nLooked at 3 accounts, 1 region, 2 types: 1,200 resources.\n" in show(live())

    def test_cells_with_one_reason_are_one_line(self) -> None:
        cells = [cell(f"{index:012}", "*", "explorer", "absent", error="there is no view") for index in range(40)]
        text = words(show(msgspec.structs.replace(report(checkpoint="live"), coverage=tuple(cells))))
        assert (
            "aws/*/eu-west-1/*/explorer: not set up: there is no view "
            "(40 accounts: 000000000000, 000000000001 and 38 more)"
        ) in text
        assert text.count("there is no view") == 1

    def test_gaps_with_one_reason_are_one_line_that_allow_gap_takes(self) -> None:
        text = words(show(live()))
        assert f"aws/*/eu-west-1/aws_kms_key/native: {DENIED} (3 gaps in 3 accounts: " in text
        assert "aws/*/eu-west-1/aws_s3_bucket/tags: the tags of 36 could not be read: AccessDenied (3 gaps" in text
        assert "s3://states/live/: there is no such bucket" in text
        assert "--allow-gap PATTERN accepts what can't" in text
        assert "INCOMPLETE: 7 things could not be read" in text

    def test_a_gap_is_not_said_again_of_the_coverage(self) -> None:
        assert show(live()).count("kms:ListKeys") == 1

    def test_a_gap_that_was_accepted_stays_in_the_coverage(self) -> None:
        accepted = msgspec.structs.replace(live(), gaps=(), complete=True)
        assert f"aws/*/eu-west-1/aws_kms_key/native: not read: {DENIED}" in words(show(accepted))

    def test_verbose_shows_every_cell(self) -> None:
        text = show(live(), verbosity=1, width=160)
        rows = re.findall(r"^  aws/\d{12}/\S+ +(?:native|explorer|tagging) .*$", text, re.MULTILINE)
        ledger = live().coverage
        assert not isinstance(ledger, msgspec.UnsetType)
        assert len(rows) == len(ledger)
        assert "  aws/111122223333/eu-west-1/*             tagging  read        900       2 h old" in rows

    def test_quiet_is_what_blocks_the_gaps_and_the_summary(self) -> None:
        text = show(live(), verbosity=-1)
        assert all(said in text for said in ("Owner missing on 4", "4 ERRORS", "INCOMPLETE:", "1,200 resources:"))
        assert not any(said in text for said in ("undecided on", "UNDECIDED", "COVERAGE", "note:"))

    @pytest.mark.parametrize("verbosity", [-1, 0, 1])
    def test_no_line_is_wider_than_asked_but_for_a_word(self, verbosity: int) -> None:
        for line in show(live(), width=60, verbosity=verbosity).splitlines():
            assert len(line) <= 60 or len(line.split()) == 1, line

    def test_the_first_findings_are_listed_and_the_rest_counted(self) -> None:
        text = show(lots(500))
        assert "30 OF 501 ERRORS" in text
        assert "and 471 more errors (-v lists up to 10,000, --format json all)" in text
        assert len(re.findall(r"arn:aws:s3:::", text)) == 30
        assert "501 errors on 501 of 501 resources." in text

    def test_what_blocks_is_listed_before_what_does_not(self) -> None:
        text = show(lots(500, Level.WARNING))
        assert "arn:aws:s3:::zebra" in text
        assert "29 OF 500 WARNINGS" in text

    def test_an_empty_estate_is_said_in_words(self) -> None:
        assert "Nothing to judge: no resource was found." in show(report(checkpoint="live", seen=0, untaggable=0))


class TestTheOtherFormats:
    @pytest.mark.parametrize("name", sorted(set(FORMATS) - {"json", "terminal", "markdown"}))
    def test_a_message_says_what_manages_the_resource(self, name: str) -> None:
        text = render(live(), name).replace("&quot;", '"').replace('\\"', '"')
        assert 'managed by module.data["eu"].aws_s3_bucket.logs in live/prod (terraform): mend it there' in text

    @pytest.mark.parametrize("name", sorted(set(FORMATS) - {"json", "gitlab"}))
    def test_it_says_what_was_looked_at(self, name: str) -> None:
        assert "Looked at 3 accounts, 1 region, 2 types: 1,200 resources." in render(live(), name)

    def test_a_gap_of_many_accounts_is_one_line_of_a_comment(self) -> None:
        text = render(live(), "markdown")
        assert text.count("`kms:ListKeys` (3 gaps in 3 accounts: `111122223333`, `222233334444` and 1 more)") == 1
        assert "| Owner missing | 4 of 1,200 resources |" in text

    def test_json_has_the_ledger_and_the_totals_and_fits_its_schema(self) -> None:
        said = json.loads(render(live(), "json"))
        jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(said)
        assert said["coverage"][0]["account"] == "111122223333"
        assert said["totals"]["faults"][0]["types"] == {"aws_s3_bucket": 2, "aws_sqs_queue": 2}
        assert said["findings"][0]["managed_by"] == [
            {"tool": "terraform", "name": 'module.data["eu"].aws_s3_bucket.logs', "where": "live/prod"}
        ]

    def test_a_report_of_another_checkpoint_has_neither(self) -> None:
        assert not {"coverage", "totals"} & set(json.loads(render(report(), "json")))

    def test_it_is_read_back_as_it_was(self) -> None:
        assert read(render(live(), "json").encode(), "r.json") == live()


@pytest.fixture(scope="module")
def huge() -> Report:
    """12,000 warnings and one error, which is the last; spooled."""
    made = lots(12_000, Level.WARNING)
    spool = Spool(Finding, held=2_000)
    for one in made.findings:
        spool.append(one)
    return msgspec.structs.replace(made, findings=spool.sealed())


class TestMoreThanAFormatLists:
    LEFT = "Left out here: 2,001 warnings; --format json has them all."

    def test_sarif_keeps_what_blocks_and_notes_the_rest(self, huge: Report, sarif_schema: Any) -> None:
        log = json.loads(render(huge, "sarif"))
        sarif_schema.validate(log)
        [run] = log["runs"]
        assert len(run["results"]) == 10_000
        assert run["results"][0]["level"] == "error"
        notes = run["invocations"][0]["toolExecutionNotifications"]
        assert {"level": "warning", "message": {"text": self.LEFT}} in notes

    def test_junit_has_a_case_for_the_rest(self, huge: Report) -> None:
        root = ElementTree.fromstring(render(huge, "junit"))  # noqa: S314 - ours
        [case] = [one for one in root.iter("testcase") if one.attrib["name"] == "every finding is listed"]
        assert [(child.tag, child.attrib["message"]) for child in case] == [("skipped", self.LEFT)]
        assert root.attrib["failures"] == "1"

    def test_junit_fails_where_an_error_is_left_out(self) -> None:
        root = ElementTree.fromstring(render(lots(10_000), "junit"))  # noqa: S314 - ours
        [case] = [one for one in root.iter("testcase") if one.attrib["name"] == "every finding is listed"]
        assert [child.tag for child in case] == ["failure"]
        assert root.attrib["failures"] == "10001"

    def test_gitlab_has_an_entry_for_the_rest(self, huge: Report) -> None:
        entries = json.loads(render(huge, "gitlab"))
        assert len(entries) == 10_001
        assert (entries[0]["severity"], entries[-1]["severity"]) == ("major", "minor")
        assert entries[-1]["description"] == self.LEFT

    def test_github_says_it_in_its_last_notice(self, huge: Report) -> None:
        assert self.LEFT in render(huge, "github").splitlines()[-1]

    def test_markdown_counts_it(self, huge: Report) -> None:
        text = render(huge, "markdown")
        assert "**11,801 more warnings are left out here.**" in text
        assert "`arn:aws:s3:::zebra`" in text

    def test_verbose_lists_ten_thousand(self, huge: Report) -> None:
        text = show(huge, verbosity=1)
        assert "9,999 OF 12,000 WARNINGS" in text
        assert "and 2,001 more warnings (--format json has all)" in text

    def test_json_has_all_and_the_bytes_of_a_report_that_is_held(self, huge: Report) -> None:
        held = msgspec.structs.replace(huge, findings=tuple(huge.findings))
        assert render(huge, "json") == render(held, "json")
        assert max(map(len, pieces(huge, "json"))) < 2_000_000

    def test_listed_resources_are_bounded_and_counted(self) -> None:
        from costguard.model.finding import ResourceStatus

        one = ResourceStatus(address="a", type="t", status=Status.COMPLIANT, tags={}, provenance={})
        many = report(checkpoint="live", resources=(one,) * 10_500, seen=10_500, untaggable=0)
        assert "and 500 more resources (--format json has all)" in show(many)
        assert "500 resources more; --format json has them all" in render(many, "junit")


@pytest.fixture(scope="module")
def saved() -> bytes:
    """More than is held while it is read."""
    one = live_finding("bucket", ACCOUNTS[0], STATE)
    padded = msgspec.structs.replace(one, message="Owner is missing " + "x" * 2_500)
    zero = dict.fromkeys(Summary.__struct_fields__, 0)
    head = msgspec.structs.replace(
        live(), findings=(padded,) * 12_000, summary=Summary(**zero | {"resources": 12_000, "findings": 12_000})
    )
    raw = render(head, "json").encode()
    assert len(raw) > 32_000_000
    return raw


class TestALargeSavedReport:
    def test_it_is_rendered_as_any_other(self, saved: bytes) -> None:
        back = read(saved, "r.json")
        assert isinstance(back.findings, Spool)
        assert len(back.findings) == 12_000
        assert (back.gaps, back.coverage, back.totals) == (live().gaps, live().coverage, live().totals)
        assert render(back, "json").encode() == saved
        assert "12,000 errors on 1 of 12,000 resources." in show(back)

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            (b'"new": true', b'"new": 3', r"at $.findings[0].new, Expected `bool`, got `int`"),
            (b'"complete": false', b'"complete": 3', r"at $.complete, Expected `bool`, got `int`"),
            (b"findings/v1", b"findings/v9", "of another version"),
        ],
    )
    def test_what_is_wrong_with_it_is_said_with_its_place(
        self, saved: bytes, old: bytes, new: bytes, says: str
    ) -> None:
        from costguard.errors import InputError

        with pytest.raises(InputError) as caught:
            read(saved.replace(old, new, 1), "r.json")
        assert says in str(caught.value)

    def test_one_that_was_cut_short_says_so(self, saved: bytes) -> None:
        from costguard.errors import InputError

        with pytest.raises(InputError, match="it ends in the middle; was the run that wrote it cut short"):
            read(saved[:-40_000], "r.json")


def test_a_fault_of_one_rule_names_the_rule_where_it_is_no_tag_of_the_policy() -> None:
    made = live()
    assert not isinstance(made.totals, msgspec.UnsetType)
    other = msgspec.structs.replace(
        made.totals.faults[0], rule="no-secrets", tag=None, key=None, verdict=Verdict.FORBIDDEN
    )
    totals = msgspec.structs.replace(made.totals, faults=(other,))
    assert "✗ forbidden by no-secrets on 4 of" in show(msgspec.structs.replace(made, totals=totals))


def test_a_gap_that_names_no_cell_is_shown_as_it_is() -> None:
    gaps = tuple(Gap(f"state {index}", "no") for index in range(3))
    text = show(report(checkpoint="live", complete=False, gaps=gaps))
    assert all(f"state {index}: no" in text for index in range(3))
