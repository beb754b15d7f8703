"""Spend: what a bill's charges come to under a policy.

One grouping query sums the charges by tag set and dimensions where the bill lies (:mod:`~costguard.spend.query`, run by
one of :mod:`~costguard.spend.engines`); the policy engine judges each distinct tag set once
(:mod:`~costguard.spend.verdicts`); and all that is reported is summed from the groups, joined with their verdicts, in
an embedded database (:mod:`~costguard.spend.ledger`).
"""
