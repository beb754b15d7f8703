"""What threads read is known to msgspec before there are threads.

msgspec 0.22 makes what it knows of a Struct when it is first read, and says so before it is done: a second thread that
reads the same type in that moment crashes the process. Making a decoder while the module is imported, which Python
does in one thread, is done before.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

THREADED = ("catalog", "clouds", "notify", "reconcile")
PLAIN = {"dict", "str", "list", "tuple", "int", "object"}

FIRST = {
    "an ARN's type": "from costguard.catalog.native import terraform_type_of_arn as read; given = "
    "('arn:aws:ec2:eu-west-1:123456789012:volume/vol-81fdb7b88ec113838',)",
    "a type": "from costguard.catalog import lookup as read; given = ('aws_sqs_queue',)",
}


@pytest.mark.parametrize("what", FIRST)
def test_threads_that_read_the_same_for_the_first_time_do_not_crash(what: str) -> None:
    program = f"""
import sys, threading
sys.setswitchinterval(1e-6)
{FIRST[what]}
barrier = threading.Barrier(16)
def go():
    barrier.wait()
    read(*given)
threads = [threading.Thread(target=go) for _ in range(16)]
for one in threads: one.start()
for one in threads: one.join()
"""
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr


def _read(file: Path) -> tuple[set[str], set[str]]:
    """The types of which a decoder is made where the module is imported, and those that are read without one."""
    tree = ast.parse(file.read_text("utf-8"))
    inside = {id(node) for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) for node in ast.walk(one)}
    made: set[str] = set()
    loose: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        named = {one.id for arg in (*node.args, *(word.value for word in node.keywords)) for one in _names(arg)}
        match ast.unparse(node.func):
            case "msgspec.json.Decoder":
                (loose if id(node) in inside else made).update(named)
            case "msgspec.json.decode":
                loose.update(one.id for word in node.keywords if word.arg == "type" for one in _names(word.value))
            case "msgspec.convert":
                loose.update(one.id for one in _names(node.args[1]))
    return made, loose - PLAIN


def _names(node: ast.expr) -> list[ast.Name]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Name)]


def test_what_is_read_where_there_may_be_threads_has_a_decoder() -> None:
    read = {file: _read(file) for part in THREADED for file in (REPOSITORY / "costguard" / part).rglob("*.py")}
    made = set().union(*(made for made, _ in read.values()))
    assert "Cell" in made
    loose = {f"{file.relative_to(REPOSITORY)}: {name}" for file, (_, names) in read.items() for name in names - made}
    assert not loose
