"""The terminal report is for a person: these tests are about what a person sees."""

import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.model.finding import Finding, Level, Report, ResourceRef, Verdict
from costguard.model.resource import Gap, Location
from costguard.reports import Style, render
from costguard.reports.text import columns

from .hostile import reports
from .samples import environment, everything, finding, many, report

SGR = re.compile(r"\x1b\[[0-9;]*m")
SITUATIONS = {
    "clean": report(),
    "one missing tag": report(finding()),
    "everything": everything(),
    "four hundred": many(400),
    "incomplete": report(complete=False, gaps=(Gap("eu-west-1", "AccessDenied " * 30),)),
}


def show(report: Report, **style: int) -> str:
    return render(report, "terminal", Style(width=style.get("width", 100), verbosity=style.get("verbosity", 0)))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("verbosity", [-1, 0, 1])
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_line_is_wider_than_the_terminal_unless_it_is_one_word(situation: str, verbosity: int, width: int) -> None:
    for line in show(SITUATIONS[situation], width=width, verbosity=verbosity).splitlines():
        word = re.sub(r"^\s*(?:[✗!?·→] )?(?:at )?", "", line)
        assert columns(line) <= width or " " not in word, line


def test_wide_letters_count_double() -> None:
    text = show(report(finding(message="日本 " * 40)), width=40)
    assert max(columns(line) for line in text.splitlines()) <= 40


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(report=reports(), verbosity=st.sampled_from([-1, 0, 1]), width=st.integers(1, 120))
def test_colour_changes_nothing_but_colour(report: Report, verbosity: int, width: int) -> None:
    plain = render(report, "terminal", Style(width=width, verbosity=verbosity))
    colored = render(report, "terminal", Style(color=True, width=width, verbosity=verbosity))
    assert "\x1b" not in plain
    assert SGR.sub("", colored) == plain


