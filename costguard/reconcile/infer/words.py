"""What a resource's names have to say: learned from this organisation's own tagged resources.

The words are those of ids, names and other tags, and where a resource is. The learner is scikit-learn's; why this one
is in docs/adr/0013-what-a-missing-tag-probably-is.md.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

from costguard.model.resource import Cloud, Known, Resource
from costguard.policy.rules.require import Require

WIDTH = 1 << 15
"""Words are numbers below this one; two that share a number are rare enough."""
PLACES = WIDTH // 8
"""Below this are those that say where a resource is and what, which are nobody's own."""
GRADES = 20
SMOOTHING = 0.1
FEWEST = 5
"""Resources that a value must have, to be learned."""
MOST_VALUES = 2000

_LONGEST = 300
"""Characters of a text that are read."""
_MOST_WORDS = 16
_MOST_TAGS = 30
_BETWEEN = re.compile(r"[^A-Za-z0-9]+")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_RANDOM = re.compile(r"(?=.*[0-9])[0-9a-f]{6,}|[0-9]{3,}")
_ARN = re.compile(r"arn:[^:]*:([^:]*):[^:]*:[^:]*:")
_PROJECT = re.compile(r"//([^/]+)/(?:projects/[^/]+/)?(?:(?:zones|regions|locations|global)/)?")

Numbers = npt.NDArray[np.int32]


class Words(msgspec.Struct, frozen=True):
    """The words of one resource, as numbers. ``tags`` are those of the tags that the policy asks for, by their keys;
    ``keys`` are the keys of the rules."""

    plain: Numbers
    tags: dict[str, Numbers]
    keys: tuple[str, ...]

    def but(self, rule: int, *, alone: bool = False) -> Numbers:
        """All of them but what its tag of ``rule`` says; ``alone``: as if it had no tag that the policy asks for."""
        if alone or not self.tags:
            return self.plain
        own = self.keys[rule]
        return np.unique(np.concatenate([self.plain, *(of for key, of in self.tags.items() if key != own)]))

    def lonely(self, rule: int) -> bool:
        """Whether it has no tag that the policy asks for but, perhaps, that of ``rule``."""
        return not self.tags.keys() - {self.keys[rule]}


class _Asked(NamedTuple):
    """On one cloud: the keys of the rules, which tag each is, and all that means one of them, in lower case."""

    keys: tuple[str, ...]
    tags: dict[str, str]
    hidden: frozenset[str]


class Vocabulary:
    """Reads the words of resources. Keys that mean the tag of a rule, too, are left out: they are evidence by
    themselves."""

    def __init__(self, rules: Sequence[Require]) -> None:
        self._rules = rules
        self._asked = lru_cache(maxsize=None)(self._asking)

    def _asking(self, cloud: Cloud | None) -> _Asked:
        keys = tuple(rule.spelling.on(cloud) for rule in self._rules)
        hidden = {name.casefold() for rule in self._rules for name in (rule.spelling.name, *rule.aliases)}
        tags = {key: rule.spelling.name for key, rule in zip(keys, self._rules, strict=True)}
        return _Asked(keys, tags, frozenset({*hidden, *(key.casefold() for key in keys)}))

    def of(self, resource: Resource) -> Words:
        asked = self._asked(resource.cloud)
        plain = set(_named(resource))
        tags: dict[str, Numbers] = {}
        if resource.surfaces:
            for key, tag in sorted(resource.surfaces[0].tags.tags.items())[:_MOST_TAGS]:
                if not isinstance(tag.value, Known) or tag.value.sensitive:
                    continue
                text = tag.value.text[:_LONGEST]
                if key in asked.tags:
                    tags[key] = _said(asked.tags[key], text)
                elif key.strip().casefold() not in asked.hidden:
                    plain.add(f"t:{key[:_LONGEST].casefold()}={text}")
                    if key == "Name":
                        plain.update(f"n:{word}" for word in _pairs(_split(text)))
                    else:
                        plain.update(f"v:{word}" for word in _split(text))
        numbers = sorted({_placing(word) for word in _placed(resource)})
        numbers += sorted({_naming(word) for word in plain})
        return Words(np.array(numbers, np.int32), tags, asked.keys)


