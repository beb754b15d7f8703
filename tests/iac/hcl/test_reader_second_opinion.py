"""python-hcl2 as a witness: what it says of an edit, and whether it is python-hcl2 at all."""

import hashlib
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from costguard.iac.hcl.second_opinion import Block, Change, Unverifiable, Value, changes, foreign, of, read

BEFORE = """
provider "aws" {
  region = "eu" # here
}

resource "aws_s3_bucket" "a" {
  bucket = "a-${var.env}"
  tags = merge(local.tags, {
    Name = "a", // the name
    "k-1" : f(1, 2)
  })
}

resource "aws_s3_bucket" "b" {
}
"""
LAYOUT = """
provider "aws" {
  /* here */
  region    =    "eu"
}
resource   "aws_s3_bucket" "a" {


  bucket = "a-${  var.env  }"
  tags = merge(  local.tags, { Name = "a", "k-1" = f(
    1,
    2,
  ) }, )
}
resource "aws_s3_bucket" "b" {}
"""
A = ("resource.aws_s3_bucket.a",)
TAGS = Value("merge(local.tags,{0})", ((("Name", '"a"'), ("k-1", "f(1,2)")),))


def test_layout_and_comments_are_no_change() -> None:
    assert changes(read(BEFORE), read(LAYOUT)) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'Name = "a",',
            'Name = "a",\n    Owner = "x"',
            Change(
                A,
                "tags",
                TAGS,
                Value("merge(local.tags,{0})", ((("Name", '"a"'), ("Owner", '"x"'), ("k-1", "f(1,2)")),)),
            ),
        ),
        (
            "f(1, 2)\n  })",
            'f(1, 2)\n  }, { o = "x" })',
            Change(A, "tags", TAGS, Value("merge(local.tags,{0},{1})", (*TAGS.objects, (("o", '"x"'),)))),
        ),
        ('"b" {\n', '"b" {\n  tags = { o = 1 }\n', None),
        ('"eu"', '"us"', Change(("provider.aws",), "region", Value('"eu"'), Value('"us"'))),
        ('"a-$', '"a -$', Change(A, "bucket", Value('"a-${var.env}"'), Value('"a -${var.env}"'))),
        (
            'region = "eu" # here',
            'region = "eu"\n  default_tags {\n    tags = {}\n  }',
            Change(
                ("provider.aws", "default_tags"),
                "",
                None,
                Block("default_tags", (), (("tags", Value("{0}", ((),))),), ()),
            ),
        ),
        (
            'resource "aws_s3_bucket" "b" {\n}\n',
            "",
            Change(("resource.aws_s3_bucket.b",), "", Block("resource", ("aws_s3_bucket", "b"), (), ()), None),
        ),
    ],
)
def test_a_change_is_seen_and_nothing_else(old: str, new: str, expected: Change | None) -> None:
    assert BEFORE.count(old) == 1
    if expected is None:
        expected = Change(("resource.aws_s3_bucket.b",), "tags", None, Value("{0}", ((("o", "1"),),)))
    assert changes(read(BEFORE), read(BEFORE.replace(old, new))) == (expected,)


def test_equal_headers_are_told_apart_by_their_order() -> None:
    before, after = read("a {\n  x = 1\n}\na {\n  x = 2\n}\n"), read("a {\n  x = 1\n}\na {\n  x = 3\n}\n")
    assert changes(before, after) == (Change(("a#2",), "x", Value("2"), Value("3")),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a - b", "a-b"),
        ('"a b"', '"a  b"'),
        ("[for x in y : x]", "[for x in y : x if x]"),
        ("<<EOT\na\nEOT", "<<EOT\n a\nEOT"),
        ("a ? b : c", "a ? c : b"),
        ("f(a, b)", "f(a, b...)"),
        ("(a)", "a"),
    ],
)
def test_different_expressions_are_not_taken_for_equal(one: str, other: str) -> None:
    assert changes(read(f"x = {one}\n"), read(f"x = {other}\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = \n", "doesn't expect the end of the line at line 1, column 5"),
        ("a = <<EOT\nx\nEOT \nb = 1\nc = <<EOT\ny\nEOT\n", "two heredocs for one at line 1"),
        ("a = " + "(" * 5_000 + "1" + ")" * 5_000 + "\n", "too deeply"),
        ("#" * 500_000, "more than"),
    ],
)
def test_what_it_can_not_vouch_for_it_does_not(text: str, words: str) -> None:
    with pytest.raises(Unverifiable, match=words):
        read(text)


def test_where_the_parsers_disagree_both_are_named() -> None:
    message = of(b"a = 1 b = 2\n").message
    assert "tree-sitter-hcl" in message
    assert "python-hcl2" in message


def test_the_installed_package_is_python_hcl2() -> None:
    assert foreign() == ""


def distribution(folder: Path, name: str, version: str, content: str, recorded: str | None = None) -> None:
    """A distribution that installed ``hcl2/__init__.py``; ``recorded`` is what it had put there."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    digest = urlsafe_b64encode(hashlib.sha256((recorded or content).encode()).digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"hcl2/__init__.py,sha256={digest},{len(recorded or content)}\n")
    (info / "top_level.txt").write_text("hcl2\n")
    (folder / "hcl2").mkdir(exist_ok=True)
    (folder / "hcl2" / "__init__.py").write_text(content)


def said(*folders: Path) -> str:
    """What :func:`foreign` says in a fresh interpreter whose path begins with the folders."""
    program = (
        f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n"
        "from costguard.iac.hcl import second_opinion, parse\n"
        "assert not parse(b'a = 1', 'x.tf').problems\n"
        "print(second_opinion.foreign())\n"
        "print(*parse(b'a = ', 'x.tf').problems)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    sentence, problem = done.stdout.splitlines()
    assert sentence in problem  # the file is a gap all the same, and says why the words are missing
    return sentence


def test_a_fork_that_stands_before_it_on_the_path_is_named(tmp_path: Path) -> None:
    distribution(tmp_path, "bc-python-hcl2", "0.4.3", "raise SystemExit('imported')")
    sentence = said(tmp_path)
    assert "bc-python-hcl2" in sentence
    assert "`pip uninstall bc-python-hcl2`" in sentence
    assert "`pip install --force-reinstall --no-deps 'python-hcl2>=8'`" in sentence


def test_a_fork_that_was_installed_over_it_is_named(tmp_path: Path) -> None:
    distribution(tmp_path, "python-hcl2", "8.1.4", "# python-hcl2")
    distribution(tmp_path, "bc-python-hcl2", "0.4.3", "raise SystemExit('imported')")
    sentence = said(tmp_path)
    assert "overwritten by bc-python-hcl2" in sentence
    assert "`pip uninstall bc-python-hcl2`" in sentence


def test_an_old_python_hcl2_is_named(tmp_path: Path) -> None:
    distribution(tmp_path, "python-hcl2", "4.3.2", "raise SystemExit('imported')")
    assert "python-hcl2 4.3.2 is too old" in said(tmp_path)


def test_a_package_that_was_changed_by_hand_is_not_trusted(tmp_path: Path) -> None:
    distribution(tmp_path, "python-hcl2", "8.1.4", "raise SystemExit('imported')", recorded="# python-hcl2")
    assert "--force-reinstall" in said(tmp_path)
