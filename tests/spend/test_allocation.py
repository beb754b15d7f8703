"""Whose the spend is: by tags first, then by what is handed down, then by rules; what is shared is shared to the last
digit."""

from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costguard.config import AllocateDoc, SpendDoc, SplitDoc
from costguard.model.cost import Share, SpendReport
from tests.spend.build import GOOD, charge, reported


def owners(done: SpendReport) -> dict[str | None, Share]:
    return {share.value: share for share in done.showback["owner"]}


def test_a_tag_counts_before_what_is_handed_down_and_that_before_a_rule(tmp_path: Path) -> None:
    doc = SpendDoc(allocate=[AllocateDoc(account="0123*", set={"owner": "platform"})])
    charges = [
        charge("1", GOOD, AllocatedTags='{"owner": "data"}'),
        charge("2", None, AllocatedTags='{"owner": "data"}'),
        charge("4"),
        charge("8", SubAccountId="999999999999"),
        charge("16", ChargeCategory="Tax"),
    ]
    found = owners(reported(tmp_path, charges, doc=doc))
    assert {value: share.total for value, share in found.items()} == {
        "shop": "1",
        "data": "2",
        "platform": "20",
        None: "8",
    }
    assert (found["shop"].tagged, found["data"].inherited, found["platform"].ruled) == ("1", "2", "20")
    share = {one.id: one for one in reported(tmp_path, charges, doc=doc).kpis}["allocated_share"]
    assert (share.numerator, share.denominator) == ("23", "31")


def test_what_is_handed_down_can_be_left_out(tmp_path: Path) -> None:
    charges = [charge("2", None, AllocatedTags='{"owner": "data"}')]
    assert owners(reported(tmp_path, charges, doc=SpendDoc(inherit=False)))[None].total == "2"


def test_allocation_changes_no_other_number(tmp_path: Path) -> None:
    charges = [charge("1"), charge("2", GOOD, "i-2")]
    doc = SpendDoc(allocate=[AllocateDoc(set={"owner": "platform"})])
    plain, ruled = reported(tmp_path, charges), reported(tmp_path, charges, doc=doc)
    assert (plain.taggable, plain.classes, plain.by) == (ruled.taggable, ruled.classes, ruled.by)


def test_a_shared_cost_is_split_by_what_each_has(tmp_path: Path) -> None:
    doc = SpendDoc(allocate=[AllocateDoc(service="Support", split=SplitDoc())])
    charges = [
        charge("30", GOOD),
        charge("10", '{"owner": "data", "environment": "dev"}', "i-2"),
        charge("8", resource=None, ServiceName="Support"),
    ]
    found = owners(reported(tmp_path, charges, doc=doc))
    assert {value: (share.tagged, share.split) for value, share in found.items()} == {
        "shop": ("30", "6"),
        "data": ("10", "2"),
    }


def test_a_fixed_key_splits_as_it_says(tmp_path: Path) -> None:
    rule = AllocateDoc(charge="tax", split=SplitDoc(shares={"shop": 2, "data": 1}))
    found = owners(reported(tmp_path, [charge("1", ChargeCategory="Tax")], doc=SpendDoc(allocate=[rule])))
    assert (found["data"].total, found["shop"].total) == ("0.333333333333333333", "0.666666666666666667")


def test_where_nobody_has_anything_what_is_shared_stays_unallocated(tmp_path: Path) -> None:
    doc = SpendDoc(allocate=[AllocateDoc(split=SplitDoc())])
    done = reported(tmp_path, [charge("5")], doc=doc)
    assert owners(done)[None].total == "5"
    assert [(one.id, one.cost) for one in done.diagnoses if one.id == "nothing-to-share-by"] == [
        ("nothing-to-share-by", "5")
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.decimals("-99", "99", places=9, allow_nan=False), min_size=1, max_size=4),
    shared=st.decimals("-99", "99", places=9, allow_nan=False),
    fixed=st.booleans(),
)
def test_what_is_shared_sums_to_what_there_was(
    tmp_path: Path, amounts: list[Decimal], shared: Decimal, fixed: bool
) -> None:
    split = SplitDoc(shares={"a": 1, "b": 1, "c": 1} if fixed else None)
    doc = SpendDoc(allocate=[AllocateDoc(service="Support", split=split)])
    charges = [
        charge(f"{amount:f}", f'{{"owner": "{"abcd"[number]}", "environment": "dev"}}', f"i-{number}")
        for number, amount in enumerate(amounts)
    ]
    done = reported(tmp_path, [*charges, charge(f"{shared:f}", resource=None, ServiceName="Support")], doc=doc)
    found = owners(done)
    assert sum(Decimal(share.total) for share in found.values()) == sum(amounts) + shared
    parts = sum(Decimal(share.split) for share in found.values())
    left = Decimal(found[None].total) if None in found else Decimal()
    assert parts + left == shared