@lru_cache(maxsize=1 << 12)
def _said(tag: str, text: str) -> Numbers:
    """The words of a tag that the policy asks for. Nobody writes to them, so that resources may share them."""
    found = {f"t:{tag}={text}", *(f"n:{word}" for word in _split(text))}
    return np.array(sorted({_naming(word) for word in found}), np.int32)


def _named(resource: Resource) -> Iterator[str]:
    yield from (f"n:{word}" for word in _pairs(_split(_local(resource.id or resource.address))))
    for manager in resource.managers:
        yield from (f"w:{word}" for word in _pairs(_split(f"{manager.where} {manager.name}")))
    for relation in resource.related[:_MOST_TAGS]:
        if relation.kind in ("parent", "cluster"):
            yield from (f"r:{word}" for word in _pairs(_split(_local(relation.id))))


def _placed(resource: Resource) -> Iterator[str]:
    account = resource.account or ""
    yield f"type:{resource.type}"
    yield f"account:{account}"
    yield f"type in account:{account}/{resource.type}"
    yield f"region:{account}/{resource.region}"
    for relation in resource.related[:_MOST_TAGS]:
        if relation.kind != "parent":
            yield f"{relation.kind}:{relation.id}"


def _local(id_: str) -> str:
    """An id without what says only where it is."""
    for form in (_ARN, _PROJECT):
        found = form.match(id_)
        if found:
            return id_[found.end() :]
    return id_


def _split(text: str) -> list[str]:
    """Words of a name in its order, without what nobody chose: orderHistory-prod-0af3b1 is order, history, prod."""
    found: list[str] = []
    for part in _BETWEEN.split(text[:_LONGEST]):
        found += _parted(part)
    return found[:_MOST_WORDS]


@lru_cache(maxsize=1 << 14)
def _parted(part: str) -> Sequence[str]:
    if not part or _RANDOM.fullmatch(part.casefold()):
        return ()
    return [word.casefold() for word in _WORD.findall(part) if not _RANDOM.fullmatch(word)]


def _pairs(parts: Sequence[str]) -> list[str]:
    """The words, and each two neighbours as one, for some people write orderhistory."""
    return [*parts, *(one + other for one, other in pairwise(parts))]


@lru_cache(maxsize=1 << 16)
def _naming(word: str) -> int:
    return PLACES + crc32(word.encode("utf-8", "replace")) % (WIDTH - PLACES)


@lru_cache(maxsize=1 << 16)
def _placing(word: str) -> int:
    return crc32(word.encode("utf-8", "replace")) % PLACES


class Guess(NamedTuple):
    """The value that the words speak for, by its number, and how clearly: a grade from 0. ``familiar`` is the share of
    the resource's own words, beside where it is, that others have, too: of what is all new, little can be known."""

    value: int
    grade: int
    familiar: float


