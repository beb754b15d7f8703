"""What a new user has to mend before a night can go well, in the order in which it stands in the way.

Each check does in small what the commands do: it loads the policy, opens the store, asks each account who it is, lists
the bills. It reads only, and writes nothing but the state store's own tables.
"""

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Literal

import msgspec

from costguard import __version__
from costguard.config import AwsDoc, Config, ConfigDoc, GoogleDoc, store_address
from costguard.errors import CostguardError
from costguard.policy import Policy

Health = Literal["ok", "note", "wrong"]
_ACCOUNTS = 50
"""So many accounts are asked who they are; a scan asks all of them."""
_PATIENCE = 15.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found. ``wrong`` keeps something from working; a ``note`` is worth knowing. ``remedy`` is what to
    do about it."""

    check: str
    health: Health
    says: str
    remedy: str = ""


_EXTRAS = (
    ("aws", ("boto3",), "scans AWS"),
    ("google", ("google.cloud.asset_v1",), "scans Google Cloud"),
    ("spend", ("duckdb", "pyarrow"), "reads bills"),
    ("reconcile", ("sklearn", "sqlalchemy"), "mends what a scan found, and keeps the history"),
    ("report", ("jinja2", "vl_convert", "prometheus_client"), "writes the report and the metrics"),
)


def examine(config: Config | None, policy: Callable[[], Policy], looking: Callable[[str], object]) -> Iterator[Finding]:
    """The checks, one after the other; ``looking`` is told what comes next."""
    yield Finding(check="version", health="ok", says=f"costguard {__version__}")
    doc = config.doc if config is not None else ConfigDoc(version=1)
    yield _configured(config)
    yield from _policy(policy)
    yield from _extras(doc)
    looking("the state store")
    yield from _store(config)
    if doc.inventory.aws is not None:
        looking("AWS")
        yield from _aws(doc.inventory.aws)
    if doc.inventory.google is not None:
        looking("Google Cloud")
        yield from _google(doc.inventory.google)
    if config is not None:
        yield from _states(config)
        looking("the bills")
        yield from _bills(config)
    yield from _secrets(doc)


def _configured(config: Config | None) -> Finding:
    if config is None:
        return Finding(
            check="costguard.yaml",
            health="note",
            says="there is none here or above: check and gate need none, the other commands do",
            remedy="docs/reference/configuration.md shows one",
        )
    return Finding(check="costguard.yaml", health="ok", says=f"{config.folder / 'costguard.yaml'} is understood")


def _policy(load: Callable[[], Policy]) -> Iterator[Finding]:
    try:
        policy = load()
    except CostguardError as error:
        yield Finding(check="policy", health="wrong", says=str(error), remedy="costguard policy validate says more")
        return
    tags = ", ".join(sorted(policy.spellings)) or "no tags"
    yield Finding(check="policy", health="ok", says=f"{tags}, by {', '.join(policy.files)}")
    for warning in policy.warnings:
        yield Finding(check="policy", health="note", says=str(warning))


def _extras(doc: ConfigDoc) -> Iterator[Finding]:
    wanted = {
        "aws": doc.inventory.aws is not None,
        "google": doc.inventory.google is not None,
        "spend": bool(doc.billing),
        "reconcile": True,
        "report": True,
    }
    for extra, modules, does in _EXTRAS:
        if all(_there(name) for name in modules):
            continue
        yield Finding(
            check="extras",
            health="wrong" if wanted[extra] and extra in ("aws", "google", "spend") else "note",
            says=f"what {does} isn't installed",
            remedy=f"pip install 'costguard-tags[{extra}]'",
        )


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # The package that it is in isn't there.
        return False


def _store(config: Config | None) -> Iterator[Finding]:
    try:
        from costguard.nightly.history import open_nights

        with open_nights(store_address(config, os.environ)) as nights:
            last = next(iter(nights.nights(1)), None)
    except CostguardError as error:
        yield Finding(check="state store", health="wrong", says=str(error), remedy="reconcile.store names where it is")
        return
    said = f"; the last night was {last.began[:10]}" if last is not None else "; no night has run yet"
    yield Finding(check="state store", health="ok", says=f"it can be read and written{said}")


def _aws(doc: AwsDoc) -> Iterator[Finding]:
    from costguard.clouds.aws.api import Access, Aws, guarded_pages, told
    from costguard.clouds.aws.inventory import external_id, way_in
    from costguard.clouds.pace import Pacer
    from costguard.clouds.sighting import SourceError

    try:
        aws = Aws(Pacer(), doc.profile)
        external = external_id(doc)
        caller: Access = aws.caller
        caller.identify()
    except CostguardError as error:
        yield Finding(check="AWS", health="wrong", says=str(error), remedy="see inventory.aws in costguard.yaml")
        return
    except SourceError as error:
        yield Finding(
            check="AWS",
            health="wrong",
            says=f"nobody is logged in: {error}",
            remedy="aws sso login, or AWS_PROFILE, or the role of the job",
        )
        return
    yield Finding(check="AWS", health="ok", says=f"logged in, in account {caller.account}")
    accounts = [caller.account] if doc.accounts == "current" else list(doc.accounts)
    if doc.accounts == "organization":
        try:
            client = caller.client("organizations", caller.home)
            pages = guarded_pages(client.get_paginator("list_accounts").paginate())
            accounts = [str(told(one, "Id", "ListAccounts")) for page in pages for one in page["Accounts"]]
        except SourceError as error:
            yield Finding(
                check="AWS organization",
                health="wrong",
                says=f"its accounts can't be listed: {error}",
                remedy="run in the management account or a delegated administrator's, or list the accounts",
            )
            return
        yield Finding(check="AWS organization", health="ok", says=f"{len(accounts)} accounts")
    accounts = [one for one in accounts if one not in doc.exclude_accounts]
    denied = []
    for account in accounts[:_ACCOUNTS]:
        try:
            way_in(aws, doc, account, external).identify()
        except SourceError as error:
            denied.append((account, str(error)))
    for account, why in denied:
        yield Finding(
            check=f"AWS account {account}",
            health="wrong",
            says=why,
            remedy="its role must trust the caller; `costguard scan --permissions aws` prints what it needs",
        )
    if not denied and accounts:
        rest = f" (of {len(accounts)}; a scan asks all)" if len(accounts) > _ACCOUNTS else ""
        yield Finding(
            check="AWS accounts", health="ok", says=f"{len(accounts[:_ACCOUNTS])} let themselves be read{rest}"
        )


def _google(doc: GoogleDoc) -> Iterator[Finding]:
    from costguard.clouds.google.api import Google
    from costguard.clouds.google.assets import Hierarchy, search_projects
    from costguard.clouds.pace import Pacer
    from costguard.clouds.sighting import SourceError

    try:
        google = Google(Pacer(), doc.quota_project, patience=_PATIENCE, timeout=_PATIENCE)
    except CostguardError as error:
        yield Finding(check="Google Cloud", health="wrong", says=str(error))
        return
    for scope in doc.scopes:
        hierarchy = Hierarchy()
        try:
            search_projects(google, scope, hierarchy)
        except SourceError as error:
            yield Finding(
                check=f"Google Cloud {scope}",
                health="wrong",
                says=str(error),
                remedy="gcloud auth application-default login; `costguard scan --permissions google` says what else",
            )
            continue
        yield Finding(check=f"Google Cloud {scope}", health="ok", says=f"{len(hierarchy.names)} projects")


def _states(config: Config) -> Iterator[Finding]:
    from costguard.iac.state import local_states
    from costguard.model.resource import Gap

    patterns = [one for one in config.doc.terraform.states if not one.startswith("s3://")]
    found = list(local_states(patterns, config.folder))
    for one in found:
        if isinstance(one, Gap):
            yield Finding(check=f"Terraform state {one.where}", health="wrong", says=one.why)
    read = sum(not isinstance(one, Gap) for one in found)
    if read:
        yield Finding(check="Terraform states", health="ok", says=f"{read} are there")
    if not config.doc.terraform.states and (config.doc.inventory.aws or config.doc.inventory.google):
        yield Finding(
            check="Terraform states",
            health="note",
            says="none are named: the reconciler writes nothing, for it can't tell what Terraform manages",
            remedy="name them under terraform.states, or set reconcile.assume-unmanaged",
        )


def _bills(config: Config) -> Iterator[Finding]:
    for path, _ in config.bills():
        try:
            from costguard.billing.exports import count

            files = count(path)
        except (CostguardError, ImportError) as error:
            yield Finding(check=f"bill {path}", health="wrong", says=str(error), remedy="see billing in costguard.yaml")
            continue
        yield Finding(check=f"bill {path}", health="ok", says=f"{files} file{'s' if files != 1 else ''}")
    if not config.bills():
        yield Finding(
            check="bills",
            health="note",
            says="none are named: nothing is said in money",
            remedy="name them under billing",
        )


def _secrets(doc: ConfigDoc) -> Iterator[Finding]:
    from costguard.notify import channels, unset

    names = list(unset(channels(doc.notify), os.environ))
    if doc.nightly.push is not None and not os.environ.get(doc.nightly.push.url_from_env):
        names.append(doc.nightly.push.url_from_env)
    for name in names:
        yield Finding(
            check="secrets",
            health="wrong",
            says=f"the environment variable {name}, which costguard.yaml names, is not set",
            remedy="set it where the job runs",
        )
