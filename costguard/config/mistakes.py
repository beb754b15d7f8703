"""What can be wrong with ``costguard.yaml`` beyond what its types say.

It looks at the document as it was read, not at its types, so that one key that is misspelled hides nothing else: what
isn't of the right kind is passed over here, and the schema reports it. A sentence from here takes the place of the
schema's at the same path; it never repeats a text that may be a secret.
"""

import re
from collections.abc import Iterator
from posixpath import normpath
from typing import Any

from costguard.config import ladder
from costguard.config.document import InventoryDoc
from costguard.policy.validate import near

_Path = tuple[str | int, ...]
_Mistake = tuple[_Path, str]

_AWS: _Path = ("inventory", "aws")
_RECONCILE: _Path = ("reconcile",)
_DEFAULTS: _Path = ("reconcile", "infer", "defaults")
_PRINCIPALS: _Path = ("reconcile", "infer", "principals")
_PLACES = ("account", "ou", "folder")
_DISTINCT: tuple[_Path, ...] = (
    (*_AWS, "accounts"),
    (*_AWS, "exclude-accounts"),
    (*_AWS, "regions"),
    (*_AWS, "sources"),
    ("inventory", "google", "scopes"),
    ("inventory", "google", "sources"),
    ("inventory", "allow-gaps"),
    ("terraform", "states"),
    (*_RECONCILE, "overwrite"),
    (*_RECONCILE, "delete"),
)
# What is looked up by one key: of a second entry it would hang on their order, or on nothing, whether it counts.
_DISTINCT_BY: tuple[tuple[_Path, str], ...] = (
    (("billing",), "path"),
    (("terraform", "sources"), "state"),
    (_DEFAULTS, "account"),
    (_DEFAULTS, "ou"),
    (_DEFAULTS, "folder"),
    (_PRINCIPALS, "principal"),
)
_CHANNELS = ("slack", "webhook", "smtp", "sns")
_SECRET_KEYS = {"url": "url-from-env", "password": "password-from-env"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
# AWS, "General purpose bucket naming rules".
_S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|\Z)")
# The store's address may have a user, and no password: not in front of the host (where an unescaped one may hold any
# character), not among the parameters, and not in the other notation of libpq ("host=db password=x").
_PASSWORD = re.compile(r"://[^@]*:.*@|password[ \t]*=", re.IGNORECASE | re.DOTALL)
# An address alone, as RFC 5321 has it without quotes; what isn't ASCII would need SMTPUTF8.
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?\Z")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?\Z|[0-9A-Fa-f:.]{2,45}\Z")
# A password in a URL (RFC 3986, 3.2.1), and what a signed URL of AWS, Google and Azure is signed with.
_CREDENTIALS = re.compile(r"://[^/?#]*@|[?&](sig|X-Amz-Signature|X-Goog-Signature)=", re.IGNORECASE)


def mistakes(data: object) -> Iterator[_Mistake]:
    """(path, sentence) for each; ``data`` is any document, also one that is no configuration at all."""
    if not isinstance(data, dict):
        return
    version = data.get("version", 1)
    if version != 1 or not isinstance(version, int) or isinstance(version, bool):
        yield ("version",), f"this costguard understands version 1, not {str(version)[:40]!r}"
    secrets = dict(_secrets(data))
    yield from secrets.items()
    for path, sentence in (
        *_repeated(data),
        *_aws(data),
        *_nothing(data),
        *_paths(data),
        *_reconcile(data),
        *_one_file(data),
        *_channels(data),
        *(((*_RECONCILE, "ladder", *at), why) for at, why in ladder.objections(_at(data, (*_RECONCILE, "ladder")))),
    ):
        if path not in secrets:
            yield path, sentence