class Learned:
    """What the words of the tagged resources say of one tag.

    What it was trained on is asked of classifiers that never saw that, nor anything of its family; everything else of
    one that saw all.
    """

    def __init__(
        self, rows: Sequence[int], of: Sequence[Words], rule: int, values: Numbers, folds: npt.NDArray[np.int64]
    ) -> None:
        """``rows`` are known by ``values`` and ``folds``; ``of`` are their words. Raises nothing where there is nothing
        to learn: then it never guesses."""
        matrices = [_matrix([one.but(rule, alone=alone) for one in of]) for alone in (False, True)]
        found: list[list[_Found]] = [[_NONE] * len(rows) for _ in matrices]
        for fold in np.unique(folds):
            classifier = _Classifier(matrices, np.flatnonzero(folds != fold), values)
            held = np.flatnonzero(folds == fold)
            for matrix, into in zip(matrices, found, strict=True):
                for at, one in zip(held.tolist(), classifier.all(matrix[held]), strict=True):
                    into[at] = one
        margins = [one.margin for into in found for one in into if one.value >= 0]
        self._edges = np.unique(np.quantile(margins, np.linspace(0, 1, GRADES + 1)[1:-1])) if margins else np.empty(0)
        self._held = [
            {row: guess for row, one in zip(rows, into, strict=True) if (guess := self._graded(one)) is not None}
            for into in found
        ]
        self._seen = frozenset(rows)
        self._classifier = _Classifier(matrices, np.arange(len(rows)), values)

    def held_out(self, row: int, *, alone: bool) -> Guess | None:
        """Of a resource that it was trained on; ``alone``: as if that had no tag that the policy asks for."""
        return self._held[alone].get(row)

    def guess(self, row: int, of: Words, rule: int) -> Guess | None:
        if row in self._seen:
            return self._held[of.lonely(rule)].get(row)
        return self._graded(self._classifier.one(of.but(rule)))

    def _graded(self, found: "_Found") -> Guess | None:
        if found.value < 0:
            return None
        return Guess(found.value, int(np.searchsorted(self._edges, found.margin, "right")), found.familiar)


class _Found(NamedTuple):
    value: int
    margin: float
    familiar: float


_NONE = _Found(-1, 0.0, 0.0)


class _Classifier:
    """One complement naive Bayes over the values that are seen often enough. Half of what it is trained on are the
    resources without their other tags, for so it will mostly meet them."""

    def __init__(self, matrices: Sequence[Any], chosen: npt.NDArray[np.int64], values: Numbers) -> None:
        from sklearn.naive_bayes import ComplementNB  # type: ignore[import-untyped]  # It has no types.

        labels = values[chosen]
        often = np.flatnonzero(np.bincount(labels, minlength=1) >= FEWEST)
        often = often[np.argsort(-np.bincount(labels, minlength=1)[often], kind="stable")][:MOST_VALUES]
        kept = np.isin(labels, often)
        self._values: list[int] = []
        if len(often) < 2:
            return
        chosen, labels = chosen[kept], labels[kept]
        # By the number of its row, not its place: whatever else is in the sample, it is the same half.
        half = chosen % 2 == 0
        matrix = _stacked(matrices[0][chosen[half]], matrices[1][chosen[~half]])
        classifier = ComplementNB(alpha=SMOOTHING).fit(matrix, np.concatenate((labels[half], labels[~half])))
        counts = np.asarray(matrix.sum(axis=0)).ravel()
        common = np.flatnonzero(counts > 1)
        self._column = np.full(WIDTH, -1, np.int32)
        self._column[common] = np.arange(len(common))
        self._weights = np.ascontiguousarray(classifier.feature_log_prob_[:, common].T, np.float32)
        self._values = classifier.classes_.tolist()

    def one(self, found: Numbers) -> _Found:
        if not self._values:
            return _NONE
        columns = self._column[found]
        own = columns[found.searchsorted(PLACES) :]  # They are in their order.
        familiar = np.count_nonzero(own >= 0) / len(own) if len(own) else 0.0
        columns = columns[columns >= 0]
        if not len(columns):
            return _NONE
        scores = self._weights[columns].sum(axis=0, dtype=np.float64)
        best = int(np.argmax(scores))
        score = scores[best]
        scores[best] = -np.inf
        return _Found(self._values[best], float(score - scores.max()), familiar)

    def all(self, matrix: Any) -> Iterator[_Found]:
        for at in range(matrix.shape[0]):
            yield self.one(matrix.indices[matrix.indptr[at] : matrix.indptr[at + 1]])


def _matrix(found: Sequence[Numbers]) -> Any:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]  # It has no types.

    ends = np.cumsum([0, *map(len, found)])
    indices = np.concatenate([*found, np.empty(0, np.int32)])
    return csr_matrix((np.ones(len(indices), np.float32), indices, ends), shape=(len(found), WIDTH))


def _stacked(one: Any, other: Any) -> Any:
    from scipy.sparse import vstack

    return vstack((one, other), format="csr")
