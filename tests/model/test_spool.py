"""A spool is a sequence like any other, wherever its items are."""

import gc
import os
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.errors import InputError
from costguard.model.resource import Gap
from costguard.model.spool import Spool, encoded

HELD = 1_000
LENGTHS = [0, 1, 999, 1_000, 1_001, 1_999, 2_000, 3_456]


def gap(number: int) -> Gap:
    return Gap(f"place {number}", "denied")


def spool(length: int, held: int = HELD) -> Spool[Gap]:
    made = Spool(Gap, held)
    for number in range(length):
        made.append(gap(number))
    return made


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("held", [1, 1_000, 2_500, 10_000])
def test_it_has_what_was_appended_in_that_order(length: int, held: int) -> None:
    expected = [gap(number) for number in range(length)]
    made = spool(length, held)
    assert list(made) == expected
    assert (len(made), list(made.sealed())) == (length, expected)
    assert [item for block in made.blocks() for item in msgspec.json.decode(block, type=list[Gap])] == expected


def test_a_short_one_is_a_tuple() -> None:
    assert spool(999).sealed() == tuple(gap(number) for number in range(999))
    assert isinstance(spool(1_000).sealed(), Spool)


@pytest.mark.parametrize("length", [1, 1_000, 3_456])
def test_an_index_means_what_it_means_in_a_list(length: int) -> None:
    made, listed = spool(length), [gap(number) for number in range(length)]
    for at in (0, 1, 998, 999, 1_000, 3_455, -1, -length):
        if -length <= at < length:
            assert made[at] == listed[at]
    assert list(made[length - 3 :]) == listed[length - 3 :]
    for at in (length, -length - 1):
        with pytest.raises(IndexError):
            made[at]


def test_several_may_read_at_once() -> None:
    made = spool(3_456)
    assert all(one == other for one, other in zip(made, made, strict=True))


def outgrow_memory(made: Spool[Gap]) -> None:
    """Random bytes compress no further than to themselves: 30 MB."""
    for number in range(6_000):
        made.append(Gap(str(number), os.urandom(5_000).hex()))


def test_nothing_is_left_of_one_that_outgrew_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = Spool(Gap, HELD)
    outgrow_memory(made)
    assert len(made) == 6_000
    assert made[5_999].where == "5999"
    assert list(tmp_path.iterdir()) == []
    del made
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_nothing_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    made = Spool(Gap, HELD)
    with pytest.raises(InputError, match="TMPDIR names another folder"):
        outgrow_memory(made)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text(st.characters()), max_size=5))
def test_half_of_a_surrogate_pair_becomes_its_escape(texts: list[str]) -> None:
    plain = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
    assert msgspec.json.decode(encoded([Gap(text, "w") for text in texts]), type=list[Gap]) == [
        Gap(text, "w") for text in plain
    ]
