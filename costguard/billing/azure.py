"""Azure's exports of an enterprise agreement or a customer agreement, actual and amortized.

What was seen of them: tags are a JSON object without its braces, and with them in some; a byte order mark; American
dates; the same column under several names. An export has one cost: as it is invoiced (actual) or with reservations and
savings plans spread over what they cover (amortized), and nothing in it says which.
"""

from costguard.billing import Charges, Columns, FormatName
from costguard.errors import InputError
from costguard.model.cost import Basis

_COST = ("CostInBillingCurrency", "Cost", "PreTaxCost")
_SUBSCRIPTION = ("SubscriptionId", "SubscriptionGuid")
_RESOURCE = ("ResourceId", "InstanceId", "InstanceName")
_DATE = ("Date", "UsageDateTime", "UsageDate")


class Azure:
    """The format."""

    name: FormatName = "azure"

    def recognises(self, columns: Columns) -> bool:
        return (
            columns.first(*_COST) is not None
            and columns.first(*_SUBSCRIPTION) is not None
            and columns.first("MeterCategory", "MeterId", "ConsumedService") is not None
        )

    def charges(self, columns: Columns, basis: Basis) -> Charges:
        if columns.first(*_COST) is None:
            raise InputError(f"there is none of the columns {', '.join(_COST)} that an export of Azure's has")
        resource = columns.text(*_RESOURCE)
        usage = f"CASE WHEN {resource} IS NULL THEN 'usage_no_resource' ELSE 'usage_taggable' END"
        kind = columns.text("ChargeType")
        return Charges(
            select={
                "provider": "'azure'",
                "account": columns.text(*_SUBSCRIPTION),
                "region": columns.text("ResourceLocation"),
                "service": columns.text("MeterCategory", "ConsumedService"),
                "currency": columns.text("BillingCurrencyCode", "BillingCurrency", "Currency"),
                "start": columns.date(*_DATE),
                "class": usage
                if "ChargeType" not in columns
                else f"CASE WHEN {kind} = 'Usage' THEN {usage} WHEN {kind} = 'Purchase' THEN 'purchase' "
                f"WHEN {kind} = 'Tax' THEN 'tax' "
                f"WHEN {kind} IN ('UnusedReservation', 'UnusedSavingsPlan') THEN 'unused_commitment' "
                f"WHEN {kind} IN ('Refund', 'RoundingAdjustment', 'Credit') THEN 'credit_adjustment' END",
                "resource": resource,
                "tags": columns.text("Tags"),
                "inherited": "CAST(NULL AS VARCHAR)",
                "cost": columns.money(*_COST),
            },
            tagged="Tags" in columns,
            identified=columns.first(*_RESOURCE) is not None,
            remarks=(f"an export of Azure's has one cost, actual or amortized: it is taken as {basis}",),
        )


FORMAT = Azure()
