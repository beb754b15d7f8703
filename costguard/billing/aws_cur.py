"""AWS's Cost and Usage Report: the legacy one as files and as Glue names its columns, and CUR 2.0 of Data Exports.

What is read of it, by AWS's user guide ("Line item details", "Reservation details", "Savings Plans details"):

- ``BilledCost`` is the unblended cost. ``EffectiveCost`` spreads commitments over what they cover: the effective cost
  of covered usage, the unused part of a fee, and nothing for what is spread (negations, upfront fees).
- A legacy CSV file has one column for each tag (``resourceTags/user:Owner``), and so has Glue's table, which writes the
  key in lower case and anything but letters and digits as ``_``. CUR 2.0 has a map with the keys written so
  (``user_owner``), or a newer one whose keys say what they are of (``resourceTags/Owner``, ``accountTag/…``).
- Rows that split a cost among pods and tasks repeat the cost of their instance: they are left out.
"""

from costguard.billing import Charges, Columns, FormatName, literal, quoted
from costguard.errors import InputError
from costguard.model.cost import Basis

_GROUPS = {"line_item": "lineItem", "bill": "bill", "product": "product", "reservation": "reservation"}
_GROUPS |= {"savings_plan": "savingsPlan", "pricing": "pricing", "split_line_item": "splitLineItem"}


def _names(*snake: str) -> tuple[str, ...]:
    """A column's names in CUR 2.0 and Glue, and in a legacy file: ``line_item_usage_type``, ``lineItem/UsageType``."""
    found: list[str] = []
    for name in snake:
        group = max((one for one in _GROUPS if name.startswith(f"{one}_")), key=len)
        found += [name, f"{_GROUPS[group]}/{name[len(group) + 1 :].replace('_', '')}"]
    return tuple(found)


_TYPE = _names("line_item_line_item_type")
_COST = _names("line_item_unblended_cost")
_ACCOUNT = _names("line_item_usage_account_id")
_RESOURCE = _names("line_item_resource_id")
_CREDITS = (
    "Credit",
    "Refund",
    "BundledDiscount",
    "Discount",
    "DistributorDiscount",
    "EdpDiscount",
    "PrivateRateDiscount",
    "RiVolumeDiscount",
    "SavingsPlanNegation",
    "SppDiscount",
)


class AwsCur:
    """The format."""

    name: FormatName = "aws-cur"

    def recognises(self, columns: Columns) -> bool:
        return columns.first(*_COST) is not None and columns.first(*_ACCOUNT) is not None

    def charges(self, columns: Columns, basis: Basis) -> Charges:
        if columns.first(*_COST) is None:
            raise InputError("there is no column line_item_unblended_cost, without which nothing can be said of a CUR")
        tags, inherited, prefix, folded = _tags(columns)
        kind, resource = columns.text(*_TYPE), columns.text(*_RESOURCE)
        return Charges(
            select={
                "provider": "'aws'",
                "account": columns.text(*_ACCOUNT),
                "region": columns.text(*_names("product_region_code", "product_region")),
                "service": columns.text(*_names("product_product_name", "line_item_product_code")),
                "currency": columns.text(*_names("line_item_currency_code")),
                "start": columns.time(*_names("line_item_usage_start_date", "bill_billing_period_start_date")),
                "class": _class(kind, resource, basis, typed=columns.first(*_TYPE) is not None),
                "resource": resource,
                "tags": tags or "CAST(NULL AS VARCHAR)",
                "inherited": inherited or "CAST(NULL AS VARCHAR)",
                "cost": columns.money(*_COST) if basis == "BilledCost" else _effective(columns, kind),
            },
            where=_whole(columns),
            tagged=tags is not None,
            identified=columns.first(*_RESOURCE) is not None,
            folded=folded,
            prefix=prefix,
            remarks=()
            if columns.first(*_TYPE) is not None
            else ("it doesn't say of what type its line items are: all count as usage",),
        )


FORMAT = AwsCur()


