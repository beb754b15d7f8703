"""The order of the stages, and what becomes of the others when one fails or the process is killed.

A night is a record in the state store and a folder of results. Its record is written when it begins, after each stage,
and when it ends. One that has no end was killed: the next run that is asked the same takes it up, does the stages anew
that had not ended, and keeps what the others left. A stage that fails leaves the others' results standing.
"""

import shutil
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

import msgspec

from costguard import __version__
from costguard.config import Config
from costguard.errors import CostguardError, ExitCode, UsageError
from costguard.model.finding import Tool
from costguard.model.night import NIGHT_SCHEMA, STAGES, Headline, Night, Stage, StageName, StageState
from costguard.model.resource import Gap
from costguard.model.spool import encoded
from costguard.nightly import stages
from costguard.nightly.history import Nights
from costguard.nightly.stages import Result, SkippedError, Work
from costguard.policy import Policy
from costguard.reconcile.journal import Journal

RESUMABLE = timedelta(hours=20)
"""A night that began longer ago is not taken up again: what it saw is another day's."""
_BEFORE = 60

Told = Callable[[str, Mapping[str, object]], object]
"""Is told of an event, by its name, with what there is to say of it."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a night is to do. ``skip`` are stages that are left out, ``fresh`` begins anew where one could be taken
    up."""

    config: Config
    policy: Policy
    apply: bool = False
    skip: frozenset[StageName] = frozenset()
    fresh: bool = False

    @property
    def wanted(self) -> tuple[StageName, ...]:
        named = self.config.doc.nightly.stages
        return tuple(one for one in STAGES if one not in self.skip and (named is None or one in named))

    @property
    def fingerprint(self) -> str:
        """Tells apart what nights were asked to do: another policy or configuration is another night."""
        said = [(path, value) for path, value, _ in self.policy.statement]
        body = [said, msgspec.to_builtins(self.config.doc), sorted(self.wanted), self.apply]
        return sha256(msgspec.json.encode(body, enc_hook=str, order="deterministic")).hexdigest()[:16]


class Ended(msgspec.Struct, frozen=True):
    """A night that ended: its result, where it is, and whether a stage failed by a fault of costguard's own."""

    night: Night
    folder: Path
    bug: bool = False

    @property
    def exit_code(self) -> ExitCode:
        if self.bug:
            return ExitCode.BUG
        return ExitCode.CLEAN if self.night.complete else ExitCode.INCOMPLETE


def run(
    asked: Asked,
    nights: Nights,
    journal: Journal,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    told: Told = lambda _, __: None,
    say: Callable[[str], object] = lambda _: None,
) -> Ended:
    """Runs a night, or takes one up again. Whoever calls it holds the lease."""
    began = now()
    night = None if asked.fresh else nights.unfinished(asked.fingerprint, began - RESUMABLE)
    if night is not None and not (_folder(asked.config, night.id)).is_dir():
        night = None  # What it left is gone with its machine.
    if night is None:
        night = Night(
            schema=NIGHT_SCHEMA,
            tool=Tool(name="costguard", version=__version__),
            id=f"{began:%Y%m%dT%H%M%S}-{token_hex(2)}",
            began=_iso(began),
            ended="",
            complete=False,
            policies=asked.policy.files,
            stages=tuple(
                Stage(name=name) if name in asked.wanted else Stage(name=name, state="skipped", why="it was left out")
                for name in STAGES
            ),
            before=_earlier(nights),
        )
    else:
        night = msgspec.structs.replace(night, resumed=night.resumed + 1, before=_earlier(nights))
    folder = _folder(asked.config, night.id)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"nightly.folder: {folder} can't be made: {error.strerror}") from error
    nights.keep(night, asked.fingerprint)
    told("night.resumed" if night.resumed else "night.began", {"night": night.id, "folder": str(folder)})
    work = Work(
        id=night.id,
        began=datetime.fromisoformat(night.began),
        config=asked.config,
        policy=asked.policy,
        folder=folder,
        nights=nights,
        journal=journal,
        apply=asked.apply,
        say=say,
    )
    return _Night(asked, work, night, now, told).run()


def _earlier(nights: Nights) -> tuple[Headline, ...]:
    return tuple(one.headline for one in reversed(nights.nights(_BEFORE)))


