"""Help: there for every command, within 80 columns, each option once."""

import re

import pytest

from tests.cli.conftest import Costguard

COMMANDS = (
    *("", "check", "fix", "gate"),
    *("policy", "policy validate", "policy test", "policy show", "report", "report render"),
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_fits_a_terminal(costguard: Costguard, environment: dict[str, str], command: str, flag: str) -> None:
    ended = costguard(*command.split(), flag, environment={**environment, "COLUMNS": "80"})

    assert (ended.code, ended.err) == (0, "")
    assert ended.text.startswith("Usage: costguard")
    assert max(map(len, ended.text.splitlines())) <= 80
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", ended.text, re.MULTILINE)
    assert "--help" in options
    assert len(options) == len(set(options))


def test_the_commands_that_help_lists_are_there(costguard: Costguard) -> None:
    for group in ("", "policy", "report"):
        listed = costguard(*group.split(), "-h").text.partition("Commands:\n")[2].partition("\n\n")[0]
        names = re.findall(r"^  (\S+)", listed, re.MULTILINE)

        assert names
        for name in names:
            assert costguard(*group.split(), name, "-h").code == 0


def test_the_exit_codes_are_in_the_help(costguard: Costguard) -> None:
    text = " ".join(costguard("-h").text.split())

    assert "0 clean, 1 findings, 2 usage or input not understood, 3 incomplete, 4 a bug, 130 interrupted" in text


def test_the_version_is_one_line(costguard: Costguard) -> None:
    ended = costguard("--version")

    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"costguard \d+\.\d+\.\d+\S*\n", ended.text)
