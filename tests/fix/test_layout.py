"""The formatter's columns, as `terraform fmt` sets them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costguard.fix.layout import Splice, lines, realign


def put(text: str, before: str, fresh: str) -> str:
    """The text with ``fresh`` put in before the first ``before``."""
    at = text.encode().index(before.encode())
    return realign(text.encode(), [Splice(at, at, fresh.encode())]).decode()


def cells(text: str) -> list[tuple[str, str, str]]:
    """(what comes before, the value, the comment) of each line; the value is empty where no ``=`` is in a run."""
    source = text.encode()
    found = []
    for line in lines(source):
        aligned = line.assign >= 0 and not line.opens
        value = source[line.assign : line.assign_end] if aligned else b""
        comment = source[line.comment :].partition(b"\n")[0] if line.comment >= 0 else b""
        lead = source[line.start : line.lead_end if aligned else line.assign_end]
        found.append((lead.decode(), value.decode(), comment.decode()))
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a = 1", ("a", "= 1", "")),
        ("  a = 1 # c", ("  a", "= 1", "# c")),
        ("a = 1 // c", ("a", "= 1", "// c")),
        ("a = 1 /* c */", ("a", "= 1 /* c */", "")),
        ("/* c */ a = 1", ("/* c */ a", "= 1", "")),
        ('a = "# none"', ("a", '= "# none"', "")),
        ('a = "${b["x"]} = 2" # c', ("a", '= "${b["x"]} = 2"', "# c")),
        ('a = "$${" # c', ("a", '= "$${"', "# c")),
        ('"a" = b == c', ('"a"', "= b == c", "")),
        ("{ for k, v in m : k => v }", ("{ for k, v in m : k => v }", "", "")),
        ("a <= b", ("a <= b", "", "")),
        ("a != b", ("a != b", "", "")),
        ("a : 1", ("a : 1", "", "")),
        ("# a = 1", ("", "", "")),
        ("} # c", ("}", "", "# c")),
    ],
)
def test_a_line_has_the_cells_of_the_formatter(line: str, expected: tuple[str, str, str]) -> None:
    assert cells(line) == [expected]


@pytest.mark.parametrize("value", ["{", "merge(a, {", "[", "x }", 'f("${'])
def test_what_leaves_a_bracket_open_or_closes_a_foreign_one_is_in_no_run(value: str) -> None:
    assert next(lines(f"a = {value}".encode())).opens


def test_a_heredoc_belongs_to_the_line_that_opens_it() -> None:
    text = "a = <<-EOT\n  b = 1\n  ${c} EOT\n  EOT\nd = 1\n"
    assert cells(text) == [("a", "= <<-EOT\n  b = 1\n  ${c} EOT\n  EOT", ""), ("d", "= 1", ""), ("", "", "")]


def test_a_text_may_break_the_line_inside_its_interpolation() -> None:
    assert cells('a = "${\n b }"\nc = 1') == [('a = "${', "", ""), (' b }"', "", ""), ("c", "= 1", "")]


@given(st.binary(max_size=60) | st.text('a={}"$%<>E\n#/ ', max_size=60).map(str.encode))
def test_any_bytes_have_lines_in_order(source: bytes) -> None:
    starts = [line.start for line in lines(source)]
    assert starts == sorted(set(starts))
    assert all(0 <= start <= max(len(source), 3) for start in starts)


def test_a_longer_name_moves_the_run_that_was_in_columns() -> None:
    assert put("a  = 1\nbb = 2\n}", "}", "ccc = 3\n") == "a   = 1\nbb  = 2\nccc = 3\n}"


def test_a_shorter_name_joins_the_run() -> None:
    assert put("a  = 1\nbb = 2\n}", "}", "c = 3\n") == "a  = 1\nbb = 2\nc  = 3\n}"


@pytest.mark.parametrize("between", ["\n", "# c\n", "x {\n}\n", "m = {\n}\n", "l = [\n1,\n]\n"])
def test_a_run_ends_at_what_is_no_assignment(between: str) -> None:
    assert put(f"a = 1\n{between}b = 2\n", "b =", "ccc = 3\n") == f"a = 1\n{between}ccc = 3\nb   = 2\n"


def test_a_run_goes_on_behind_a_heredoc() -> None:
    assert put("a = <<E\nx = 1\nE\nb = 1\n}", "}", "ccc = 3\n") == "a   = <<E\nx = 1\nE\nb   = 1\nccc = 3\n}"


def test_trailing_comments_are_a_run_of_their_own() -> None:
    text = "a = 1  # x\nb = 22 # y\n}"
    assert put(text, "}", "ccc = 3\n") == "a   = 1  # x\nb   = 22 # y\nccc = 3\n}"
    assert put("a = { # x\n  b = 1 # y\n}", "  b", "ccc = 3\n") == "a = { # x\nccc = 3\n  b = 1 # y\n}"


def test_comments_move_with_the_values_before_them() -> None:
    text = "a  = 1 # x\nbb = 2 # y\nc {    # z\n}"
    assert put(text, "bb", "ddd = 3\n") == "a   = 1 # x\nddd = 3\nbb  = 2 # y\nc {     # z\n}"


def test_a_run_that_a_person_set_otherwise_stays() -> None:
    text = "a = 1\nbb = 2\nccc = 3 # x\n}"
    assert put(text, "}", "dddd = 4\n") == "a = 1\nbb = 2\nccc = 3 # x\ndddd = 4\n}"


def test_a_new_line_joins_the_wider_column_that_a_person_chose() -> None:
    assert put("a    = 1\nbb   = 2\n}", "}", "ccc = 3\n") == "a    = 1\nbb   = 2\nccc  = 3\n}"
    assert put("a    = 1\nbb   = 2\n}", "}", "ccccccc = 3\n") == "a    = 1\nbb   = 2\nccccccc = 3\n}"


def test_a_value_that_grows_over_several_lines_leaves_its_run() -> None:
    text = b"long = 1\nb    = {}\nc    = 2\n"
    at = text.index(b"}")
    assert realign(text, [Splice(at, at, b"\n  x = 1\n")]) == b"long = 1\nb = {\n  x = 1\n}\nc = 2\n"


def test_columns_count_what_a_reader_sees_as_one_character() -> None:
    assert put('"e\u0301\u0301" = 1\n}', "}", '"日本" = 2\n') == '"e\u0301\u0301"  = 1\n"日本" = 2\n}'


def test_line_ends_of_windows_stay() -> None:
    assert put("a = 1\r\n}", "}", "bb = 2\r\n") == "a  = 1\r\nbb = 2\r\n}"


def test_an_empty_source_has_one_line() -> None:
    assert [line.start for line in lines(b"")] == [0]