class _Night:
    def __init__(self, asked: Asked, work: Work, night: Night, now: Callable[[], datetime], told: Told) -> None:
        self._asked = asked
        self._work = work
        self._night = night
        self._now = now
        self._told = told
        self._results: dict[StageName, Result] = {}
        self._bug = False

    def run(self) -> Ended:
        for stage in self._night.stages:
            self._stage(stage)
        self._finish()
        _tidied(self._work.folder.parent, self._asked.config.doc.nightly.keep)
        night = self._night
        self._told("night.ended", {"night": night.id, "complete": night.complete, "gaps": len(night.gaps)})
        return Ended(night, self._work.folder, self._bug)

    def _stage(self, stage: Stage) -> None:
        if stage.state in ("done", "incomplete"):
            left = self._work.left(stage.name)
            if left is not None or stage.name == "report":
                self._results |= {stage.name: left} if left is not None else {}
                self._told("stage.kept", {"night": self._night.id, "stage": stage.name})
                return
        elif stage.state == "skipped" and stage.name not in self._asked.wanted:
            return
        begun = msgspec.structs.replace(stage, state="pending", why="", began=_iso(self._now()), ended=None)
        self._told("stage.began", {"night": self._night.id, "stage": stage.name})
        state, why = self._tried(stage.name)
        self._put(msgspec.structs.replace(begun, state=state, why=why, ended=_iso(self._now())))
        self._told("stage.ended", {"night": self._night.id, "stage": stage.name, "state": state, "why": why})

    def _tried(self, name: StageName) -> tuple[StageState, str]:
        if name == "report":
            return "done", ""  # It is written when all that it can tell has happened.
        try:
            result = stages.STAGES[name](self._work, self._results)
            self._work.keep(f"{name}.json", stages.kept(result))
        except SkippedError as skipped:
            return "skipped", str(skipped)
        except CostguardError as error:
            return "failed", str(error)
        except OSError as error:
            return "failed", f"{error.filename or 'the operating system'}: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - what nobody foresaw in one stage leaves the others standing.
            self._bug = True
            self._told("bug", {"night": self._night.id, "stage": name, "trace": traceback.format_exc()})
            return "failed", f"a fault of costguard's own ({type(error).__name__}: {error}); please report it"
        self._results[name] = result
        if result.complete:
            return "done", ""
        many = f"{len(result.gaps):,} gap{'s' if len(result.gaps) != 1 else ''}" if result.gaps else ""
        return "incomplete", result.why or many

    def _put(self, stage: Stage) -> None:
        self._night = msgspec.structs.replace(
            self._night,
            stages=tuple(stage if one.name == stage.name else one for one in self._night.stages),
        )
        self._work.nights.keep(self._night, self._asked.fingerprint)

    def _finish(self) -> None:
        failed = [
            Gap(f"nightly/{one.name}", one.why)
            for one in self._night.stages
            if one.state == "failed" or (one.state == "incomplete" and self._results[one.name].why)
        ]
        night = msgspec.structs.replace(self._night, ended=_iso(self._now()))
        night = stages.assembled(self._work, night, self._results)
        gaps = (*night.gaps, *failed)
        night = msgspec.structs.replace(night, gaps=gaps, complete=not gaps)
        if "report" in self._asked.wanted:
            try:
                self._write(night)
            except (CostguardError, OSError) as error:
                gap = Gap("nightly/report", str(error))
                self._told("stage.ended", {"night": night.id, "stage": "report", "state": "failed", "why": str(error)})
                night = msgspec.structs.replace(
                    night,
                    gaps=(*gaps, gap),
                    complete=False,
                    stages=tuple(
                        msgspec.structs.replace(one, state="failed", why=str(error)) if one.name == "report" else one
                        for one in night.stages
                    ),
                )
            night = self._measured(night)
        self._night = night
        self._work.nights.keep(night, self._asked.fingerprint)

    def _measured(self, night: Night) -> Night:
        """Leaves the metrics, which say what the record does; that they could not be pushed is a gap of their own."""
        from costguard.reports.metrics import exposition, push, pushed_to

        doc = self._asked.config.doc.nightly
        try:
            path = self._work.keep("costguard.prom", exposition(night))
            _put(path, self._work.folder.parent / "costguard.prom")
            if doc.push is not None:
                push(night, pushed_to(doc.push.url_from_env))
        except (CostguardError, OSError) as error:
            self._told("metrics.failed", {"night": night.id, "state": "failed", "why": str(error)})
            night = msgspec.structs.replace(
                night, gaps=(*night.gaps, Gap("nightly/metrics", str(error))), complete=False
            )
        return night

    def _write(self, night: Night) -> None:
        from costguard.reports.page import render

        self._work.keep("night.json", msgspec.json.format(encoded(night), indent=1) + b"\n")
        self._work.keep("report.html", render(night).encode("utf-8", "backslashreplace"))
        _put(self._work.folder / "report.html", self._work.folder.parent / "latest.html")


def _put(file: Path, place: Path) -> None:
    """Copies a file to where the latest one is looked for, whole or not at all."""
    partial = place.with_name(f".{place.name}.partial")
    shutil.copyfile(file, partial)
    partial.replace(place)


def _tidied(nights: Path, keep: int) -> None:
    """Takes away the folders of all nights but the latest ones; their records stay in the store."""
    folders = sorted(one for one in nights.iterdir() if one.is_dir() and _is_night(one.name))
    for folder in folders[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)


def _is_night(name: str) -> bool:
    return len(name) == 20 and name[8] == "T" and name[15] == "-" and name[:8].isdecimal()


def _folder(config: Config, id_: str) -> Path:
    return config.folder / config.doc.nightly.folder / id_


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
