"""Google Cloud's export to BigQuery, standard and detailed: there, or taken out of it as Parquet or JSON.

By Google's guide to the export ("Structure of Detailed data export"): ``cost`` is before credits, and ``credits`` is a
list of negative amounts. What is a part of the price lowers the cost of the charge itself: discounts for committed and
for sustained use, for subscriptions and for what was spent, free tiers, what a reseller takes off. A promotion is "a
form of payment", and so it is a credit of its own, as is what the guide doesn't know. So a row is one charge, and one
more where it has such credits. Labels, Tags and credits are read within the row: joining them would multiply its cost.

``labels`` are the resource's; ``tags`` are the resource manager's Tags that hold for it, bound to it or inherited.
``system_labels`` are Google's own and judged by nobody, but one says that the usage was reserved and not used.
"""

import re

from costguard.billing import Charges, Columns, FormatName, amount, as_json
from costguard.model.cost import Basis

_PRICE = (
    "COMMITTED_USAGE_DISCOUNT",
    "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE",
    "DISCOUNT",
    "FEE_UTILIZATION_OFFSET",
    "FREE_TIER",
    "RESELLER_MARGIN",
    "SUBSCRIPTION_BENEFIT",
    "SUSTAINED_USAGE_DISCOUNT",
)
_UNUSED = "compute.googleapis.com/is_unused_reservation"


class Gcp:
    """The format."""

    name: FormatName = "gcp"

    def recognises(self, columns: Columns) -> bool:
        return columns.has("billing_account_id", "cost", "usage_start_time", "project")

    def charges(self, columns: Columns, basis: Basis) -> Charges:
        detailed = "resource" in columns
        resource = _resource(columns) if detailed else "CAST(NULL AS VARCHAR)"
        kind = columns.text("cost_type")
        usage = "CASE "
        if _listed(columns, "system_labels"):
            usage += f"WHEN {_says(columns, _UNUSED, 'true')} THEN 'unused_commitment' "
        usage += f"WHEN {resource} IS NULL THEN 'usage_no_resource' ELSE 'usage_taggable' END"
        price = ", ".join(f"'{name}'" for name in _PRICE)
        common = {
            "provider": "'google'",
            "account": "project.id",
            "region": "location.region" if "location" in columns else "CAST(NULL AS VARCHAR)",
            "service": "service.description",
            "currency": columns.text("currency"),
            "start": columns.time("usage_start_time"),
        }
        credits_ = _listed(columns, "credits")
        charge = {
            **common,
            "class": usage
            if "cost_type" not in columns
            else f"CASE WHEN {kind} = 'regular' THEN {usage} WHEN {kind} = 'tax' THEN 'tax' "
            f"WHEN {kind} IN ('adjustment', 'rounding_error') THEN 'credit_adjustment' END",
            "resource": resource,
            "tags": _tags(columns),
            "inherited": as_json("project.labels")
            if "labels STRUCT" in columns.type("project").replace('"', "")
            else "CAST(NULL AS VARCHAR)",
            "cost": columns.money("cost") + (f" + {_sum(columns, f'IN ({price})')}" if credits_ else ""),
        }
        gift = {**charge, "class": "'credit_adjustment'", "cost": _sum(columns, f"NOT IN ({price})")}
        return Charges(
            select=charge,
            besides=gift if credits_ else None,
            tagged="labels" in columns,
            identified=detailed,
            remarks=() if detailed else ("it is the standard export: the detailed one has resources",),
        )


FORMAT = Gcp()


def _resource(columns: Columns) -> str:
    kind = columns.type("resource").replace('"', "")
    fields = [one for one in ("global_name", "name") if re.search(rf"[(, ]{one} VARCHAR", kind)]
    parts = ", ".join(f"NULLIF(resource.{one}, '')" for one in fields)
    return f"COALESCE({parts}, NULL)" if fields else "CAST(NULL AS VARCHAR)"


def _tags(columns: Columns) -> str:
    """Labels, or where the export has Tags the list of both lists."""
    labels = as_json("labels") if _listed(columns, "labels") else ""
    if "tags" not in columns:
        return labels or "CAST(NULL AS VARCHAR)"
    bound = as_json("tags") if _listed(columns, "tags") else ""
    both = [f"COALESCE({one}, '[]')" if one else "'[]'" for one in (labels, bound)]
    return f"'[' || {both[0]} || ',' || {both[1]} || ']'"


def _says(columns: Columns, label: str, value: str) -> str:
    """Whether it has this system label with this value."""
    which = f"x.key = '{label}' AND x.value = '{value}'"
    if not columns.embedded:
        return f"(SELECT COUNT(*) FROM UNNEST(system_labels) AS t(x) WHERE {which}) > 0"
    return f"LEN(LIST_FILTER(system_labels, lambda x: {which})) > 0"


def _listed(columns: Columns, name: str) -> bool:
    """Whether it is a list with something in it: where all of an extract's lists are empty, nothing says of what."""
    return name in columns and columns.type(name).upper().startswith("STRUCT")


def _sum(columns: Columns, which: str) -> str:
    """What the credits of these types come to, exactly."""
    kind = "DOUBLE" if "DOUBLE" in columns.type("credits") else "DECIMAL"
    each = columns.exact("x.amount", kind)
    none = f"CAST(0 AS {amount(columns.decimals)})"
    if not columns.embedded:
        return f"COALESCE((SELECT SUM({each}) FROM UNNEST(credits) AS t(x) WHERE COALESCE(x.type, '') {which}), {none})"
    chosen = f"LIST_FILTER(credits, lambda x: COALESCE(x.type, '') {which})"
    return f"COALESCE(LIST_SUM(LIST_TRANSFORM({chosen}, lambda x: {each})), {none})"
