"""Who says the value of a tag, and what happens where two don't agree."""

import subprocess
from pathlib import Path

import pytest

from costguard import config
from costguard.config import path_glob
from costguard.errors import DocumentError
from costguard.fix.values import Said, Unsaid, Values
from costguard.policy import Policy
from costguard.policy.load import load
from costguard.policy.rules.require import Require

POLICY = """
version: 1
tags:
  owner: {value: {pattern: "^[a-z-]+$"}, default: platform}
  service: {}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return load([tmp_path / "policy.yaml"])


class Asker:
    """Asks for values of files in a repository with a configuration."""

    def __init__(self, folder: Path, policy: Policy, fix: str = "", codeowners: str = "") -> None:
        self.folder = folder
        self.policy = policy
        (folder / "costguard.yaml").write_text(f"version: 1\nfix: {fix or '{}'}\n")
        if codeowners:
            (folder / "CODEOWNERS").write_text(codeowners)

    def __call__(self, *files: str, tag: str = "owner", **given: str) -> str:
        values = Values(given, config.read(self.folder / "costguard.yaml"), self.folder, self.policy)
        [rule] = [one for one in self.policy.rules if isinstance(one, Require) and one.spelling.name == tag]
        said = values.of(rule, [str(self.folder / file) for file in files])
        match said:
            case Said(value, by):
                return f"{value} by {by.replace(f'{self.folder}/', '')}"
            case Unsaid(why):
                return why.replace(f"{self.folder}/", "")


FOLDERS = "{values: [{path: live, set: {owner: live}}, {path: 'live/*/db', set: {owner: data}}]}"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("live/main.tf", "live by costguard.yaml:2"),
        ("live/shop/main.tf", "live by costguard.yaml:2"),
        ("live/shop/db/main.tf", "data by costguard.yaml:2"),
        ("live/a/b/db/main.tf", "live by costguard.yaml:2"),
        ("modules/main.tf", "platform by the policy's default"),
        ("x/live/main.tf", "platform by the policy's default"),
        ("lively/main.tf", "platform by the policy's default"),
    ],
)
def test_the_last_folder_rule_counts(tmp_path: Path, policy: Policy, file: str, expected: str) -> None:
    assert Asker(tmp_path, policy, FOLDERS)(file) == expected


@pytest.mark.parametrize("path", [".", "./", "/", "./.", "**", "./**"])
@pytest.mark.parametrize("file", ["main.tf", "live/main.tf", "live/shop/db/main.tf"])
def test_the_folder_of_the_configuration_is_everything_below(
    tmp_path: Path, policy: Policy, path: str, file: str
) -> None:
    asker = Asker(tmp_path, policy, f"{{values: [{{path: '{path}', set: {{owner: all}}}}]}}")
    assert asker(file) == "all by costguard.yaml:2"


@pytest.mark.parametrize("path", ["./live", "live/", "./live/.", "live/./"])
def test_a_folder_may_be_written_with_a_dot(tmp_path: Path, policy: Policy, path: str) -> None:
    asker = Asker(tmp_path, policy, f"{{values: [{{path: '{path}', set: {{owner: live}}}}]}}")
    assert asker("live/main.tf") == "live by costguard.yaml:2"
    assert asker("lively/main.tf") == "platform by the policy's default"


@pytest.mark.parametrize("path", ["..", "../live", "live/../x", "./.."])
def test_a_path_that_leads_upwards_is_a_mistake(tmp_path: Path, policy: Policy, path: str) -> None:
    with pytest.raises(DocumentError) as raised:
        Asker(tmp_path, policy, f"{{values: [{{path: '{path}', set: {{owner: live}}}}]}}")("main.tf")
    assert "costguard.yaml:2: fix.values[0].path: " in str(raised.value)


def test_the_command_line_counts_before_all(tmp_path: Path, policy: Policy) -> None:
    assert Asker(tmp_path, policy, FOLDERS)("live/main.tf", owner="me") == "me by --set"


def test_what_is_said_for_the_file_and_for_its_caller_must_agree(tmp_path: Path, policy: Policy) -> None:
    ask = Asker(tmp_path, policy, FOLDERS)
    assert ask("live/a/main.tf", "live/b/main.tf") == "live by costguard.yaml:2"
    assert ask("modules/x/main.tf", "live/b/main.tf") == "live by costguard.yaml:2"
    assert ask("live/a/db/main.tf", "live/b/main.tf") == "costguard.yaml:2 says data, and costguard.yaml:2 says live"


def test_a_value_that_the_policy_does_not_allow_is_not_replaced_by_the_default(tmp_path: Path, policy: Policy) -> None:
    ask = Asker(tmp_path, policy, "{values: [{path: a, set: {owner: A B}}]}")
    assert ask("a/main.tf") == "costguard.yaml:2 says 'A B', which is not an allowed value"


def test_nobody_says_a_value(tmp_path: Path, policy: Policy) -> None:
    assert Asker(tmp_path, policy)("a.tf", tag="service") == "nothing says its value"


OWNERS = """
# Everything
*               @acme/everybody