def _repeated(data: object) -> Iterator[_Mistake]:
    """A bill that is read twice is money that nobody spent, and an account that is read twice hides a slip."""
    looked_up = (((path, _at(data, path)) for path in _each(data, at, key)) for at, key in _DISTINCT_BY)
    lists = [*_DISTINCT, *_each(data, ("notify",), "owners")]
    lists += [("notify", number, "smtp", "to") for number, _ in enumerate(_list(data, ("notify",)))]
    for group in (*(_texts(data, path) for path in lists), *looked_up):
        first: dict[str, _Path] = {}
        for path, text in group:
            if isinstance(text, str) and first.setdefault(text, path) != path:
                yield path, f"{_short(text)} is there twice"


def _aws(data: object) -> Iterator[_Mistake]:
    aws = _at(data, _AWS)
    if not isinstance(aws, dict):
        return
    accounts, regions = aws.get("accounts"), aws.get("regions")
    no_role = aws.get("role") is None
    if re.fullmatch("[0-9]{12}", str(accounts), re.ASCII):
        yield (*_AWS, "accounts"), f'takes organization, current or a list of ids: ["{accounts}"]'
    elif no_role and (accounts == "organization" or (isinstance(accounts, list) and accounts)):
        what = "organization" if accounts == "organization" else "a list of accounts"
        yield (*_AWS, "accounts"), f"{what} needs role, the name of the role that costguard assumes in each of them"
    if isinstance(regions, str) and re.search("-[0-9]", regions):
        yield (*_AWS, "regions"), f"takes enabled or a list of names: [{_short(regions)}]"
    if no_role and aws.get("external-id") is not None:
        yield (*_AWS, "external-id"), "is sent only where a role is assumed, and there is no role"
    listed = {text for _, text in _texts(data, (*_AWS, "accounts"))}
    for path, text in _texts(data, (*_AWS, "exclude-accounts")):
        if text in listed:
            yield path, f"{_short(text)} is under accounts, too; it can't be both"


def _nothing(data: object) -> Iterator[_Mistake]:
    """``aws:`` with nothing behind it looks like "AWS as usual" and would mean "not AWS"."""
    for path in (_AWS, ("inventory", "google")):
        around = _at(data, path[:-1])
        if isinstance(around, dict) and path[-1] in around and around[path[-1]] is None:
            hint = "write {} where there is nothing to say" if path == _AWS else "it needs scopes"
            yield path, f"takes a mapping, not nothing ({hint})"


def _paths(data: object) -> Iterator[_Mistake]:
    seen_from_here = [
        *_each(data, ("fix", "values"), "path"),
        *(path for path, _ in _texts(data, ("check", "exclude"))),
        *_each(data, ("assume",), "within"),
    ]
    for path in seen_from_here:
        text = _at(data, path)
        if isinstance(text, str) and (why := _leads_out(text)):
            yield path, why
    for path, text in _texts(data, ("terraform", "states")):
        if why := _unreadable(text, ("s3",)):
            yield path, why
    for path in _each(data, ("terraform", "sources"), "state"):
        text = _at(data, path)
        if isinstance(text, str) and (why := _unreadable(text, ("s3",))):
            yield path, why
    for path in _each(data, ("terraform", "sources"), "folder"):
        text = _at(data, path)
        if isinstance(text, str) and (why := _no_folder(text)):
            yield path, why
    for path in _each(data, ("billing",), "path"):
        text = _at(data, path)
        if isinstance(text, str) and (why := _unreadable(text, ("s3", "gs", "az"))):
            yield path, why
    for path, start in ((("inventory", "store"), ""), (("reconcile", "store"), "sqlite:///")):
        text = _at(data, path)
        if isinstance(text, str) and text.startswith(start):
            text = text.removeprefix(start)
            if _SCHEME.match(text):
                yield path, f"{_short(text)} can't stand here: it takes the path of a file"
            elif text.endswith("/"):
                yield path, f"{_short(text)} is a folder; name a file"
            elif why := _leads_out(text):
                yield path, why


