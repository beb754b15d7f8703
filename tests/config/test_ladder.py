"""The ladder's own mistakes: what would do harm is refused before anything is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.config import ConfigDoc, LadderDoc, ReconcileDoc, RungDoc, read
from costguard.config import objections as wrong
from costguard.config.ladder import STOPPED, TERMINATED, objections, path_of
from costguard.errors import DocumentError

ALL = {"accounts": ["*"], "types": ["*"]}
BELOW = [{"rung": rung, "after": 1, **ALL} for rung in ("notify", "remind", "quarantine")]
STOP = {"rung": "stop", "after": 5, "accounts": ["111122223333"], "types": ["aws_instance"]}
TERMINATE = {**STOP, "rung": "terminate"}


def said(*rungs: Mapping[str, object], **more: object) -> list[tuple[str, str]]:
    return [(".".join(map(str, path)), text) for path, text in objections({"rungs": list(rungs), **more})]


def test_a_whole_ladder_has_no_mistakes() -> None:
    assert said(*BELOW, STOP, TERMINATE, holidays=["2026-12-25"], quarantine="costguard-quarantine") == []


@pytest.mark.parametrize(
    ("changed", "where", "what"),
    [
        ({"accounts": ["*"]}, "rungs.3.accounts.0", "takes no pattern"),
        ({"accounts": ["11112222333?"]}, "rungs.3.accounts.0", "takes no pattern"),
        ({"types": ["aws_*"]}, "rungs.3.types.0", "takes no pattern"),
        ({"types": ["aws_instance", "aws_instances"]}, "rungs.3.types.1", "did you mean aws_instance?"),
        ({"types": ["aws_s3_bucket"]}, "rungs.3.types.0", "'aws_s3_bucket' is never stopped"),
        ({"types": ["aws_eip"]}, "rungs.3.types.0", "'aws_eip' is never stopped"),
        ({"after": 0}, "rungs.3.after", "at least 1 business day"),
        ({"most": 101}, "rungs.3.most", "at most 100"),
    ],
)
def test_what_would_stop_too_much_is_refused(changed: dict[str, object], where: str, what: str) -> None:
    [(path, sentence)] = said(*BELOW, {**STOP, **changed})
    assert path == where
    assert what in sentence


def test_a_database_is_stopped_and_never_terminated() -> None:
    stop = {**STOP, "types": ["aws_db_instance"]}
    [(path, sentence)] = said(*BELOW, stop, {**TERMINATE, "types": ["aws_db_instance"]})
    assert (path, "never terminated" in sentence) == ("rungs.4.types.0", True)


@pytest.mark.parametrize(
    ("rungs", "missing"),
    [
        ([BELOW[1]], "notify"),
        ([BELOW[0], BELOW[2]], "remind"),
        ([*BELOW[:2], STOP], "quarantine"),
        ([*BELOW, TERMINATE], "stop"),
        ([*BELOW, {**STOP, "accounts": ["999900001111"]}, TERMINATE], "stop"),
        ([{**BELOW[0], "accounts": ["2222*"]}, {**BELOW[1], "accounts": ["1111*"]}], "notify"),
    ],
)
def test_a_rung_that_nothing_gets_to_is_a_mistake(rungs: list[dict[str, object]], missing: str) -> None:
    [(path, sentence)] = said(*rungs)
    assert path == f"rungs.{len(rungs) - 1}"
    assert f"no entry for {missing} has both" in sentence


@pytest.mark.parametrize("type_", ["aws_ebs_volume", "aws_eip"])
def test_what_cannot_be_stopped_is_terminated_from_quarantine(type_: str) -> None:
    assert path_of(type_) == ("notify", "remind", "quarantine", "terminate")
    assert said(*BELOW, {**TERMINATE, "types": [type_]}) == []


@pytest.mark.parametrize("key", ["costguard-keep-until", "goog-quarantine"])
def test_the_quarantine_takes_no_key_that_means_something_else(key: str) -> None:
    assert [path for path, _ in said(quarantine=key)] == ["quarantine"]


def test_holidays_are_days_and_each_is_there_once() -> None:
    found = said(holidays=["2026-12-25", "2026-02-30", "2026-12-25", "christmas", 7])
    assert found == [
        ("holidays.1", "2026-02-30 is no day of the calendar"),
        ("holidays.2", "2026-12-25 is there twice"),
    ]


def test_the_mistakes_come_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "costguard.yaml"
    path.write_text(
        "version: 1\nreconcile:\n  ladder:\n    rungs:\n"
        '      - {rung: notify, after: 0, accounts: ["*"], types: ["*"]}\n'
        '      - {rung: remind, after: 0, accounts: ["*"], types: ["*"]}\n'
        '      - {rung: quarantine, after: 5, accounts: ["*"], types: ["*"]}\n'
        '      - {rung: stop, after: 5, accounts: ["*"], types: [aws_instance]}\n',
        "utf-8",
    )
    with pytest.raises(DocumentError) as raised:
        read(path)
    [problem] = map(str, raised.value.problems)
    assert problem.startswith(f"{path}:8: reconcile.ladder.rungs[3].accounts[0]: stop takes no pattern")


def test_a_ladder_that_a_command_put_together_is_judged_too() -> None:
    rung = RungDoc(rung="terminate", after=5, accounts=["111122223333"], types=["aws_instance"])
    [sentence] = wrong(ConfigDoc(version=1, reconcile=ReconcileDoc(ladder=LadderDoc(rungs=[rung]))))
    assert "no entry for stop has both" in sentence


@pytest.mark.parametrize("type_", sorted(STOPPED | TERMINATED))
def test_the_last_rungs_come_after_all_others(type_: str) -> None:
    assert path_of(type_)[:3] == ("notify", "remind", "quarantine")
    assert set(path_of(type_)[3:]) <= {"stop", "terminate"}


def test_no_other_type_is_ever_harmed() -> None:
    assert path_of("google_compute_instance") == ("notify", "remind", "quarantine")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["stop", "*", "aws_instance"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rungs", "rung", "accounts", "types", "after", "most", "holidays"]), inner)
    ),
    max_leaves=20,
)


@given(_JSON)
def test_any_data_at_all_can_be_asked_about(data: Any) -> None:
    for path, sentence in objections(data):
        assert path
        assert sentence
