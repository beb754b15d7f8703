"""All or none, whatever goes wrong on the way."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costguard.fix.write import Change, WriteError, patch, write


@pytest.fixture
def changes(tmp_path: Path) -> list[Change]:
    """Three files, and what is to be written into them."""
    found = []
    for name in ("a.tf", "b.tf", "sub/c.tf"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"old {name}\n".encode())
        found.append(Change(path, path.read_bytes(), f"new {name}\r\n".encode()))
    return found


def texts(folder: Path) -> dict[str, bytes]:
    """Every file in the folder, also those that a run may have left there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def old(changes: list[Change], folder: Path) -> dict[str, bytes]:
    return {str(change.path.relative_to(folder)): change.old for change in changes}


def test_every_file_has_its_new_text_and_nothing_is_left_beside_it(changes: list[Change], tmp_path: Path) -> None:
    write(changes, tmp_path)
    assert texts(tmp_path) == {str(change.path.relative_to(tmp_path)): change.new for change in changes}


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_permissions_stay(changes: list[Change], tmp_path: Path, mode: int) -> None:
    changes[0].path.chmod(mode)
    write(changes, tmp_path)
    assert stat.S_IMODE(changes[0].path.stat().st_mode) == mode


def test_a_link_inside_the_folder_stays_one_and_its_file_is_written(tmp_path: Path) -> None:
    link = tmp_path / "link.tf"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.tf").write_bytes(b"old")
    link.symlink_to("sub/c.tf")
    write([Change(link, b"old", b"new")], tmp_path)
    assert link.is_symlink()
    assert (tmp_path / "sub" / "c.tf").read_bytes() == b"new"


def test_a_link_that_leads_outside_is_refused(changes: list[Change], tmp_path: Path) -> None:
    link = tmp_path / "sub" / "link.tf"
    link.symlink_to(tmp_path / "a.tf")
    before = texts(tmp_path)
    with pytest.raises(WriteError, match=r"is a link to .*a.tf, outside .*sub; nothing was written"):
        write([changes[2], Change(link, b"old a.tf\n", b"new")], tmp_path / "sub")
    assert texts(tmp_path) == before


def test_a_read_only_file_is_refused_before_any_is_written(changes: list[Change], tmp_path: Path) -> None:
    changes[2].path.chmod(0o444)
    with pytest.raises(WriteError, match=r"c.tf is read-only; nothing was written"):
        write(changes, tmp_path)
    assert texts(tmp_path) == old(changes, tmp_path)


def test_a_file_that_changed_since_it_was_read_is_refused(changes: list[Change], tmp_path: Path) -> None:
    changes[1].path.write_bytes(b"somebody else's\n")
    with pytest.raises(WriteError, match=r"b.tf has changed since it was read; nothing was written, run costguard fix"):
        write(changes, tmp_path)
    assert texts(tmp_path) == {**old(changes, tmp_path), "b.tf": b"somebody else's\n"}


