"""Every function of Terraform, over three-valued values.

:func:`call` is all there is to it. A result is known only where Terraform's would be the same whatever the unknown
parts of the arguments turn out to be. The families of functions are loaded when one of theirs is first called.
"""

from collections.abc import Sequence
from importlib import import_module

from costguard.iac.hcl.functions.signature import Function, Host, apply
from costguard.iac.hcl.values import Unknown, Value

__all__ = ["FAMILIES", "IMPURE", "Host", "call"]

FAMILIES: dict[str, tuple[str, ...]] = {
    "arithmetic": ("abs", "ceil", "floor", "log", "max", "min", "pow", "signum"),
    "collections": (
        "alltrue", "anytrue", "chunklist", "coalesce", "coalescelist", "compact", "concat", "contains", "distinct",
        "element", "ephemeralasnull", "flatten", "index", "issensitive", "keys", "length", "list", "lookup", "map",
        "matchkeys", "merge", "nonsensitive", "one", "range", "reverse", "sensitive", "setintersection", "setproduct",
        "setsubtract", "setunion", "slice", "sort", "sum", "tobool", "tolist", "tomap", "tonumber", "toset", "tostring",
        "transpose", "values", "zipmap",
    ),
    "encoding": (
        "base64decode", "base64encode", "base64sha256", "base64sha512", "jsondecode", "jsonencode", "md5", "sha1",
        "sha256", "sha512", "urldecode", "urlencode", "uuidv5",
    ),
    "dates": ("formatdate", "timeadd", "timecmp"),
    "documents": ("csvdecode", "textdecodebase64", "textencodebase64", "yamldecode", "yamlencode"),
    "files": (
        "abspath", "basename", "dirname", "file", "filebase64", "filebase64sha256", "filebase64sha512", "fileexists",
        "filemd5", "fileset", "filesha1", "filesha256", "filesha512", "templatefile", "templatestring",
    ),
    "formatting": ("format", "formatlist"),
    "network": ("cidrcontains", "cidrhost", "cidrnetmask", "cidrsubnet", "cidrsubnets"),
    "patterns": ("regex", "regexall"),
    "strings": (
        "chomp", "endswith", "indent", "join", "lower", "parseint", "replace", "split", "startswith", "strcontains",
        "strrev", "substr", "title", "trim", "trimprefix", "trimspace", "trimsuffix", "upper",
    ),
}  # fmt: skip
"""The functions that are computed here, by the module that has them."""

IMPURE: dict[str, str] = {
    "base64gunzip": "it isn't evaluated",
    "base64gzip": "it depends on the program that packs",
    "bcrypt": "it differs from run to run",
    "pathexpand": "it depends on who runs Terraform",
    "plantimestamp": "it is the time of the plan",
    "rsadecrypt": "it decrypts a secret",
    "timestamp": "it is the time of the apply",
    "type": "it is only for the console",
    "uuid": "it differs from run to run",
}
"""Functions whose results nobody can know, and why."""

_FAMILY = {name: family for family, names in FAMILIES.items() for name in names}
_LOADED: dict[str, Function] = {}


def call(name: str, arguments: Sequence[Value], host: Host) -> Value:
    """What Terraform's function gives for these arguments.

    Raises EvaluationError where Terraform would stop. What isn't decided here, because an argument isn't known or
    because the function can't be computed from the source, is an Unknown that says so; so is a function that nobody
    has heard of, because it may belong to a newer Terraform. ``try`` and ``can`` aren't functions of values.
    """
    plain = name.removeprefix("core::")
    function = _LOADED.get(plain)
    if function is None:
        family = _FAMILY.get(plain)
        if family is None:
            own = getattr(host, "function", None)  # A wrapper around Terraform has functions of its own.
            if own is not None:
                result: Value = own(plain, arguments)
                return result
            why = IMPURE.get(plain)
            return Unknown(f"the result of {plain}(): {why}" if why else f"the function {plain}() is not evaluated")
        _LOADED.update(import_module(f"{__name__}.{family}").FUNCTIONS)
        function = _LOADED[plain]
    return apply(plain, function, arguments, host)
