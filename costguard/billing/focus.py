"""FOCUS, the FinOps Open Cost and Usage Specification, 1.0 to 1.3.

Of the specification: ``ChargeCategory`` is Usage, Purchase, Tax, Credit or Adjustment; ``CommitmentDiscountStatus``
Unused is a commitment's cost that nothing used; tags are a JSON object. Of what is really exported: nulls are the word
NULL or empty text, columns are left out, and 1.3 renames the provider's.
"""

from costguard.billing import Charges, Columns, FormatName
from costguard.errors import InputError
from costguard.model.cost import Basis


class Focus:
    """The format."""

    name: FormatName = "focus"

    def recognises(self, columns: Columns) -> bool:
        return "ChargeCategory" in columns and ("BilledCost" in columns or "EffectiveCost" in columns)

    def charges(self, columns: Columns, basis: Basis) -> Charges:
        for needed in (basis, "ChargeCategory"):
            if needed not in columns:
                other = next((one for one in ("EffectiveCost", "BilledCost") if one != needed and one in columns), None)
                hint = f": --cost {other} counts the one that is there" if needed == basis and other else ""
                raise InputError(
                    f"there is no column {needed}, without which nothing can be said of a FOCUS export{hint}"
                )
        category, resource = columns.text("ChargeCategory"), columns.text("ResourceId")
        return Charges(
            select={
                "provider": _provider(
                    columns.either("ServiceProviderName", "HostProviderName", "ProviderName", "PublisherName")
                ),
                "account": columns.either("SubAccountId", "BillingAccountId"),
                "region": columns.text("RegionId", "Region"),
                "service": columns.text("ServiceName"),
                "currency": columns.text("BillingCurrency"),
                "start": columns.time("ChargePeriodStart", "BillingPeriodStart"),
                "class": f"""CASE WHEN {category} IN ('Credit', 'Adjustment') THEN 'credit_adjustment'
                    WHEN {category} = 'Tax' THEN 'tax'
                    WHEN {category} = 'Purchase' THEN 'purchase'
                    WHEN {category} = 'Usage' AND {columns.text("CommitmentDiscountStatus")} = 'Unused'
                    THEN 'unused_commitment'
                    WHEN {category} = 'Usage' AND {resource} IS NOT NULL THEN 'usage_taggable'
                    WHEN {category} = 'Usage' THEN 'usage_no_resource' END""",
                "resource": resource,
                "tags": columns.json("Tags") if "Tags" in columns else columns.text("Tags"),
                "inherited": columns.json("AllocatedTags")
                if "AllocatedTags" in columns
                else columns.text("AllocatedTags"),
                "cost": columns.money(basis),
            },
            tagged="Tags" in columns,
            identified="ResourceId" in columns,
        )


FORMAT = Focus()

_PROVIDERS = (("aws", "amazon web services%", "aws%"), ("google", "google%", "gcp%"), ("azure", "microsoft%", "azure%"))


def _provider(name: str) -> str:
    """The cloud, by what its provider calls itself."""
    whens = " ".join(
        f"WHEN LOWER({name}) LIKE '{first}' OR LOWER({name}) LIKE '{second}' THEN '{cloud}'"
        for cloud, first, second in _PROVIDERS
    )
    return f"CASE {whens} ELSE {name} END"
