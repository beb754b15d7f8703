"""What planning, applying, resuming and undoing work with, as the configuration has it: the scan, writers, limits,
notices."""

import os
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from costguard.clouds.pace import Pacer
from costguard.clouds.store import Store
from costguard.clouds.writing import Answer
from costguard.config import Config, ConfigDoc, ReconcileDoc
from costguard.errors import DocumentError
from costguard.model.change import ChangeSet, Step
from costguard.model.resource import Cloud
from costguard.policy import Policy
from costguard.policy.rules.require import Require
from costguard.reconcile.clouds import Reach
from costguard.reconcile.journal import Journal
from costguard.reconcile.plan import Narrowed, Planned, Planning, plan
from costguard.reconcile.run import Progress, Settings
from costguard.scan import Judging, judging


def made_plan(
    scan: Path,
    journal: Journal,
    judged: Judging,
    config: Config | None,
    *,
    narrowed: Narrowed | None = None,
    threshold: float | None = None,
) -> Planned:
    """What is to be done about what a scan found. The journal keeps since when what can't be tagged has been at fault,
    unless the plan is ``narrowed``: of what wasn't looked at nothing is said.

    Raises :class:`DocumentError` where the configuration speaks of tags or values that the policy doesn't have.
    """
    from costguard.reconcile.source import Sources

    doc = config.doc if config is not None else ConfigDoc(version=1)
    policy, narrowed = judged.policy, narrowed or Narrowed()
    reconcile = doc.reconcile if threshold is None else msgspec.structs.replace(doc.reconcile, threshold=threshold)
    _understood(reconcile, policy, config)
    now = datetime.now(UTC).replace(microsecond=0)
    reach = Reach(doc)
    with Store.open(scan) as scanned:
        flags = journal.flags()
        result = plan(
            scanned,
            Planning(
                judging=judged,
                doc=reconcile,
                scan=str(scan),
                now=now,
                sources=Sources(policy, config, judged.today, judged.states),
                hindrance=reach.hindrance,
                witnesses=lambda survey: reach.witnesses(survey, policy, now),
                flags=flags,
                narrowed=narrowed,
            ),
        )
    if not (narrowed.accounts or narrowed.types or narrowed.tags):
        journal.flag(result.climb.flags, flags)
        journal.unflag(result.climb.gone)
    return result


def tags_of(policy: Policy) -> list[str]:
    """The policy's names of its tags."""
    return sorted({rule.spelling.name for rule in policy.rules if isinstance(rule, Require)} | set(policy.spellings))


def _understood(doc: ReconcileDoc, policy: Policy, config: Config | None) -> None:
    from costguard.reconcile.infer.witnesses import objections

    wrong = [(("reconcile", "infer", *path), sentence) for path, sentence in objections(doc.infer, policy)]
    names = tags_of(policy)
    wrong += [
        (("reconcile", "overwrite", index), f"no tag of the policy is called {name!r}; there are {', '.join(names)}")
        for index, name in enumerate(doc.overwrite)
        if name not in names
    ]
    if wrong and config is not None:
        raise DocumentError(config.document.problem(path, sentence) for path, sentence in wrong)


class Work:
    """The writers of these clouds, and the settings of a run with them."""

    def __init__(
        self, config: Config | None, clouds: Collection[Cloud], progress: Callable[[Progress], object]
    ) -> None:
        self._config = config
        self._doc = config.doc if config is not None else ConfigDoc(version=1)
        self._progress = progress
        reach, pacer = Reach(self._doc), Pacer()
        self.writers = reach.writers(pacer, clouds)
        self._powers = reach.powers(pacer) if "aws" in clouds else {}

    def settings(
        self,
        notices: Callable[[Sequence[Step]], Sequence[Answer]] | None = None,
        changes: ChangeSet | None = None,
        states: Sequence[str] = (),
    ) -> Settings:
        """``changes``: what was planned is held against what the configuration and the states say today."""
        doc = self._doc.reconcile
        settings: Settings = {
            "limits": doc.limits,
            "now": lambda: datetime.now(UTC),
            "workers": doc.workers,
            "ladder": doc.ladder,
            "powers": self._powers,
            "notices": notices,
            "progress": self._progress,
        }
        if changes is not None:
            from costguard.reconcile.today import objections

            # The states are read for what they claim; nothing is judged here.
            nothing = Policy(rules=(), spellings={})
            today = datetime.now(UTC).date()
            claims = judging(self._config, self._doc.inventory, nothing, today, states=states)
            settings["objection"] = objections(changes, doc, claims)
        return settings

    def notices(
        self, journal: Journal, changes: ChangeSet | None
    ) -> Callable[[Sequence[Step]], Sequence[Answer]] | None:
        """What tells the owners; None where costguard.yaml names no channel, or there is nothing to tell."""
        if changes is None or not self._doc.notify:
            return None
        from costguard.reconcile.notices import notices

        return notices(self._doc, journal, changes, datetime.now(UTC), os.environ)