def test_a_file_that_is_gone_is_an_error(changes: list[Change], tmp_path: Path) -> None:
    changes[1].path.unlink()
    with pytest.raises(WriteError, match=r"b.tf can't be read any more: No such file"):
        write(changes, tmp_path)
    assert changes[0].path.read_bytes() == changes[0].old


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_on_the_way_puts_all_back(
    changes: list[Change], tmp_path: Path, failing: int, error: BaseException
) -> None:
    calls = 0

    def rename(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise error
        os.replace(source, target)  # noqa: PTH105 - what is passed in by default

    with pytest.raises(WriteError if isinstance(error, OSError) else KeyboardInterrupt):
        write(changes, tmp_path, rename)
    assert texts(tmp_path) == old(changes, tmp_path)


def test_an_interrupt_right_after_a_renaming_puts_that_back_too(changes: list[Change], tmp_path: Path) -> None:
    calls = 0

    def rename(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        os.replace(source, target)  # noqa: PTH105 - what is passed in by default
        if calls == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(changes, tmp_path, rename)
    assert texts(tmp_path) == old(changes, tmp_path)


def test_what_can_not_be_put_back_is_named(changes: list[Change], tmp_path: Path) -> None:
    calls = 0

    def rename(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError(5, "Input/output error")
        os.replace(source, target)  # noqa: PTH105 - what is passed in by default

    with pytest.raises(
        WriteError, match=r"b.tf can't be written: Input/output error; and .*a.tf could not be put back"
    ):
        write(changes, tmp_path, rename)


RUN = """
import os, resource, signal, sys
from pathlib import Path
from costguard.fix.write import Change, WriteError, write

folder = Path(sys.argv[1])
changes = [Change(path, path.read_bytes(), b"new" * 2000) for path in sorted(folder.glob("*.tf"))]
renamed = []

def rename(source, target):
    if sys.argv[2] == "kill" and renamed:
        os.kill(os.getpid(), signal.SIGKILL)
    os.replace(source, target)
    renamed.append(target)

if sys.argv[2] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    write(changes, folder, rename)
except WriteError as error:
    print(error)
"""


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    for name in ("a.tf", "b.tf"):
        (tmp_path / name).write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", RUN, tmp_path, "full"], capture_output=True, text=True, check=True)
    assert "a.tf can't be written: File too large; nothing was written" in done.stdout
    assert texts(tmp_path) == {"a.tf": b"old", "b.tf": b"old"}


def test_a_kill_between_two_files_leaves_each_of_them_whole_and_no_file_that_terraform_reads(tmp_path: Path) -> None:
    for name in ("a.tf", "b.tf"):
        (tmp_path / name).write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", RUN, tmp_path, "kill"], capture_output=True, text=True, check=False)
    assert done.returncode == -9
    found = texts(tmp_path)
    assert (found["a.tf"], found["b.tf"]) == (b"new" * 2000, b"old")
    assert {path for path in found if not path.startswith(".")} == {"a.tf", "b.tf"}
    assert not any(path.endswith((".tf", ".tofu", ".json")) for path in found if path.startswith("."))


def test_a_patch_names_both_sides_and_marks_a_missing_last_line_end() -> None:
    assert patch([Change(Path("m/a.tf"), b"a\nb", b"a\nc")]) == (
        "--- a/m/a.tf\n+++ b/m/a.tf\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n"
        "+c\n\\ No newline at end of file\n"
    )


def test_no_change_is_no_patch() -> None:
    assert patch([Change(Path("a.tf"), b"a\n", b"a\n")]) == ""


LINES = st.lists(st.sampled_from(["a = 1\n", "b\r\n", "\x0c\n", "\u2028\n", "\n", "}\n", "end"]), max_size=8)


@settings(max_examples=30, deadline=None)
@given(st.lists(LINES, min_size=10, max_size=10), st.lists(LINES, min_size=10, max_size=10))
def test_git_applies_a_patch_to_exactly_the_new_text(
    tmp_path_factory: pytest.TempPathFactory, before: list[list[str]], after: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("patch")
    changes = []
    for number, (old_lines, new_lines) in enumerate(zip(before, after, strict=True)):
        old_text, new_text = "".join(old_lines).encode() or b"x", "".join(new_lines).encode() or b"y"
        (folder / f"{number}.tf").write_bytes(old_text)
        changes.append(Change(Path(f"{number}.tf"), old_text, new_text))
    text = patch(changes).encode("utf-8", "surrogateescape")
    if text:
        subprocess.run(["git", "apply", "-p1", "-"], cwd=folder, input=text, check=True, capture_output=True)
    assert [(folder / change.path).read_bytes() for change in changes] == [change.new for change in changes]


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from("a1-: \t\n\r\x01\x7f\"'\\ü"), min_size=1, max_size=10))
def test_git_finds_a_file_whatever_it_is_called(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("patch")
    path = folder / f"{name}.tf"
    path.write_bytes(b"a\n")
    text = patch([Change(Path(path.name), b"a\n", b"b\n")]).encode()
    subprocess.run(["git", "apply", "-p1", "-"], cwd=folder, input=text, check=True, capture_output=True)
    assert path.read_bytes() == b"b\n"
