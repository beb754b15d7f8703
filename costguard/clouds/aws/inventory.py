"""The inventory of AWS: which accounts, which regions, and every source in each of them.

In a region the tagging API is read before the services are asked, so that what only it shows is gone and not new. The
indexes, which trail, say themselves when they last looked.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial

from costguard.clouds.aws import aggregator, explorer, native, tagging
from costguard.clouds.aws.api import Access, Account, Aws, guarded, guarded_pages, told
from costguard.clouds.run import Run, Task, after
from costguard.clouds.sighting import GLOBAL, Place, Sighting, SourceAbsent, SourceError, record
from costguard.config import AwsDoc, FromEnvDoc
from costguard.model.coverage import ANY_TYPE, Cell, Outcome

_NOWHERE = "-"
"""The account of a run that couldn't find out who it is."""


def tasks(doc: AwsDoc, run: Run) -> list[Task]:
    """What there is to do to read AWS as the configuration says. Raises :class:`UsageError` where it can't be begun."""
    inventory = _Inventory(doc, run, Aws(run.pacer, doc.profile), external_id(doc))
    return [inventory.start]


def way_in(aws: Aws, doc: AwsDoc, account: str, external: str | None) -> Access:
    """An account as the configuration has it read: as its role, or as the caller itself where there is none, and for
    the caller's own account. The caller must have been identified."""
    role = doc.role_arn(aws.caller.partition, account)
    if role is None or account == aws.caller.account:
        return aws.own(account)
    access = aws.assume(role, account, doc.session_name, external)
    access.partition = aws.caller.partition
    return access


def external_id(doc: AwsDoc) -> str | None:
    """What the trust policy of the role asks for. Raises :class:`UsageError` where the environment doesn't have it."""
    return doc.external_id.value(os.environ) if isinstance(doc.external_id, FromEnvDoc) else doc.external_id


