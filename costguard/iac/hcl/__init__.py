"""HCL as a language: text → tree → values. It knows nothing of resources, modules or providers.

The functions here are the reader. They never raise on what a file holds: what can't be read is a problem of the
:class:`~costguard.iac.hcl.tree.File`, or an :class:`~costguard.iac.hcl.tree.Opaque` expression.
"""

from costguard.iac.hcl.tree import Expression, File, Problem

MAX_BYTES = 16 * 1024 * 1024
"""A file that is larger isn't read; the largest of 23,000 public ones has 182 kB."""


class SyntaxProblem(Exception):  # noqa: N818 - the word of the tree for the same in a file
    """A single expression or template isn't one; the message says why."""


def parse(raw: bytes, name: str, *, json: bool | None = None) -> File:
    """A file of Terraform, OpenTofu, Terragrunt or their variables, in native syntax or in JSON.

    ``name`` is what messages call it; ``json`` tells the syntax, by default from the name's ending.
    """
    from costguard.iac.hcl import native

    if len(raw) > MAX_BYTES:
        problem = Problem(1, f"it has more than {MAX_BYTES // 1024 // 1024} MiB, which isn't read")
        return File(name, raw, native.EMPTY, problems=(problem,))
    if name.endswith(".json") if json is None else json:
        from costguard.iac.hcl import json_syntax

        return json_syntax.read(raw, name)
    return native.read(raw, name)


def parse_expression(text: str) -> Expression:
    """An expression that stands alone, as the value of a variable on the command line. Spans count the text's bytes.

    Raises :class:`SyntaxProblem`."""
    from costguard.iac.hcl import native

    try:
        return native.expression(text.encode())
    except native.Unreadable as problem:
        raise SyntaxProblem(problem.reason) from None


def parse_template(text: str) -> Expression:
    """A template without quotes, as in a file or in a text of JSON: nothing is escaped by a backslash.

    Raises :class:`SyntaxProblem`."""
    from costguard.iac.hcl import native

    try:
        return native.template(text.encode())
    except native.Unreadable as problem:
        raise SyntaxProblem(problem.reason) from None