def test_every_line_closes_the_colour_that_it_opens() -> None:
    for line in render(everything(), "terminal", Style(color=True, width=60)).splitlines():
        codes = SGR.findall(line)
        assert [code == "\x1b[0m" for code in codes] == [False, True] * (len(codes) // 2)


def test_what_blocks_comes_first_and_the_summary_last() -> None:
    text = show(everything(), verbosity=1)
    order = ["4 ERRORS", "1 WARNING", "1 UNDECIDED TAG", "1 REMARK", "1 OLD FINDING", "INCOMPLETE:", "costguard plan:"]
    assert sorted(order, key=text.index) == order


def test_an_address_is_never_torn() -> None:
    address = 'module.a["a key with spaces"].aws_s3_bucket.' + "b" * 300
    assert address in show(report(finding(address=address)), width=40)


def test_a_fault_of_many_resources_is_said_once_with_five_of_them() -> None:
    text = show(many(400))
    assert text.count("Owner is missing") == 1
    assert "✗ 266 resources" in text
    assert "and 261 more (-v lists them)" in text
    assert len(text.splitlines()) < 50


def test_a_fault_of_a_few_resources_stands_with_the_others_of_each() -> None:
    places = [f"aws_s3_bucket.b{index}" for index in range(3)]
    text = show(report(*(finding(address=place) for place in places), environment(places[0])))
    assert text.count("Owner is missing") == 2
    assert "✗ aws_s3_bucket.b0 at" in text
    assert "✗ 2 resources" in text


def test_verbose_lists_all_of_them() -> None:
    text = show(many(400), verbosity=1)
    assert "more (-v" not in text
    assert all(f"worker[{index}]" in text for index in range(400))


def test_one_more_than_the_list_holds_is_listed_and_not_counted() -> None:
    text = show(report(*(finding(address=f"aws_s3_bucket.b{index}") for index in range(6))))
    assert "aws_s3_bucket.b5" in text
    assert "more" not in text


def test_faults_of_the_same_resources_share_one_list() -> None:
    places = [f"aws_s3_bucket.b{index}" for index in range(9)]
    text = show(report(*(make(place) for place in places for make in (lambda a: finding(address=a), environment))))
    assert text.count("9 resources") == 1
    assert text.count("aws_s3_bucket.b0") == 1


def test_values_that_differ_are_named_where_the_fault_is_shared() -> None:
    wrong = ["live", "qa", "moon", "live", "x1", "x2", "x3", "x4"]
    made = [
        finding(
            Verdict.INVALID,
            address=f"aws_s3_bucket.b{index}",
            message=f"Owner: {value!r} is not a team",
            remedy="set Owner to a team",
            found=value,
        )
        for index, value in enumerate(wrong)
    ]
    text = show(report(*made))
    assert 'Owner invalid: "live", "qa", "moon", "x1" and 3 other values' in text
    assert 'aws_s3_bucket.b1 has "qa"' in text


def test_messages_that_differ_are_not_lost_in_a_group() -> None:
    made = [
        finding(Verdict.INVALID, address=f"aws_s3_bucket.b{index}", message=f"Owner: a value ({index}) is not a team")
        for index in range(5)
    ]
    text = show(report(*made))
    assert all(f"Owner: a value ({index}) is not a team" in text for index in range(5))


def test_the_surface_is_named_where_the_message_does_not() -> None:
    text = show(
        report(finding(surface="volume_tags"), finding(key="Service", message="ends in volume_tags: no Service"))
    )
    assert "Owner is missing in volume_tags" in text


@pytest.mark.parametrize("surface", ["tags", "labels", "tag", "resource_labels", "user_labels"])
def test_the_surface_of_its_own_tags_is_not_named(surface: str) -> None:
    assert "    Owner is missing\n" in show(report(finding(surface=surface)))


def test_a_message_that_does_not_name_its_tag_gets_a_heading() -> None:
    assert "Owner missing: not there" in show(report(finding(message="not there")))


def test_a_rule_of_its_own_is_named() -> None:
    assert "[stores-are-classified]" in show(report(finding(rule="stores-are-classified")))
    assert "[tags/owner]" not in show(report(finding()))
    assert "[tags/owner]" in show(report(finding()), verbosity=1)


def test_a_fault_that_stands_elsewhere_than_its_resource_says_where() -> None:
    other = finding(key="Service", tag="service", message="Service is missing", location=Location("other.tf", 9, 9))
    assert "Service is missing at other.tf:9" in show(report(finding(), other))


def test_a_live_resource_is_named_by_account_and_region_and_id() -> None:
    reference = ResourceRef(
        address="aws_instance.i", type="aws_instance", provider="aws", id="i-0abc", account="1234", region="eu-west-1"
    )
    assert "aws_instance.i in 1234/eu-west-1 (i-0abc)" in show(report(finding(resource=reference, location=None)))


def test_an_undecided_tag_that_must_not_be_is_among_the_errors() -> None:
    text = show(report(finding(Verdict.UNKNOWN, message="Owner can't be known here")))
    assert "1 ERROR\n" in text
    assert "UNDECIDED" not in text


def test_remarks_and_old_debt_are_counted_and_shown_only_when_asked_for() -> None:
    mixed = report(finding(level=Level.INFO), finding(new=False, address="aws_s3_bucket.old"))
    assert show(mixed) == (
        "costguard plan: Nothing new to mend.\n"
        "Old debt, not blocking: 1 finding on 1 resource (-v lists them).\n"
        "For information: 1 remark (-v lists them).\n"
        "38 resources: 31 compliant, 2 violating, 5 untaggable.\n"
    )
    verbose = show(mixed, verbosity=1)
    assert "· aws_s3_bucket.old at storage/main.tf:12: Owner missing" in verbose
    assert "-v" not in verbose


def test_old_debt_takes_one_line_for_a_resource() -> None:
    debt = [finding(new=False), finding(new=False, tag="service", key="Service", message="Service is missing")]
    assert "· aws_s3_bucket.logs at storage/main.tf:12: Owner missing, Service missing\n" in show(
        report(*debt), verbosity=1
    )


def test_quiet_is_errors_gaps_and_the_summary() -> None:
    text = show(everything(), verbosity=-1)
    assert "4 ERRORS" in text
    assert "INCOMPLETE" in text
    assert not any(word in text for word in ("1 WARNING", "note:", "aws_s3_bucket.fine", "UNDECIDED"))


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_a_run_with_holes_never_reads_as_clean(verbosity: int) -> None:
    for holes in (report(complete=False), SITUATIONS["incomplete"], report(complete=False, seen=0, untaggable=0)):
        text = show(holes, verbosity=verbosity)
        assert text.count("INCOMPLETE") == 2
        assert "compliant." not in text.splitlines()[-2]


def test_many_gaps_are_counted() -> None:
    gaps = tuple(Gap(f"eu-{index}", "no") for index in range(30))
    text = show(report(complete=False, gaps=gaps))
    assert "30 things could not be read" in text
    assert "and 10 more (-v lists them)" in text
    assert "eu-29: no" in show(report(complete=False, gaps=gaps), verbosity=1)


SUMMARIES = {
    "All 33 taggable resources are compliant.": report(),
    "The one resource is compliant.": report(seen=1, untaggable=0),
    "Nothing to judge: no resource is created, changed or kept.": report(seen=0, untaggable=0),
    "Nothing to judge: 5 resources, and none can be tagged.": report(seen=5, untaggable=5),
    "1 error on the only resource.": report(finding(), seen=1, untaggable=0),
    "1 error on 1 of 38 resources.": report(finding()),
}


@pytest.mark.parametrize("said", SUMMARIES)
def test_the_summary_says_it_in_words(said: str) -> None:
    assert f"costguard plan: {said}\n" in show(SUMMARIES[said])


def test_large_numbers_are_readable() -> None:
    assert "2,000 resources" in show(report(seen=2_000))


def from_source(name: str, *, line: int = 12, chain: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> Finding:
    one = finding(address=f"module.m.aws_s3_bucket.{name}", location=Location("live/main.tf", line, line))
    return msgspec.structs.replace(one, chain=chain, instances=len(also) + 1, also=also)


def test_a_finding_says_by_which_way_the_source_leads_to_it_and_for_what_else_it_stands() -> None:
    chain = ("module.m at live/main.tf:12", "var.tags at modules/m/main.tf:3")

    text = show(report(from_source("a", chain=chain, also=('module.m["b"].aws_s3_bucket.a',)), checkpoint="source"))

    assert text.splitlines()[2:7] == [
        "✗ module.m.aws_s3_bucket.a at live/main.tf:12",
        "    Owner is missing",
        "    → add Owner to tags: the team that answers for the resource",
        "    by module.m at live/main.tf:12, var.tags at modules/m/main.tf:3",
        '    and 1 more instance: module.m["b"].aws_s3_bucket.a',
    ]


def test_resources_that_are_mended_in_one_place_name_it_once() -> None:
    text = show(report(from_source("a"), from_source("b", also=("x",)), checkpoint="source"))

    assert text.splitlines()[2:7] == [
        "✗ 2 resources at live/main.tf:12",
        "    Owner is missing",
        "    → add Owner to tags: the team that answers for the resource",
        "      module.m.aws_s3_bucket.a",
        "      module.m.aws_s3_bucket.b (and 1 more instance)",
    ]


def test_resources_that_are_mended_in_several_places_name_each() -> None:
    text = show(report(from_source("a"), from_source("b", line=13), checkpoint="source"))

    assert text.splitlines()[2] == "✗ 2 resources"
    assert text.splitlines()[5:7] == [
        "      module.m.aws_s3_bucket.a at live/main.tf:12",
        "      module.m.aws_s3_bucket.b at live/main.tf:13",
    ]
