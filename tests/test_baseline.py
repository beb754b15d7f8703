"""What a run makes of accepted debt: what still holds, what moved with its resource, what is mended."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.baseline import Entry, Settled, read, render, settle
from costguard.errors import InputError
from costguard.model.finding import Verdict


def entry(address: str, root: str = "live", tag: str = "owner", verdict: Verdict = Verdict.MISSING) -> Entry:
    return Entry(root=root, address=address, rule=f"tags/{tag}", surface="tags", tag=tag, verdict=verdict)


def settled(
    accepted: list[Entry],
    found: list[Entry],
    *,
    formerly: dict[tuple[str, str], str] | None = None,
    judged: tuple[str, ...] = ("live",),
    there: tuple[str, ...] = ("live", "other"),
) -> Settled:
    return settle(
        accepted,
        found,
        formerly=formerly or {},
        judged=lambda one: one.root in judged,
        exists=lambda root: root in there,
    )


A, B, C = entry("a.a"), entry("b.b"), entry("c.c")


def test_what_is_accepted_is_old_and_the_rest_is_new() -> None:
    assert settled([A], [A, B]) == Settled(frozenset([A]), (B,), (A,), ())


def test_what_is_no_longer_found_is_mended() -> None:
    assert settled([A, B], [B]) == Settled(frozenset([B]), (), (B,), (A,))


def test_another_verdict_is_another_fault() -> None:
    empty = msgspec.structs.replace(A, verdict=Verdict.EMPTY)

    assert settled([A], [empty]) == Settled(frozenset(), (empty,), (), (A,))


def test_a_root_that_was_not_judged_keeps_its_debt() -> None:
    other = entry("a.a", root="other")

    assert settled([A, other], []) == Settled(frozenset(), (), (other,), (A,))


def test_a_resource_that_moved_keeps_its_acceptance_under_its_new_address() -> None:
    after = settled([A], [B], formerly={("live", "b.b"): "a.a"})

    assert after == Settled(frozenset([B]), (), (B,), ())


def test_moves_are_followed_back_and_never_in_a_circle() -> None:
    moves = {("live", "c.c"): "b.b", ("live", "b.b"): "a.a", ("live", "a.a"): "c.c"}

    assert settled([A], [C], formerly=moves).new == ()
    assert settled([entry("d.d")], [C], formerly=moves).new == (C,)


def test_a_move_takes_no_acceptance_from_what_is_still_there() -> None:
    after = settled([A], [A, B], formerly={("live", "b.b"): "a.a"})

    assert (after.old, after.new) == (frozenset([A]), (B,))


def test_a_root_that_was_moved_keeps_its_debt() -> None:
    gone = entry("a.a", root="before")

    assert settled([gone], [A]) == Settled(frozenset([A]), (), (A,), ())


def test_debt_of_a_moved_root_accepts_one_finding_each() -> None:
    gone = entry("a.a", root="before")
    copy = entry("a.a", root="other")

    after = settled([gone], [A, copy], judged=("live", "other"))

    assert after == Settled(frozenset([A]), (copy,), (A,), ())


def test_debt_of_a_root_that_is_still_there_accepts_nothing_elsewhere() -> None:
    assert settled([entry("a.a", root="other")], [A]).new == (A,)


def test_debt_of_a_root_that_is_gone_waits_for_a_run_that_sees_everything() -> None:
    gone = entry("a.a", root="before")

    assert settled([gone], []).kept == (gone,)
    assert settled([gone], [], judged=("before",)).mended == (gone,)


ENTRIES = st.builds(
    entry,
    st.sampled_from(["a.a", "b.b", "c.c", "d.d"]),
    st.sampled_from(["live", "other", "before"]),
    st.sampled_from(["owner", "service"]),
    st.sampled_from([Verdict.MISSING, Verdict.UNKNOWN]),
)
SETS = st.frozensets(ENTRIES)


@given(SETS, SETS, st.dictionaries(st.tuples(st.just("live"), st.sampled_from(["a.a", "b.b"])), st.just("c.c")))
def test_a_baseline_never_grows_and_nothing_is_lost(
    accepted: frozenset[Entry], found: frozenset[Entry], formerly: dict[tuple[str, str], str]
) -> None:
    after = settled(sorted(accepted), sorted(found), formerly=formerly)

    assert len(after.kept) <= len(accepted)
    assert len(after.old) + len(after.mended) <= len(accepted)
    assert after.old | frozenset(after.new) == found
    assert after.old.isdisjoint(after.new)
    assert after.old <= frozenset(after.kept)
    assert accepted & found <= after.old
    again = settled(list(after.kept), sorted(found), formerly=formerly)
    assert (again.kept, again.mended) == (after.kept, ())


@given(SETS)
def test_a_file_says_what_was_written_in_one_order(entries: frozenset[Entry]) -> None:
    raw = render(entries)

    assert read(raw, "b.json") == entries
    assert render(sorted(entries, reverse=True)) == raw
    assert raw.count(b"\n") == len(entries) + 5  # the braces, the schema, the brackets, and a line each
    assert json.loads(raw)["schema"] == "costguard/baseline/v1"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `schema`"),
        (b'{"schema": "costguard/findings/v1"}', "its schema is 'costguard/findings/v1'"),
        (b'{"schema": "costguard/baseline/v1"}', "missing required field `findings`"),
        (b'{"schema": "costguard/baseline/v1", "findings": [{}]}', "missing required field `root`"),
        (b'{"schema": "costguard/baseline/v1", "findings": "\xff"}', ""),
        (b"[" * 100_000, ""),
    ],
)
def test_a_broken_file_is_a_sentence(raw: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(raw, "b.json")

    assert str(caught.value).startswith("b.json is no baseline of costguard check: ")
    assert words in str(caught.value)
    assert "--write-baseline" in str(caught.value)