def _one_file(data: dict[str, Any]) -> Iterator[_Mistake]:
    """A scan puts a new file in the place of the old one: a journal in it would be gone."""
    inventory, journal = _at(data, ("inventory", "store")), _at(data, ("reconcile", "store"))
    scan = inventory if isinstance(inventory, str) else InventoryDoc().store
    if isinstance(journal, str) and normpath(journal.removeprefix("sqlite:///")) == normpath(scan):
        why = f"{_short(scan)} is the scan's store, which each scan replaces: name another file"
        yield ("reconcile", "store"), why


def _unreadable(text: str, schemes: tuple[str, ...]) -> str:
    """Why nothing can be read from there; empty where something may."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        if text.startswith(("/", "~")):
            return f"{_short(text)} leads out of the folder of costguard.yaml: a path here is seen from that folder"
        return _leads_out(text)
    known = ", ".join(f"{name}://" for name in schemes)
    if scheme[0] not in schemes:
        return f"{_short(text)} can't be read: it takes a path or {known}{near(scheme[0], list(schemes))}"
    if scheme[0] == "s3" and not _S3.match(text):
        return f"{_short(text)} can't be read: s3:// goes on with a bucket's name, of 3 to 63 a-z, 0-9, dots and dashes"
    return "" if text[len(scheme[0]) + 3 :].strip("/") else f"{_short(text)} names no bucket"


def _no_folder(text: str) -> str:
    """Why that names no root module's folder. Unlike other paths it may lie anywhere: the source of a state that lies
    elsewhere is mostly another repository, which a pipeline checks out beside this one or where it pleases, and it is
    only ever read."""
    if "\0" in text:
        return "holds the character U+0000, which no path does"
    if _SCHEME.match(text) or text.startswith("git@"):
        return f"{_short(text)} is no folder: check the repository out, and name the folder in it"
    if text.startswith("~"):
        return f"{_short(text)} can't stand here: '~' is only a shell's word for a home; write the folder out"
    if "*" in text:
        return f"{_short(text)} is a pattern; it takes the one folder of a root module"
    return ""


def _leads_out(text: str) -> str:
    if "\0" in text:
        return "holds the character U+0000, which no path does"
    if ".." in text.split("/"):
        return f"{_short(text)} leads out of the folder of costguard.yaml: a path here has no '..'"
    return ""


def _reconcile(data: object) -> Iterator[_Mistake]:
    if _list(data, ("terraform", "sources")) and not _list(data, ("terraform", "states")):
        yield ("terraform", "sources"), "says where the source of states is, and terraform.states names none"
    for number, entry in enumerate(_list(data, _DEFAULTS)):
        if isinstance(entry, dict):
            named = [name for name in _PLACES if entry.get(name) is not None]
            if not named:
                yield (*_DEFAULTS, number), "names no place: it takes account, ou or folder"
            elif len(named) > 1:
                yield (*_DEFAULTS, number), f"names {' and '.join(named)}: each needs an entry of its own"
    for at in (_DEFAULTS, _PRINCIPALS):
        for path in _each(data, at, "set"):
            values = _at(data, path)
            for name, value in values.items() if isinstance(values, dict) else ():
                if isinstance(value, str) and value and not value.strip():
                    yield (*path, name), "is only spaces, which is no value"
    for number, entry in enumerate(_list(data, (*_RECONCILE, "exclude"))):
        whole: _Path = (*_RECONCILE, "exclude", number)
        if isinstance(entry, dict) and not [value for value in entry.values() if value not in (None, {}, [])]:
            yield whole, "names nothing, which is everything: to write nothing at all, don't apply"
        elif isinstance(entry, dict):
            # Beside others, an empty list or mapping looks like a condition, and is none.
            yield from (((*whole, key), "is empty") for key, value in entry.items() if value in ({}, []))
    for path, text in _texts(data, (*_RECONCILE, "delete")):
        if text.lower().startswith(("aws:", "goog-")):
            yield path, f"{_short(text)} is the cloud's own, and is never taken away"
        elif "*" in text:
            yield path, f"{_short(text)} is a pattern; it takes the one key that may be taken away"


def _channels(data: object) -> Iterator[_Mistake]:
    for number, entry in enumerate(_list(data, ("notify",))):
        if not isinstance(entry, dict):
            continue
        path: _Path = ("notify", number)
        named = [name for name in _CHANNELS if name in entry]
        if not entry:
            yield path, f"names nobody: it takes {', '.join(_CHANNELS[:-1])} or {_CHANNELS[-1]}"
        elif len(named) > 1:
            yield path, f"names {' and '.join(named)}: each needs an entry of its own"
        for name in named:
            if entry[name] is None:
                yield (*path, name), "takes a mapping, not nothing"
        if entry.keys() == {"owners"}:
            yield path, f"names no channel: it takes {', '.join(_CHANNELS[:-1])} or {_CHANNELS[-1]}"
        if isinstance(entry.get("smtp"), dict):
            yield from _mail((*path, "smtp"), entry["smtp"])


def _mail(path: _Path, smtp: dict[str, Any]) -> Iterator[_Mistake]:
    if ("user" in smtp) != ("password-from-env" in smtp):
        yield path, "has one of user and password-from-env; it needs both or neither"
    host = smtp.get("host")
    if isinstance(host, str) and host and not _HOST.match(host):
        yield (
            (*path, "host"),
            f"{_short(host)} can't stand here: it takes a host's name alone; the port has its own key",
        )
    for at, address in ((("from",), smtp.get("from")), *_texts(smtp, ("to",))):
        if isinstance(address, str) and address and not _MAILBOX.match(address):
            yield (
                (*path, *at),
                f"{_short(address)} can't stand here: it takes an address alone, as in finops@acme.example",
            )


def _secrets(data: dict[str, Any]) -> Iterator[_Mistake]:
    """Secrets that are written out, and what stands where the name of a variable is wanted and may be one."""
    for path, value in _walk({name: data.get(name) for name in ("inventory", "terraform", "billing", "reconcile")}):
        if path == ("reconcile", "store"):
            if isinstance(value, str) and _PASSWORD.search(value):
                yield (
                    path,
                    "holds a password, which has no place here: put the address in the environment: from-env: NAME",
                )
        elif isinstance(value, str) and _CREDENTIALS.search(value):
            yield (
                path,
                "holds a password or a signature, and a secret has no place here; let the SDK's own rules find it",
            )
        yield from _variable(path, value)
    for path, value in _walk({"notify": data.get("notify")}):
        yield from _variable(path, value)
        if path[-1] in _SECRET_KEYS:
            name = _SECRET_KEYS[str(path[-1])]
            yield (
                path,
                f"is a secret, which has no place here: put it in the environment and name the variable, {name}: NAME",
            )
        elif isinstance(value, str) and "://" in value and not str(path[-1]).endswith("from-env"):
            yield path, "is an address, and who knows it may post there; keep it in the environment: url-from-env: NAME"


def _variable(path: _Path, value: object) -> Iterator[_Mistake]:
    if str(path[-1]).endswith("from-env") and isinstance(value, str) and not _VARIABLE.match(value):
        yield (
            path,
            "takes the name of an environment variable (letters, digits and underscores), never the value itself",
        )


def _walk(value: object, path: _Path = ()) -> Iterator[tuple[_Path, object]]:
    """Everything in a document, with its path; the reader of documents bounds how deep and how much that is."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _walk(child, (*path, key))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _walk(child, (*path, number))


def _at(data: object, path: _Path) -> object:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _list(data: object, path: _Path) -> list[Any]:
    """The list at a path; an empty one where there is none."""
    found = _at(data, path)
    return found if isinstance(found, list) else []


def _texts(data: object, path: _Path) -> Iterator[tuple[_Path, str]]:
    """The texts in the list at a path."""
    for number, text in enumerate(_list(data, path)):
        if isinstance(text, str):
            yield (*path, number), text


def _each(data: object, path: _Path, key: str) -> Iterator[_Path]:
    """The paths of one key in each mapping of the list at a path."""
    for number, item in enumerate(_list(data, path)):
        if isinstance(item, dict) and key in item:
            yield (*path, number, key)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}…"