def _class(kind: str, resource: str, basis: Basis, *, typed: bool) -> str:
    usage = f"CASE WHEN {resource} IS NULL THEN 'usage_no_resource' ELSE 'usage_taggable' END"
    if not typed:
        return usage
    fee = "'purchase'" if basis == "BilledCost" else "'unused_commitment'"
    credits_ = ", ".join(map(literal, _CREDITS))
    return (
        f"CASE WHEN {kind} IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN {usage} "
        f"WHEN {kind} = 'Tax' THEN 'tax' "
        f"WHEN {kind} IN ('Fee', 'SavingsPlanUpfrontFee') THEN 'purchase' "
        f"WHEN {kind} IN ('RIFee', 'SavingsPlanRecurringFee') THEN {fee} "
        f"WHEN {kind} IN ({credits_}) THEN 'credit_adjustment' END"
    )


def _effective(columns: Columns, kind: str) -> str:
    def money(name: str) -> str:
        return columns.money(*_names(name))

    reserved = columns.text(*_names("reservation_reservation_a_r_n"))
    return (
        f"CASE WHEN {kind} = 'SavingsPlanCoveredUsage' THEN {money('savings_plan_savings_plan_effective_cost')} "
        f"WHEN {kind} = 'SavingsPlanRecurringFee' THEN {money('savings_plan_total_commitment_to_date')} "
        f"- {money('savings_plan_used_commitment')} "
        f"WHEN {kind} IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN 0 "
        f"WHEN {kind} = 'DiscountedUsage' THEN {money('reservation_effective_cost')} "
        f"WHEN {kind} = 'RIFee' THEN {money('reservation_unused_amortized_upfront_fee_for_billing_period')} "
        f"+ {money('reservation_unused_recurring_fee')} "
        f"WHEN {kind} = 'Fee' AND {reserved} IS NOT NULL THEN 0 "
        f"ELSE {columns.money(*_COST)} END"
    )


def _whole(columns: Columns) -> str:
    """Without the rows that split what another row has already."""
    said = []
    usage = _names("line_item_usage_type")
    if columns.first(*usage) is not None:
        text = f"COALESCE({columns.text(*usage)}, '')"
        said += [f"{text} NOT LIKE '%EKSPod-EC2%'", f"{text} NOT LIKE '%ECSTask-EC2%'"]
    parent = _names("split_line_item_parent_resource_id")
    if columns.first(*parent) is not None:
        said.append(f"{columns.text(*parent)} IS NULL")
    return " AND ".join(said)


def _tags(columns: Columns) -> tuple[str | None, str | None, str, bool]:
    """The tags, those of the account, what keys of tags begin with, and whether they are written without their case."""
    if "tags" in columns:
        return columns.json("tags"), columns.json("tags"), "resourceTags/", False
    if "resource_tags" in columns:
        return columns.json("resource_tags"), None, "user_", True
    plain = columns.starting("resourceTags/user:")
    if plain:
        return _object(columns, plain, "resourceTags/user:"), None, "", False
    glued = columns.starting("resource_tags_user_")
    if glued:
        return _object(columns, glued, "resource_tags_user_"), None, "", True
    return None, None, "", False


def _object(columns: Columns, names: list[str], prefix: str) -> str:
    """The JSON object of tags that have a column each; what is empty isn't there."""
    pairs = []
    for name in names:
        value = columns.text(name)
        escaped = value
        for char, instead in (("'\\'", "'\\\\'"), ("'\"'", "'\\\"'"), ("CHR(10)", "'\\n'"), ("CHR(13)", "'\\r'")):
            escaped = f"REPLACE({escaped}, {char}, {instead})"
        escaped = f"REPLACE({escaped}, CHR(9), '\\t')"
        key = literal(quoted(name[len(prefix) :].replace("\\", "\\\\")).replace('""', '\\"') + ': "')
        pairs.append(f"CASE WHEN {value} IS NOT NULL THEN {key} || {escaped} || '\"' END")
    return f"'{{' || CONCAT_WS(', ', {', '.join(pairs)}) || '}}'"
