"""Learns from one inventory what a missing tag probably is, and measures on the same inventory how far that holds.

Of tagged resources the values are hidden, one by one and with all that was made together, as they are missing in
practice, and guessed again. How often each sort of evidence is right then is its worth, how often all of it together
is right is the confidence of a value. What is learned from a resource never counts in measuring it, nor does anything
of its family: the stack, the module or the parent that it was made with.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from costguard.model.change import Calibration, Evidence, Reliability
from costguard.model.resource import Resource
from costguard.policy.rules.require import Require
from costguard.reconcile.infer import Inference, Inferred, Witness
from costguard.reconcile.infer.measure import PRIORS, Curve, Table, surprise
from costguard.reconcile.infer.surroundings import LONGEST_SAID, SILENT, Item, Surroundings, short
from costguard.reconcile.infer.words import Guess, Learned, Vocabulary, Words

FEWEST = 50
"""Tagged resources of a rule, without which nothing is measured: then only the policy's own word counts."""
BELIEVABLE = 0.5
"""Evidence that is right more often than not can't be put aside: where two such disagree, that is a conflict."""
NAMES_ALONE = 0.94
"""What names alone say is never surer, nor what groups say that mostly keep silent: a team that tags nothing names
things as others do and is in the accounts of others, and no measurement on tagged resources shows that."""
_FOLDS = 5
_MOST_LEARNED = 30_000
_MOST_MEASURED = 8_000
_EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)


def study(
    resources: Callable[[], Iterable[Resource]],
    rules: Sequence[Require],
    witnesses: Sequence[Witness] = (),
    *,
    threshold: float,
    seed: int = 0,
    model: bool = True,
) -> Inference:
    """What an inventory says of its missing tags.

    ``resources`` gives all of it, and is called twice; the order doesn't matter. From ``threshold`` on values are
    written: what reaches it is measured with more care. ``seed`` deals the samples; the same inventory and seed give
    the same answers. Without ``model``, nothing is learned from names.
    """
    return _Study(resources, rules, witnesses, threshold, seed, model)


class _Answer(NamedTuple):
    """What all evidence together says: the value, how clearly, and whether there is a conflict."""

    value: str
    score: float
    conflict: tuple[int, int] | None  # the places, among the items, of what is in conflict
    worth: list[float]  # of the items


class _Held(NamedTuple):
    """A resource whose value was hidden."""

    family: int
    fold: int
    truth: str
    items: list[Item]


class _Judge:
    """Weighs the evidence of one rule: the worth of each piece, the score of all together, and what that is worth."""

    def __init__(self, table: Table, columns: Mapping[str, int], weights: Any, curves: tuple[Curve, Curve]) -> None:
        self._table = table
        self._columns = columns
        self._weights = weights
        self._curves = curves

    def answer(self, items: Sequence[Item]) -> _Answer | None:
        return _weighed(self._table, self._columns, self._weights, items)

    def confidence(self, answer: _Answer, items: Sequence[Item]) -> float:
        sure = self._curves[answer.conflict is not None].at(answer.score)
        if not any(
            item.value == answer.value and item.kind != "model" and worth >= BELIEVABLE and SILENT not in item.strata
            for item, worth in zip(items, answer.worth, strict=True)
        ):
            sure = min(sure, NAMES_ALONE)
        if answer.conflict is None:
            sure = max(sure, _stated(answer, items))
        return sure


def _stated(answer: _Answer, items: Sequence[Item]) -> float:
    """What the policy's own word is worth, where it is the one that says the value."""
    return max(
        (
            worth
            for item, worth in zip(items, answer.worth, strict=True)
            if item.value == answer.value and item.strata[0] in PRIORS
        ),
        default=0.0,
    )


def _features(items: Sequence[Item], worth: Sequence[float], columns: Mapping[str, int], value: str) -> Any:
    """For each sort of evidence, what there is of it for a value and what there is against it."""
    found = np.zeros(2 * len(columns))
    for item, one in zip(items, worth, strict=True):
        column = columns.get(item.strata[0])
        if column is not None:
            at = 2 * column + (item.value != value)
            found[at] = max(found[at], surprise(one))
    return found