/live/shop/     @acme/shop
live/pay/       @acme/pay @acme/audit
/live/data/     @acme/Data_Team
*.tf.json       @jane
/modules/       jane@example.com
/none/
/twice/         @acme/shop @other/shop
"""


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("main.tf", "everybody by CODEOWNERS:3"),
        ("live/shop/a/main.tf", "shop by CODEOWNERS:5"),
        ("live/pay/main.tf", "CODEOWNERS:6 names several owners, pay and audit"),
        ("live/data/main.tf", "CODEOWNERS:7 says 'Data_Team', which is not an allowed value"),
        ("live/shop/main.tf.json", "CODEOWNERS:8 names @jane, who is no team"),
        ("modules/main.tf", "CODEOWNERS:9 names jane@example.com, who is no team"),
        ("none/main.tf", "platform by the policy's default"),
        ("twice/main.tf", "shop by CODEOWNERS:11"),
    ],
)
def test_the_owner_of_the_file_is_its_team(tmp_path: Path, policy: Policy, file: str, expected: str) -> None:
    assert Asker(tmp_path, policy, "{codeowners: {}}", OWNERS)(file) == expected


def test_teams_may_be_called_otherwise_in_the_tag(tmp_path: Path, policy: Policy) -> None:
    fix = "{codeowners: {teams: {'@acme/Data_Team': data, '@jane': shop}}}"
    ask = Asker(tmp_path, policy, fix, OWNERS)
    assert ask("live/data/main.tf") == "data by CODEOWNERS:7"
    assert ask("a.tf.json") == "shop by CODEOWNERS:8"


def test_codeowners_is_asked_for_its_tag_alone(tmp_path: Path, policy: Policy) -> None:
    ask = Asker(tmp_path, policy, "{codeowners: {tag: service}}", OWNERS)
    assert ask("main.tf") == "platform by the policy's default"
    assert ask("main.tf", tag="service") == "everybody by CODEOWNERS:3"


def test_a_folder_rule_counts_before_codeowners(tmp_path: Path, policy: Policy) -> None:
    ask = Asker(tmp_path, policy, "{codeowners: {}, values: [{path: live, set: {owner: x}}]}", OWNERS)
    assert ask("live/shop/main.tf") == "x by costguard.yaml:2"


def test_sections_of_gitlab_each_have_an_owner(tmp_path: Path, policy: Policy) -> None:
    text = "[Code] @acme/shop\n*.tf\n^[Data][2]\n/db/ @acme/data\n"
    ask = Asker(tmp_path, policy, "{codeowners: {}}", text)
    assert ask("main.tf") == "shop by CODEOWNERS:2"
    assert ask("db/x.sql") == "data by CODEOWNERS:4"
    assert ask("db/main.tf") == "CODEOWNERS:2 names several owners, shop and data"


def test_codeowners_is_found_where_github_and_gitlab_keep_it(tmp_path: Path, policy: Policy) -> None:
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "CODEOWNERS").write_text("* @acme/hidden\n")
    assert Asker(tmp_path, policy, "{codeowners: {}}", "* @acme/top\n")("a.tf") == "hidden by .github/CODEOWNERS:1"


def test_a_configuration_says_all_its_mistakes(tmp_path: Path, policy: Policy) -> None:
    ask = Asker(tmp_path, policy, "{values: [{path: a, set: {x: y, z: y}}], codeowners: {tag: w}}")
    with pytest.raises(DocumentError) as caught:
        ask("a.tf")
    assert len(caught.value.problems) == 3


PATTERNS = ["*", "*.tf", "/a", "/a/", "a/", "a", "a/b", "**/b", "/a/**", "a/**/c", "b/*.tf", "?.tf", "/*.tf", "a*"]
FILES = ["a.tf", "ab.tf", "a/b.tf", "a/b/c.tf", "a/b/x/c/d.tf", "b/a.tf", "b/c/a.tf", "c/a/b", "x*", "xy", "a/c"]


def test_patterns_match_as_those_of_git(tmp_path: Path) -> None:
    """CODEOWNERS has the patterns of gitignore, so git is asked what each of them matches."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for pattern in PATTERNS:
        (tmp_path / ".gitignore").write_text(f"{pattern}\n")
        done = subprocess.run(
            ["git", "-C", tmp_path, "check-ignore", "--no-index", "--stdin"],
            input="\n".join(FILES),
            capture_output=True,
            text=True,
            check=False,
        )
        found = [file for file in FILES if path_glob(pattern).match(file)]
        assert found == done.stdout.split("\n")[:-1], pattern


@pytest.mark.parametrize(
    ("pattern", "file", "matches"),
    [
        ("docs/*", "docs/getting-started.md", True),
        ("docs/*", "docs/build-app/troubleshooting.md", False),
        ("apps/", "apps/x", True),
        ("apps/", "build/apps/x/y", True),
        ("/docs/", "docs/a/b", True),
        ("/docs/", "build/docs/a", False),
        ("**/logs", "build/logs/x", True),
        ("**/logs", "deeply/nested/logs/a/b", True),
    ],
)
def test_patterns_match_as_github_documents(pattern: str, file: str, matches: bool) -> None:
    """The examples of "About code owners": unlike git's, ``docs/*`` has nothing of what lies deeper."""
    assert (path_glob(pattern).match(file) is not None) is matches
