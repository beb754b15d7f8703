"""The policy in force, written as a document again: it can be read, and loaded in place of what it was merged from."""

from typing import Any

import yaml

from costguard.policy import Policy


def as_yaml(policy: Policy) -> str:
    """A policy document, each part with the file and line that said it. ``values-from`` is replaced by the values."""
    lines = ["# The policy in force, from " + ", ".join(map(_comment, policy.files)), "version: 1"]
    open_path: tuple[str | int, ...] = ()
    for path, value, origin in policy.statement:
        for depth, part in enumerate(path[:-1]):
            if open_path[: depth + 1] != path[: depth + 1]:
                lines.append(f"{'  ' * depth}{_flow(part)}:")
        open_path = path[:-1]
        indent = "  " * (len(path) - 1)
        if path[0] in ("rules", "exemptions"):
            entry = {"id": path[1], **value} if path[0] == "rules" else value
            lines += [f"{indent}# {_comment(origin)}", *(f"{indent}{line}" for line in _block([entry]))]
        else:
            lines.append(f"{indent}{_flow(path[-1])}: {_flow(value)}  # {_comment(origin)}")
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Without anchors, which are for machines, and with every text on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if data.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.text)


def _dump(value: Any, *, flow: bool | None, width: int) -> str:
    """YAML text in which every character can be seen: the others are escaped."""
    for readable in (True, False):
        text: str = yaml.dump(
            value, Dumper=_Dumper, default_flow_style=flow, allow_unicode=readable, width=width, sort_keys=False
        )
        if all(char.isprintable() or char == "\n" for char in text):
            break
    return text


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    return _dump(value, flow=True, width=10**6).removesuffix("\n").removesuffix("\n...")


def _block(value: Any) -> list[str]:
    return _dump(value, flow=False, width=100).splitlines()


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