def _weighed(table: Table, columns: Mapping[str, int], weights: Any, items: Sequence[Item]) -> _Answer | None:
    if not items:
        return None
    worth = [table.worth(item.strata) for item in items]
    values = sorted({item.value for item in items})
    scores = [float(_features(items, worth, columns, value) @ weights[:-1] + weights[-1]) for value in values]
    best = max(range(len(values)), key=lambda at: (scores[at], -at))
    others = [score for at, score in enumerate(scores) if at != best]
    score = scores[best] - float(np.logaddexp.reduce([0.0, *others]))
    value = values[best]
    order = sorted(range(len(items)), key=lambda at: -worth[at])
    mine = next((at for at in order if items[at].value == value and worth[at] >= BELIEVABLE), None)
    theirs = next((at for at in order if items[at].value != value and worth[at] >= BELIEVABLE), None)
    conflict = (mine, theirs) if mine is not None and theirs is not None else None
    return _Answer(value, score, conflict, worth)


class _Study:
    def __init__(
        self,
        resources: Callable[[], Iterable[Resource]],
        rules: Sequence[Require],
        witnesses: Sequence[Witness],
        threshold: float,
        seed: int,
        model: bool,
    ) -> None:
        self._rules = list(rules)
        self._places = {_name(rule): index for index, rule in enumerate(rules)}
        self._witnesses = witnesses
        self._threshold = threshold
        self._around = Surroundings(resources(), rules)
        self._vocabulary = Vocabulary(self._rules)
        self._latest: tuple[Resource, Words] | None = None
        self._learned: dict[int, Learned] = {}
        self._judges: dict[int, _Judge] = {}
        dice = np.random.default_rng(seed)
        self._salt = int(dice.integers(1 << 62))
        chosen = [dice.permutation(np.flatnonzero(values >= 0))[:_MOST_LEARNED] for values in self._around.values]
        chosen = [rows if len(rows) >= FEWEST else rows[:0] for rows in chosen]
        vocabulary, sample = self._read(resources, chosen, model)
        reports = []
        for rule, rows in enumerate(chosen):
            if not len(rows):
                continue
            if model:
                self._learned[rule] = Learned(
                    rows.tolist(),
                    [vocabulary[row] for row in rows.tolist()],
                    rule,
                    self._around.values[rule][rows],
                    self._folds(rows),
                )
            held = list(self._hidden(rule, rows[:_MOST_MEASURED], sample))
            reports += self._measured(rule, held)
        self.calibration = _calibration(reports, threshold)

    def _read(
        self, resources: Callable[[], Iterable[Resource]], chosen: Sequence[npt.NDArray[np.int64]], model: bool
    ) -> tuple[dict[int, Words], dict[int, Resource]]:
        """The words of all that is learned from, and the resources that are measured."""
        learned = set(np.concatenate([*chosen, np.empty(0, np.int64)]).tolist()) if model else set()
        measured = set(np.concatenate([*(rows[:_MOST_MEASURED] for rows in chosen), np.empty(0, np.int64)]).tolist())
        vocabulary: dict[int, Words] = {}
        sample: dict[int, Resource] = {}
        if learned or measured:
            for resource in resources():
                row = self._around.row(resource.id or resource.address)
                if row in learned:
                    vocabulary[row] = self._vocabulary.of(resource)
                if row in measured:
                    sample[row] = resource
        return vocabulary, sample

    def _folds(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        mixed = (self._around.families[rows] ^ np.uint64(self._salt)) % np.uint64(2**61 - 1)
        return (mixed % np.uint64(_FOLDS)).astype(np.int64)

    # Evidence

    def _items(
        self, resource: Resource, rule: int, without: npt.NDArray[np.int64] | None = None, alone: bool | None = None
    ) -> list[Item]:
        """``without`` and ``alone`` are for what is hidden: whose values, and whether its other tags are, too."""
        around = self._around
        items = around.evidence(resource, rule) if without is None else around.evidence(resource, rule, without)
        for witness in self._witnesses:
            for hint in witness(resource, self._rules[rule]):
                if self._rules[rule].allows(hint.value):
                    sure = "sure" if hint.strength >= 0.9 else "rather" if hint.strength >= 0.5 else "hardly"
                    strata = (f"{hint.kind} hint", sure)
                    items.append(Item(hint.kind, hint.value, strata, _said(short(hint.says, LONGEST_SAID))))
        learned = self._learned.get(rule)
        if learned is not None:
            row = around.row(resource.id or resource.address)
            if alone is None:
                guess = learned.guess(row, self._words(resource), rule)
            else:
                guess = learned.held_out(row, alone=alone)
            if guess is not None:
                value = around.text(rule, guess.value)
                key = short(self._rules[rule].spelling.on(resource.cloud))
                says = _said(f"resources of such a name and place mostly have {key} = {short(value)}")
                items.append(Item("model", value, ("model", *_standing(guess, value, items)), says))
        return items

    def _words(self, resource: Resource) -> Words:
        """One resource is asked of several tags in a row."""
        if self._latest is None or self._latest[0] is not resource:
            self._latest = resource, self._vocabulary.of(resource)
        return self._latest[1]

    def _hidden(self, rule: int, rows: npt.NDArray[np.int64], sample: Mapping[int, Resource]) -> Iterator[_Held]:
        """Every third one is hidden by itself, with its family, and with most of that, as things go untagged in
        practice; and half of them lose their other tags of the policy's, too."""
        around = self._around
        for at, (row, fold) in enumerate(zip(rows.tolist(), self._folds(rows).tolist(), strict=True)):
            match at % 3:
                case 0:
                    without = rows[:0]
                case 1:
                    without = around.family(row)
                case _:
                    without = around.together(sample[row], rule, row, account=at // 6 % 2 == 1)
            items = self._items(sample[row], rule, without, alone=at // 3 % 2 == 1)
            yield _Held(int(around.families[row]), fold, around.text(rule, int(around.values[rule][row])), items)

    # Measuring

    def _measured(self, rule: int, held: Sequence[_Held]) -> list[tuple[str, float, bool, bool]]:
        """Makes the judge of a rule. Gives, for all that was hidden, the tag, the confidence in what was guessed by a
        judge that knew nothing of it, whether that was right, and whether there was a conflict."""
        columns = {sort: at for at, sort in enumerate(sorted({item.strata[0] for one in held for item in one.items}))}
        tables = {fold: _table(one for one in held if one.fold != fold) for fold in range(_FOLDS)}
        rows: list[Any] = []
        labels: list[bool] = []
        of: list[int] = []
        for one in held:
            worth = [tables[one.fold].worth(item.strata) for item in one.items]
            for value in sorted({item.value for item in one.items}):
                rows.append(_features(one.items, worth, columns, value))
                labels.append(value == one.truth)
                of.append(one.fold)
        features, right, folds = np.array(rows), np.array(labels, bool), np.array(of)
        weights = (
            {fold: _weights(features[folds != fold], right[folds != fold]) for fold in range(_FOLDS)} if rows else {}
        )
        answers = [(one, _weighed(tables[one.fold], columns, weights.get(one.fold), one.items)) for one in held]
        reports = []
        tag = self._rules[rule].spelling.name
        for fold in range(_FOLDS):
            judge = _Judge(tables[fold], columns, weights.get(fold), _curves(answers, self._threshold, but=fold))
            for one, answer in answers:
                if one.fold == fold and answer is not None:
                    sure = judge.confidence(answer, one.items)
                    reports.append((tag, sure, answer.value == one.truth, answer.conflict is not None))
                elif one.fold == fold:
                    reports.append((tag, 0.0, False, True))
        if rows:
            self._judges[rule] = _Judge(
                _table(held), columns, _weights(features, right), _curves(answers, self._threshold)
            )
        return reports

    def of(self, resource: Resource, rule: Require) -> Inferred:
        index = self._places[_name(rule)]
        items = self._items(resource, index)
        if not items:
            return Inferred(None)
        judge = self._judges.get(index)
        if judge is None:
            return _unmeasured(items)
        answer = judge.answer(items)
        assert answer is not None  # noqa: S101 - there are items
        return _inferred(items, answer, judge.confidence(answer, items))


def _unmeasured(items: Sequence[Item]) -> Inferred:
    """Nothing is known of the worth of anything: only the policy's own word counts."""
    table = Table(())
    worth = [table.worth(item.strata) if item.strata[0] in PRIORS else 0.0 for item in items]
    order = sorted(range(len(items)), key=lambda at: (-worth[at], items[at].value))
    best = order[0]
    conflict = next((at for at in order if items[at].value != items[best].value and worth[at] >= BELIEVABLE), None)
    answer = _Answer(items[best].value, 0.0, None if conflict is None else (best, conflict), worth)
    return _inferred(items, answer, worth[best])


def _inferred(items: Sequence[Item], answer: _Answer, sure: float) -> Inferred:
    evidence = [
        Evidence(kind=item.kind, value=item.value, confidence=_rounded(worth), says=item.says())
        for item, worth in zip(items, answer.worth, strict=True)
    ]
    conflict = ""
    if answer.conflict is not None:
        one, other = (evidence[at] for at in answer.conflict)
        conflict = f"{one.says}, but {other.says}"
    evidence.sort(key=lambda one: (-one.confidence, one.kind, one.value, one.says))
    return Inferred(answer.value, _rounded(sure), tuple(evidence), conflict)


def _rounded(sure: float) -> float:
    """Four digits, and never more than was measured."""
    return math.floor(sure * 10_000) / 10_000


def _standing(guess: Guess, value: str, items: Sequence[Item]) -> tuple[str, str]:
    """What a guess from names depends on: how familiar they are, whether anything else says so, and how clear it is."""
    familiar = "known" if guess.familiar >= 0.9 else "partly known" if guess.familiar >= 0.6 else "new"
    backed = "backed" if any(item.value == value for item in items) else "alone"
    return f"{familiar}, {backed}", f"grade {guess.grade}"


def _name(rule: Require) -> tuple[str, str]:
    return rule.id, rule.spelling.name


def _said(sentence: str) -> Callable[[], str]:
    return lambda: sentence


def _table(held: Iterable[_Held]) -> Table:
    return Table((item.strata, item.value == one.truth, one.family) for one in held for item in one.items)


def _weights(features: Any, right: Any) -> Any:
    """The weights of a logistic regression: how the sorts of evidence add up, for they are anything but independent."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # It has no types.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own; it has no types.

    if len(set(right.tolist())) < 2:
        # All were right or all were wrong, whatever there was for them: each counts as it is.
        return np.array([*([1.0, -1.0] * (features.shape[1] // 2)), 0.0])
    # On matrices of ten columns more threads only wait for each other: on a busy machine for most of a study's time.
    with threadpool_limits(limits=1):
        fitted = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200).fit(features, right)
    return np.array([*fitted.coef_[0], fitted.intercept_[0]])


def _curves(answers: Sequence[tuple[_Held, _Answer | None]], threshold: float, but: int = -1) -> tuple[Curve, Curve]:
    def curve(conflict: bool) -> Curve:
        chosen = [
            (answer.score, answer.value == one.truth, one.family)
            for one, answer in answers
            if answer is not None and one.fold != but and (answer.conflict is not None) is conflict
        ]
        return Curve([one[0] for one in chosen], [one[1] for one in chosen], [one[2] for one in chosen], threshold)

    return curve(False), curve(True)


def _calibration(reports: Sequence[tuple[str, float, bool, bool]], threshold: float) -> Calibration:
    if not reports:
        return Calibration(threshold=threshold, held_out=0, error=None, precision=None, coverage=None)
    bins: dict[tuple[str, int], list[tuple[float, bool]]] = defaultdict(list)
    for tag, sure, right, _ in reports:
        bins[tag, int(np.searchsorted(_EDGES[1:-1], sure, "right"))].append((sure, right))
    found = tuple(
        Reliability(
            tag=tag,
            low=_EDGES[at],
            high=_EDGES[at + 1],
            count=len(pairs),
            right=sum(right for _, right in pairs),
            stated=round(sum(sure for sure, _ in pairs) / len(pairs), 4),
        )
        for (tag, at), pairs in sorted(bins.items())
    )
    error = sum(abs(one.stated * one.count - one.right) for one in found) / len(reports)
    taken = [right for _, sure, right, conflict in reports if sure >= threshold and not conflict]
    return Calibration(
        threshold=threshold,
        held_out=len(reports),
        error=round(error, 4),
        precision=round(sum(taken) / len(taken), 4) if taken else None,
        coverage=round(len(taken) / len(reports), 4),
        bins=found,
    )
