"""``values-from``: allowed values in a file that somebody else keeps."""

import json
from pathlib import Path

import pytest

from tests.policy.build import mistakes, policy, resource, verdicts

BACKSTAGE = """
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments}
---
kind: Component
metadata: {name: checkout}
---
kind: Group
metadata: {name: search}
"""

GOOD = {
    "a list in YAML": ("teams.yaml", "[payments, search]", ""),
    "YAML with a path": ("teams.yml", "teams: [{name: payments}, {name: search}]", 'path: "teams[*].name"'),
    "JSON": ("teams.json", '["payments", "search"]', ""),
    "JSON with a path": ("teams.json", '{"teams": {"payments": 1, "search": 2}}', 'path: "keys(teams)"'),
    "CSV with one column": ("teams.csv", "team\npayments\nsearch\n", ""),
    "CSV with a named column": ("teams.csv", 'id,team\n1,payments\n2," search "\n3,\n', "path: team"),
    "CODEOWNERS": ("CODEOWNERS", "# all\n* @example/payments\n/s/ @search # and no @one\n[Section]\n", ""),
    "a Backstage catalog": ("catalog-info.yaml", BACKSTAGE, ""),
    "a format that the name doesn't say": ("teams.txt", "[payments, search]", "format: yaml"),
    "YAML as UTF-8 with a byte order mark": ("teams.yaml", "\ufeff[payments, search]", ""),
    "the same value twice": ("teams.yaml", "[payments, search, payments]", ""),
}


def document(name: str, extra: str) -> str:
    return f"tags:\n  owner:\n    values-from: {{file: {name}{', ' + extra if extra else ''}}}\n"


@pytest.mark.parametrize("case", GOOD)
def test_values_are_read_from(tmp_path: Path, case: str) -> None:
    name, text, extra = GOOD[case]
    (tmp_path / name).write_text(text, "utf-8")
    rules = policy(tmp_path, document(name, extra))
    assert verdicts(rules, resource({"owner": "payments"})) == {}
    assert verdicts(rules, resource({"owner": "search"})) == {}
    for other in ("checkout", "one", "1", "@search", ""):
        assert verdicts(rules, resource({"owner": other})) == {"owner": "invalid" if other else "empty"}


