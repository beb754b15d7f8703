"""The clouds as the reconciler reaches them: who writes there, and who is asked what the inventory doesn't show.

Nothing is connected to before it is needed: a plan for which nobody has to be asked needs no credentials.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from costguard.clouds.sighting import SourceError
from costguard.clouds.writing import Power, TagWriter, Target
from costguard.config import AwsDoc, ConfigDoc
from costguard.engine import stream
from costguard.errors import UsageError
from costguard.model.resource import Cloud, Gap, Resource
from costguard.reconcile.infer import Witness
from costguard.reconcile.infer.witnesses import Facts, facts, witnesses
from costguard.scan import Judging, Survey

if TYPE_CHECKING:
    from costguard.clouds.aws.api import Access, Aws
    from costguard.clouds.pace import Pacer


class Reach:
    """The way into the accounts of one run, by what ``costguard.yaml`` says under ``inventory:`` and ``reconcile:``."""

    def __init__(self, doc: ConfigDoc) -> None:
        self._doc = doc
        self._reading: _Accounts | None = None

    def writers(self, pacer: "Pacer", wanted: Iterable[Cloud]) -> Mapping[Cloud, TagWriter]:
        """The writers of these clouds. Raises :class:`UsageError` where an SDK isn't installed, or where Google Cloud
        is to be written and the configuration says nothing of it."""
        found: dict[Cloud, TagWriter] = {}
        for cloud in sorted(set(wanted)):
            if cloud == "aws":
                found["aws"] = self._aws(pacer)
            elif cloud == "google":
                from costguard.clouds.google.labels import writer

                found["google"] = writer(self._doc.inventory.google, pacer)
        return found

    def powers(self, pacer: "Pacer") -> Mapping[Cloud, Power]:
        """What stops and terminates, for the ladder's last rungs."""
        from costguard.clouds.aws.power import AwsPower

        return {"aws": AwsPower(_Accounts(self._writing_doc, pacer, powers=True))}

    def hindrance(self, target: Target) -> str:
        """As the writer of the target's cloud says it; nothing is connected to."""
        if target.cloud == "aws":
            from costguard.clouds.aws.tags.writer import AwsTags

            return AwsTags(_nowhere).hindrance(target)
        from costguard.clouds.google.labels import hindrance

        return hindrance(target)

    def witnesses(self, survey: Survey, judging: Judging, now: datetime) -> tuple[list[Witness], list[Gap]]:
        """Those that there is something to hear from beside the inventory, and what of them could not be read."""
        doc = self._doc.reconcile.infer
        known = facts(survey.union().resources())
        gaps: list[Gap] = []
        units = sorted({entry.ou for entry in doc.defaults if entry.ou is not None})
        if units:
            found, unread = self._below(units)
            known = known.and_(found)
            gaps += unread
        if doc.trail and doc.principals:
            found, unread = self._creators(survey, judging, now)
            known = known.and_(found)
            gaps += unread
        return witnesses(doc, known), gaps

    def _aws(self, pacer: "Pacer") -> TagWriter:
        from costguard.clouds.aws.tags.writer import AwsTags

        return AwsTags(_Accounts(self._writing_doc, pacer, writes=True))

    @property
    def _writing_doc(self) -> AwsDoc:
        doc = self._doc.inventory.aws or AwsDoc()
        role = self._doc.reconcile.role
        return doc if role is None else msgspec.structs.replace(doc, role=role)

    def _accounts(self) -> "_Accounts":
        from costguard.clouds.pace import Pacer

        if self._reading is None:
            self._reading = _Accounts(self._doc.inventory.aws or AwsDoc(), Pacer(), writes=False)
        return self._reading

    def _below(self, units: Sequence[str]) -> tuple[Facts, list[Gap]]:
        from costguard.clouds.aws.organization import accounts_below

        try:
            caller = self._accounts().caller()
        except SourceError as error:
            return Facts(), [Gap("aws/organization", str(error))]
        below, gaps = accounts_below(caller, units)
        return Facts(below=below), gaps

    def _creators(self, survey: Survey, judging: Judging, now: datetime) -> tuple[Facts, list[Gap]]:
        """Asked only for what is at fault; who made the rest has its tags to speak for it, and is asked for with it in
        the same calls where they show it."""
        from costguard.clouds.aws.trail import creators

        wanted: dict[tuple[str, str], dict[str, list[str]]] = {}
        for resource in _resources(survey, judging):
            place = (resource.account or "", resource.region or "")
            wanted.setdefault(place, {}).setdefault(resource.type, []).append(resource.address)
        found: dict[str, object] = {}
        gaps: list[Gap] = []
        for (account, region), types in sorted(wanted.items()):
            try:
                access = self._accounts()(account)
            except SourceError as error:
                gaps.append(Gap(f"aws/{account}/{region}/*/cloudtrail", str(error)))
                continue
            made, unread = creators(access, region, types, self._doc.reconcile.infer.trail, now)
            found |= made
            gaps += unread
        return Facts(creators=found), gaps  # type: ignore[arg-type] # A Creator is a Maker.


def _resources(survey: Survey, judging: Judging) -> Iterable[Resource]:
    """All of AWS in the places where something is at fault: how often a creator is right is measured on the others."""
    faulty = {
        (judged.resource.account, judged.resource.region)
        for judged in stream(judging.policy, "live", survey.union().resources(), judging.today)
        if judged.findings and judged.resource.cloud == "aws"
    }
    for resource in survey.union().resources():
        if resource.cloud == "aws" and (resource.account, resource.region) in faulty:
            yield resource


class _Accounts:
    """The way into each account, made when it is first asked for. Safe to use from several threads."""

    def __init__(self, doc: AwsDoc, pacer: "Pacer", *, writes: bool = False, powers: bool = False) -> None:
        self._doc = doc
        self._pacer = pacer
        self._writes = writes
        self._powers = powers
        self._lock = threading.Lock()
        self._aws: Aws | None = None

    def __call__(self, account: str) -> "Access":
        """Raises :class:`SourceError` where it can't be found out who is asking."""
        from costguard.clouds.aws.inventory import external_id, way_in

        return way_in(self._identified(), self._doc, account, external_id(self._doc))

    def caller(self) -> "Access":
        """The credentials' own account. Raises as above."""
        return self._identified().caller

    def _identified(self) -> "Aws":
        from costguard.clouds.aws.api import Aws

        with self._lock:
            if self._aws is None:
                aws = Aws(self._pacer, self._doc.profile, writes=self._writes, powers=self._powers)
                aws.caller.identify()
                self._aws = aws
            return self._aws


def _nowhere(account: str) -> "Access":
    raise UsageError(f"nothing is to be asked of {account}")
