"""A night as metrics, to stand beside latency and availability: OpenMetrics text, which Prometheus and the textfile
collector of its node exporter read, or pushed to a Pushgateway.

All are gauges: a night is a state and not a count. Names of accounts and owners are labels, so there are as many series
as an organisation has of them, and no more: of each only the dearest are kept.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit

from costguard.errors import CostguardError, ExitCode, UsageError
from costguard.model.night import Night

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_NAMED = 200
"""Accounts and owners that get series of their own."""
_SECONDS = 10
JOB = "costguard"

Labels = tuple[str, ...]
METRICS: Mapping[str, tuple[str, Labels]] = {
    "costguard_spend": ("What the bill comes to, in its currency.", ("currency", "kind")),
    "costguard_noncompliant_spend_ratio": ("The share of taggable spend that is not compliant.", ()),
    "costguard_untagged_spend_ratio": ("The share of taggable spend that has no tag at all.", ()),
    "costguard_account_noncompliant_spend_ratio": ("The same of an account's taggable spend.", ("account",)),
    "costguard_account_spend": ("What an account costs, in the bill's currency.", ("account", "currency")),
    "costguard_owner_noncompliant_spend_ratio": (
        "The share of what is tagged with an owner, and is not compliant all the same.",
        ("owner",),
    ),
    "costguard_owner_spend": ("What is allocated to an owner; to an empty one what nobody has.", ("owner", "currency")),
    "costguard_slo_objective_ratio": ("The share of taggable spend that is to be compliant.", ()),
    "costguard_slo_budget": ("The error budget of the window, in the bill's currency.", ("currency",)),
    "costguard_slo_budget_left": ("What is left of it; negative where too much is spent.", ("currency",)),
    "costguard_slo_budget_left_ratio": ("What is left of it, as a share.", ()),
    "costguard_slo_burn_rate": ("How fast it is used: 1 uses it up when the window ends.", ("window",)),
    "costguard_slo_window_seconds": ("How long the windows of the burn rates are.", ("window",)),
    "costguard_resources": ("The resources that the scan judged.", ("status",)),
    "costguard_findings": ("Resources that break a rule.", ("rule", "tag", "verdict", "level")),
    "costguard_added_resources": ("Resources that came to be at fault since the night before.", ()),
    "costguard_mended_resources": ("Resources that were mended since the night before.", ()),
    "costguard_planned_resources": ("Resources at fault by what the reconciler decided.", ("decision",)),
    "costguard_reconciler_changes": ("What became of tonight's changes.", ("outcome",)),
    "costguard_coverage_places": ("Places that were looked at, by how that ended.", ("cloud", "source", "outcome")),
    "costguard_gaps": ("What could not be read or done.", ()),
    "costguard_night_complete": ("1 where everything was read and done.", ()),
    "costguard_night_stage": ("1 for the state that a stage ended in.", ("stage", "state")),
    "costguard_night_stage_seconds": ("How long a stage took.", ("stage",)),
    "costguard_night_last_run_timestamp_seconds": ("When the last night began.", ()),
    "costguard_night_last_good_timestamp_seconds": ("When the last complete night began.", ()),
}
"""Each with what it says and its labels."""


class PushError(CostguardError):
    """The metrics could not be pushed."""

    exit_code = ExitCode.INCOMPLETE


def exposition(night: Night) -> bytes:
    """The night in OpenMetrics text. Raises :class:`UsageError` where prometheus-client isn't installed."""
    registry = registered(night)
    from prometheus_client.openmetrics.exposition import generate_latest

    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]