def test_another_kind_of_a_backstage_catalog(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(BACKSTAGE, "utf-8")
    rules = policy(tmp_path, document("all.yaml", "format: backstage, kind: Component"))
    assert verdicts(rules, resource({"owner": "checkout"})) == {}
    assert verdicts(rules, resource({"owner": "payments"})) == {"owner": "invalid"}


def test_an_address_in_codeowners_stays_an_address(tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text("*.py team@example.com @org/sub/team\n", "utf-8")
    rules = policy(tmp_path, document("CODEOWNERS", ""))
    assert verdicts(rules, resource({"owner": "team@example.com"})) == {}
    assert verdicts(rules, resource({"owner": "team"})) == {}


BAD = {
    "not there": ("teams.yaml", None, "", "teams.yaml: can't be read: No such file or directory"),
    "a folder": (".", None, "format: yaml", ".: is a folder"),
    "no format": ("teams.txt", "[a]", "", "the format of teams.txt can't be told from its name; say format: yaml or"),
    "not UTF-8": ("teams.yaml", b"a: \xff", "", "teams.yaml:1: is not UTF-8"),
    "not YAML": ("teams.yaml", "a: [", "", "teams.yaml:1: is not YAML"),
    "not JSON": ("teams.json", "{", "", "teams.json is not JSON"),
    "nested for ever": ("teams.json", "[" * 100_000, "", "teams.json is nested too deeply"),
    "an alias bomb": (
        "teams.yaml",
        "a: &a [x, x, x, x, x, x, x, x]\n"
        + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 8)}]\n" for i in range(8)),
        "path: a",
        "unfolds to more than",
    ),
    "two documents": ("teams.yaml", "[a]\n---\n[b]\n", "", "teams.yaml holds 2 YAML documents; one is expected"),
    "a mapping": ("teams.yaml", "teams: [a]", "", "teams.yaml (give a path into it) gives no list"),
    "a path to nothing": ("teams.yaml", "teams: [a]", "path: team", "path team of teams.yaml gives nothing"),
    "a path to text": ("teams.yaml", "teams: a", "path: teams", "path teams of teams.yaml gives no list"),
    "a path that is none": ("teams.yaml", "[a]", 'path: "[*"', "path: [*:"),
    "a function that the data doesn't suit": ("teams.yaml", "a: 1", 'path: "keys(a)"', "path: keys(a):"),
    "a function that nobody knows": ("teams.yaml", "a: 1", 'path: "nope(a)"', "path: nope(a):"),
    "an item that is a number": ("teams.yaml", "[a, 7]", "", "teams.yaml: item 2 is 7, not text"),
    "a path into what it isn't for, in long": (
        "teams.yaml",
        f"a: {'s' * 200}",
        'path: "keys(a)"',
        "path: keys(a): In function keys(), invalid type for value: " + "s" * 36 + "…",
    ),
    "an item that is long": ("t.json", f'[["{"s" * 200}"]]', "", f"t.json: item 1 is ['{'s' * 38}…, not text"),
    "a column that is long": ("t.csv", f"\x1b[31m{'s' * 200},b\n1,2\n", "", f"columns [31m{'s' * 36}…, b"),
    "characters that no text has": ("t.csv", "owner\na\0b\n", "", "t.csv holds NUL characters, so it is no text"),
    "a name that is none": ('"a\\0.yaml"', None, "", "is no name of a file"),
    "a process": ("/proc/self/environ", None, "format: csv", "/proc/self/environ is no file of the policy's"),
    "a device": ("/dev/null", None, "format: csv", "/dev/null is no file of the policy's repository"),
    "a file of the machine": ("/etc/passwd", None, "format: csv", "/etc/passwd is no file of the policy's repository"),
    "a file far above": ("../../x.csv", None, "", "../../x.csv is no file of the policy's repository"),
    "an item that is true": ("teams.yaml", "[a, yes]", "", "teams.yaml: item 2 is True, not text"),
    "no items": ("teams.yaml", "[]", "", "teams.yaml gives no values, so no value would be allowed"),
    "blank items": ("teams.yaml", '["", " "]', "", "teams.yaml gives no values"),
    "nothing": ("teams.yaml", "", "", "teams.yaml holds 0 YAML documents"),
    "an unknown column": ("t.csv", "id,team\n1,a\n", "path: name", "t.csv has the columns id, team"),
    "no column named": ("t.csv", "id,team\n1,a\n", "", "path names the column to take; t.csv has the columns id, team"),
    "an empty table": ("t.csv", "", "", "t.csv has the columns none"),
    "broken CSV": ("t.csv", 'team\n"a', "", "t.csv is not CSV"),
    "a field of CSV beyond all measure": ("t.csv", "team\n" + "a" * 200_000, "", "t.csv is not CSV: field larger"),
    "CODEOWNERS without owners": ("CODEOWNERS", "*.py\n", "", "CODEOWNERS gives no values"),
    "no Backstage entity": ("catalog-info.yaml", "kind: Group", "", "catalog-info.yaml:1: is no Backstage entity"),
    "an entity without a name": (
        "catalog-info.yaml",
        "kind: Group\nmetadata:\n  name: 7",
        "",
        "catalog-info.yaml:2: metadata.name is not text",
    ),
    "an entity of no other kind": ("catalog-info.yaml", "kind: User\nmetadata: {name: a}", "", "gives no values"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_go_wrong_is_said_at_the_line_that_asks(tmp_path: Path, case: str) -> None:
    name, text, extra, expected = BAD[case]
    if isinstance(text, bytes):
        (tmp_path / name).write_bytes(text)
    elif text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    [said] = mistakes(tmp_path, document(name, extra))
    assert said.startswith("p0.yaml:4: tags.owner.values-from: ")
    assert expected in said


def test_what_could_not_be_read_is_not_held_against_the_synonyms(tmp_path: Path) -> None:
    said = mistakes(tmp_path, "tags: {owner: {values-from: {file: no.yaml}, synonyms: {pay: payments}}}")
    assert len(said) == 1


def test_values_and_a_schema_must_both_hold(tmp_path: Path) -> None:
    (tmp_path / "teams.json").write_text(json.dumps(["payments", "Search"]), "utf-8")
    rules = policy(tmp_path, "tags: {owner: {value: {pattern: '^[a-z]+$'}, values-from: {file: teams.json}}}")
    assert verdicts(rules, resource({"owner": "payments"})) == {}
    assert verdicts(rules, resource({"owner": "Search"})) == {"owner": "invalid"}


def test_the_file_lies_beside_the_policy_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "teams.yaml").write_text("[payments]")
    (tmp_path / "sub" / "base.yaml").write_text("version: 1\n" + document("teams.yaml", ""))
    monkeypatch.chdir(tmp_path / "sub")
    assert verdicts(policy(tmp_path, "extends: sub/base.yaml"), resource({"owner": "x"})) == {"owner": "invalid"}


@pytest.mark.parametrize(
    ("marker", "name", "allowed"),
    [
        (".git/", "../../teams.csv", True),
        ("costguard.yaml", "../../teams.csv", True),
        ("costguard.yaml", "../../../teams.csv", False),
        ("a/costguard.yaml", "../teams.csv", True),
        ("a/costguard.yaml", "../../teams.csv", False),
        ("a/policies/.git", "../teams.csv", False),
        ("", "../teams.csv", True),
        ("", "teams.csv", True),
        ("", "../../teams.csv", False),
        ("", "link.csv", False),
    ],
)
def test_the_file_lies_in_the_repository_of_the_policy(tmp_path: Path, marker: str, name: str, allowed: bool) -> None:
    policies = tmp_path / "repository" / "a" / "policies"
    policies.mkdir(parents=True)
    if marker.endswith("/"):
        (tmp_path / "repository" / marker).mkdir()
    elif marker:
        (tmp_path / "repository" / marker).touch()
    for folder in (policies, *policies.parents[:3]):
        (folder / "teams.csv").write_text("team\npayments\n")
    (policies / "link.csv").symlink_to(tmp_path / "teams.csv")
    text = document(name, "")
    if allowed:
        assert verdicts(policy(policies, text), resource({"owner": "x"})) == {"owner": "invalid"}
    else:
        assert f"{name} is no file of the policy's repository" in mistakes(policies, text)[0]
