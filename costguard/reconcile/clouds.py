"""The clouds as the reconciler reaches them: who writes there, and who is asked what the inventory doesn't show.

Nothing is connected to before it is needed: a plan for which nobody has to be asked needs no credentials.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from costguard.clouds.writing import Power, TagWriter, Target
from costguard.config import AwsDoc, ConfigDoc
from costguard.errors import UsageError
from costguard.model.resource import Cloud, Gap, Resource
from costguard.policy import Policy
from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Witness
from costguard.reconcile.infer.witnesses import Facts, facts, in_question, witnesses
from costguard.scan import Survey

if TYPE_CHECKING:
    from costguard.clouds.aws.api import Access, Aws
    from costguard.clouds.pace import Pacer


class Reach:
    """The way into the accounts of one run, by what ``costguard.yaml`` says under ``inventory:`` and ``reconcile:``."""

    def __init__(self, doc: ConfigDoc) -> None:
        self._doc = doc

    def writers(self, pacer: "Pacer", wanted: Iterable[Cloud]) -> Mapping[Cloud, TagWriter]:
        """The writers of these clouds. Raises :class:`UsageError` where an SDK isn't installed, or where Google Cloud
        is to be written and the configuration says nothing of it."""
        found: dict[Cloud, TagWriter] = {}
        for cloud in sorted(set(wanted)):
            if cloud == "aws":
                found["aws"] = self._aws(pacer)
            elif cloud == "google":
                from costguard.clouds.google.labels import writer

                found["google"] = writer(self._doc.inventory, pacer)
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

    def witnesses(self, survey: Survey, policy: Policy, now: datetime) -> tuple[list[Witness], list[Gap]]:
        """Those that there is something to hear from beside the inventory, and what of them could not be read."""
        doc = self._doc.reconcile.infer

        def resources() -> Iterator[Resource]:
            return survey.union().resources()

        known = facts(resources())
        rules = [rule for rule in policy.rules if isinstance(rule, Require)]
        units = {entry.ou for entry in doc.defaults if entry.ou is not None}
        made = in_question(resources, rules, doc) if doc.trail else {}
        if not units and not made:
            return witnesses(doc, known), []
        from costguard.clouds.aws.api import Aws
        from costguard.clouds.aws.origins import Asked, ask
        from costguard.clouds.pace import Pacer

        inventory = self._doc.inventory.aws or AwsDoc()
        asked = Asked(units=units, made=made, days=doc.trail)
        found, gaps = ask(Aws(Pacer(), inventory.profile), inventory, asked, now)
        return witnesses(doc, known.and_(Facts(below=found.below, tags=found.tags, creators=found.creators))), gaps

    def _aws(self, pacer: "Pacer") -> TagWriter:
        from costguard.clouds.aws.tags.writer import AwsTags

        return AwsTags(_Accounts(self._writing_doc, pacer, writes=True))

    @property
    def _writing_doc(self) -> AwsDoc:
        doc = self._doc.inventory.aws or AwsDoc()
        role = self._doc.reconcile.role
        return doc if role is None else msgspec.structs.replace(doc, role=role)


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