def push(night: Night, url: str) -> None:
    """Puts the night in the place of the one before at a Pushgateway. Its address may hold a user and a password, which
    are in no message. Raises :class:`PushError`."""
    registry = registered(night)
    from prometheus_client import push_to_gateway
    from prometheus_client.exposition import basic_auth_handler, default_handler

    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise PushError("the metrics could not be pushed: the Pushgateway's address is not http:// or https://")
    bare = urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))

    def sending(url: str, method: str, timeout: float | None, headers: Any, data: bytes) -> Callable[[], None]:
        if not address.username:
            return default_handler(url, method, timeout, headers, data)
        name, password = unquote(address.username), unquote(address.password or "")
        return basic_auth_handler(url, method, timeout, headers, data, name, password)

    try:
        push_to_gateway(bare, job=JOB, registry=registry, timeout=_SECONDS, handler=sending)
    except HTTPError as error:
        with error:
            raise PushError(f"the metrics could not be pushed: {address.hostname} answered {error.code}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)
        said = why.strerror if isinstance(why, OSError) and why.strerror else type(why).__name__
        raise PushError(f"the metrics could not be pushed: {address.hostname} can't be reached ({said})") from error


def registered(night: Night) -> "CollectorRegistry":
    """The gauges of a night."""
    try:
        from prometheus_client import CollectorRegistry, Gauge
    except ImportError as error:
        raise UsageError(
            "metrics need prometheus-client, which isn't installed: pip install 'costguard-tags[report]'"
        ) from error
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for name, labels, value in _samples(night):
        if name not in gauges:
            help_, names = METRICS[name]
            gauges[name] = Gauge(name, help_, names, registry=registry)
        gauge = gauges[name]
        (gauge.labels(*(_label(one) for one in labels)) if labels else gauge).set(value)
    return registry


def _label(text: str) -> str:
    """A label's value is UTF-8, which half of a surrogate pair is not."""
    return text.encode("utf-8", "backslashreplace").decode()


Sample = tuple[str, Labels, float]


def _samples(night: Night) -> Iterable[Sample]:
    yield from _of_spend(night)
    yield from _of_slo(night)
    if night.live is not None:
        summary = night.live.summary
        for status in ("compliant", "violating", "unknown", "exempt", "untaggable"):
            yield "costguard_resources", (status,), getattr(summary, status)
        counted: Counter[Labels] = Counter()
        for rule in night.live.rules:
            counted[rule.rule, rule.tag or "", str(rule.verdict), str(rule.level)] += rule.resources
        for labels, count in counted.items():
            yield "costguard_findings", labels, count
        if night.live.added is not None and night.live.mended is not None:
            yield "costguard_added_resources", (), night.live.added
            yield "costguard_mended_resources", (), night.live.mended
        for one in night.live.coverage:
            yield "costguard_coverage_places", (one.cloud, one.source, one.outcome), one.places
    if night.planned is not None:
        for decision in ("tag", "patch", "flag", "skip"):
            yield "costguard_planned_resources", (decision,), night.planned.decisions.get(decision, 0)
    became: Counter[str] = Counter()
    for run in night.activity:
        if run.tonight:
            became.update(run.counts)
    for outcome, count in became.items():
        yield "costguard_reconciler_changes", (outcome,), count
    yield "costguard_gaps", (), len(night.gaps)
    yield "costguard_night_complete", (), float(night.complete)
    for stage in night.stages:
        yield "costguard_night_stage", (stage.name, stage.state), 1
        if stage.began and stage.ended:
            yield "costguard_night_stage_seconds", (stage.name,), _seconds(stage.ended) - _seconds(stage.began)
    yield "costguard_night_last_run_timestamp_seconds", (), _seconds(night.began)
    good = [one.at for one in (*night.before, night.headline) if one.complete]
    if good:
        yield "costguard_night_last_good_timestamp_seconds", (), _seconds(good[-1])


def _of_spend(night: Night) -> Iterable[Sample]:
    spend = night.spend
    if spend is None:
        return
    currency = spend.currency
    taggable = float(spend.classes.get("usage_taggable", "0"))
    amounts = {
        "total": spend.total,
        "taggable": spend.classes.get("usage_taggable", "0"),
        "compliant": spend.taggable.get("compliant", "0"),
        "untagged": spend.taggable.get("untagged", "0"),
    }
    for kind, text in amounts.items():
        yield "costguard_spend", (currency, kind), float(text)
    if night.headline.share is not None:
        yield "costguard_noncompliant_spend_ratio", (), night.headline.share
        yield "costguard_untagged_spend_ratio", (), float(amounts["untagged"]) / taggable
    for part in spend.by.get("account", ())[:_NAMED]:
        yield "costguard_account_spend", (part.name, currency), float(part.total)
        if part.ratio is not None:
            yield "costguard_account_noncompliant_spend_ratio", (part.name,), part.ratio
    for part in spend.by.get("tag:owner", ())[:_NAMED]:
        if part.name and part.ratio is not None:
            yield "costguard_owner_noncompliant_spend_ratio", (part.name,), part.ratio
    shares = sorted(spend.showback.get("owner", ()), key=lambda one: (one.value is not None, -float(one.total)))
    for share in shares[:_NAMED]:
        yield "costguard_owner_spend", (share.value or "", currency), float(share.total)


def _of_slo(night: Night) -> Iterable[Sample]:
    if night.spend is None or night.spend.slo is None:
        return
    slo, currency = night.spend.slo, night.spend.currency
    budget, left = float(slo.budget), float(slo.left)
    yield "costguard_slo_objective_ratio", (), float(slo.objective)
    yield "costguard_slo_budget", (currency,), budget
    yield "costguard_slo_budget_left", (currency,), left
    if budget > 0:
        yield "costguard_slo_budget_left_ratio", (), left / budget
    for window, burn in zip(("long", "short"), slo.burn, strict=False):
        yield "costguard_slo_window_seconds", (window,), 86_400 * burn.days
        if burn.rate is not None:
            yield "costguard_slo_burn_rate", (window,), burn.rate


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def pushed_to(name: str) -> str:
    """The Pushgateway that an environment variable names. Raises :class:`UsageError` where it isn't set."""
    url = os.environ.get(name)
    if not url:
        raise UsageError(f"the environment variable {name}, which nightly.push names, is not set")
    return url