class _Inventory:
    def __init__(self, doc: AwsDoc, run: Run, aws: Aws, external_id: str | None) -> None:
        self._doc = doc
        self._run = run
        self._aws = aws
        self._external_id = external_id

    def start(self) -> Iterable[Task]:
        """Finds out who is asking, and which accounts there are."""
        caller = self._aws.caller
        try:
            caller.identify()
        except SourceError as error:
            self._cell(_NOWHERE, GLOBAL, "caller", "failed", str(error))
            return []
        accounts = [account for account in self._accounts(caller) if self._run.shard.owns(f"aws:{account.id}")]
        self._run.tally.add(accounts=len(accounts))
        todo: list[Task] = [partial(self._account, account) for account in accounts]
        ids = sorted(account.id for account in accounts)
        if accounts and self._asks("explorer") and self._doc.explorer_view is not None:
            todo.append(partial(self._view, self._doc.explorer_view, ids))
        if accounts and self._asks("config"):
            todo.append(partial(self._config, caller, ids))
        return todo

    def _accounts(self, caller: Access) -> Iterator[Account]:
        match self._doc.accounts:
            case "current":
                found: Iterable[Account] = [Account(caller.account)]
            case "organization":
                found = self._organization(caller)
            case listed:
                found = [Account(id_) for id_ in listed]
        for account in found:
            if account.id not in self._doc.exclude_accounts:
                yield account

    def _organization(self, caller: Access) -> Iterator[Account]:
        """The organisation's accounts; where it doesn't tell them all, those that it told and the caller's own."""
        client = caller.client("organizations", caller.home)
        known = set()
        try:
            for page in guarded_pages(client.get_paginator("list_accounts").paginate()):
                for entry in told(page, "Accounts", "ListAccounts"):
                    id_ = str(told(entry, "Id", "ListAccounts"))
                    known.add(id_)
                    state = entry.get("State") or entry.get("Status") or "ACTIVE"
                    if state == "ACTIVE":
                        yield Account(id_, str(entry.get("Name", "")))
                    elif self._run.shard.owns(f"aws:{id_}"):
                        self._cell(id_, GLOBAL, "account", "absent", f"the account is {state.lower()}")
        except SourceError as error:
            if caller.account not in known:
                known.add(caller.account)
                yield Account(caller.account)
            read = f"only {', '.join(sorted(known))} was read" if len(known) == 1 else f"only {len(known)} were read"
            self._cell(caller.account, GLOBAL, "organization", "failed", f"{error}; {read}")

    def _account(self, account: Account) -> Iterable[Task]:
        """Opens one account, and finds its regions."""
        access = self._access(account)
        try:
            access.identify()
        except SourceError as error:
            self._cell(account.id, GLOBAL, "account", "failed", str(error))
            self._run.tally.add(accounts_done=1)
            return []
        if access.account != account.id:
            self._cell(account.id, GLOBAL, "account", "failed", f"the credentials for it are those of {access.account}")
            self._run.tally.add(accounts_done=1)
            return []
        regions, others = self._regions(access)
        access.only = None if self._doc.regions == "enabled" else frozenset(self._doc.regions)
        todo: list[Task] = []
        if self._asks("explorer") and self._doc.explorer_view is None:
            todo.append(partial(self._explorer, access, regions, others))
        if self._asks("native"):
            todo.append(partial(self._services, access, access.home, "global", frozenset()))
        if self._asks("native") or self._asks("tagging"):
            todo += [partial(self._region, access, region) for region in regions]
        self._run.tally.add(places=len(todo))
        return after(
            [after([do], lambda: self._run.tally.add(places_done=1))[0] for do in todo],
            lambda: self._run.tally.add(accounts_done=1),
        )

    def _access(self, account: Account) -> Access:
        return way_in(self._aws, self._doc, account.id, self._external_id)

    def _regions(self, access: Access) -> tuple[list[str], bool]:
        """The regions to read, with a cell for each that isn't; and whether there may be others to read, of which
        nobody told."""
        asked = None if self._doc.regions == "enabled" else list(self._doc.regions)
        try:
            client = access.client("ec2", access.home)
            found = told(guarded(lambda: client.describe_regions(AllRegions=True)), "Regions", "DescribeRegions")
        except SourceError as error:
            at_hand = sorted({access.home, access.region})
            read = f"only {', '.join(at_hand)} {'was' if len(at_hand) == 1 else 'were'} read"
            why = f"{error}; {'those that were named were read' if asked else read}"
            self._cell(access.account, GLOBAL, "regions", "failed", why)
            return (asked, False) if asked else (at_hand, True)
        enabled = {str(one.get("RegionName")): one.get("OptInStatus") != "not-opted-in" for one in found}
        for region in sorted(enabled) if asked is None else asked:
            if region not in enabled:
                self._cell(access.account, region, "regions", "failed", "there is no region of this name")
            elif not enabled[region] and asked is None:
                self._cell(access.account, region, "regions", "disabled", "the account hasn't enabled the region")
            elif not enabled[region]:
                self._cell(access.account, region, "regions", "failed", "the account hasn't enabled the region")
        return [region for region in (sorted(enabled) if asked is None else asked) if enabled.get(region)], False

    def _region(self, access: Access, region: str) -> Iterable[Task]:
        tagged: set[str] = set()

        def noticed(pages: Iterator[Sequence[Sighting]]) -> Iterator[Sequence[Sighting]]:
            for page in pages:
                tagged.update(seen.id for seen in page if seen.tags)
                yield page

        if self._asks("tagging"):
            pages = noticed(guarded_pages(tagging.read(access, region, self._run.types)))
            record(self._run, Place("aws", access.account, region), "tagging", pages, now=self._run.now)
        return self._services(access, region, "region", tagged) if self._asks("native") else []

    def _services(self, access: Access, region: str, scope: native.Scope, tagged: Collection[str]) -> Iterable[Task]:
        """A task for each service of a scope: they don't share their quotas."""
        by_service: dict[str, list[native.Row]] = {}
        for row in native.rows():
            if row.scope == scope and (self._run.types is None or not self._run.types.isdisjoint(row.types)):
                by_service.setdefault(row.service, []).append(row)
        return [partial(self._service, access, region, rows, tagged) for rows in by_service.values()]

    def _service(
        self, access: Access, region: str, rows: Sequence[native.Row], tagged: Collection[str]
    ) -> Iterable[Task]:
        for row in rows:
            everywhere = row.scope == "global"
            if not everywhere and not access.offers(row.service, region):
                for type_ in row.types:
                    self._cell(access.account, region, "native", "absent", f"{row.service} isn't there", type_)
                continue
            place = Place("aws", access.account, GLOBAL if everywhere else region)
            pages = guarded_pages(row.read(access, region, tagged))
            record(self._run, place, "native", pages, types=row.types, now=self._run.now)
        return []

    def _view(self, view: str, accounts: Sequence[str]) -> Iterable[Task]:
        """What the view that was named shows of the accounts; its owner is asked, once for all of them."""
        region, owner = view.split(":")[3:5]
        caller = self._aws.caller
        access = self._access(Account(owner if owner.isdecimal() else caller.account))
        region = region or caller.region
        regions = None if self._doc.regions == "enabled" else frozenset(self._doc.regions)
        pages = self._named("explorer", explorer.read(access, region, view, accounts, regions))
        record(self._run, Place("aws", access.account, region), "explorer", pages, now=self._run.now)
        return []

    def _explorer(self, access: Access, regions: Sequence[str], others: bool) -> Iterable[Task]:
        place = Place("aws", access.account)
        try:
            first, indexed = explorer.indexes(access)
        except SourceAbsent as absent:
            self._cell(access.account, GLOBAL, "explorer", self._absence("explorer"), str(absent))
            return []
        except SourceError as error:
            self._cell(access.account, GLOBAL, "explorer", "failed", str(error))
            return []
        for region in regions:
            if region not in indexed:
                why = "Resource Explorer has no index in this region"
                self._cell(access.account, region, "explorer", self._absence("explorer"), why)
        asked = [first] if first is not None else sorted(indexed if others else indexed.intersection(regions))
        wanted = None if others else frozenset(regions)
        for region in asked:
            pages = self._named("explorer", explorer.read(access, region, None, {access.account}, wanted))
            record(
                self._run,
                place if first == region else Place("aws", access.account, region),
                "explorer",
                pages,
                now=self._run.now,
            )
        return []

    def _config(self, caller: Access, accounts: Sequence[str]) -> Iterable[Task]:
        doc = self._doc.config_aggregator
        access = caller if doc is None or doc.account is None else self._access(Account(doc.account))
        region = caller.region if doc is None else doc.region
        place = Place("aws", access.account, region)
        try:
            name = aggregator.find(access, region) if doc is None else doc.name
        except SourceAbsent as absent:
            self._cell(access.account, region, "config", self._absence("config"), str(absent))
        except SourceError as error:
            # Nobody said that there is one: a role that may not look is no hole in what was asked for.
            outcome: Outcome = "absent" if doc is None and self._absence("config") == "absent" else "failed"
            self._cell(access.account, region, "config", outcome, str(error))
        else:
            pages = self._named("config", aggregator.read(access, region, name, accounts))
            record(self._run, place, "config", pages, now=self._run.now)
        return []

    def _asks(self, source: str) -> bool:
        return self._doc.sources is None or source in self._doc.sources

    def _absence(self, source: str) -> Outcome:
        """A source that was named and isn't there is a gap; one that nobody named isn't."""
        return "absent" if self._doc.sources is None else "failed"

    def _named(self, source: str, pages: Iterator[Sequence[Sighting]]) -> Iterator[Sequence[Sighting]]:
        """The pages, guarded; that a source isn't there is a failure where it was named."""
        try:
            yield from guarded_pages(pages)
        except SourceAbsent as absent:
            if self._absence(source) == "absent":
                raise
            raise SourceError(str(absent)) from absent

    def _cell(
        self, account: str, region: str, source: str, outcome: Outcome, error: str, type_: str = ANY_TYPE
    ) -> None:
        self._run.cell(
            Cell(cloud="aws", account=account, region=region, type=type_, source=source, outcome=outcome, error=error)
        )
