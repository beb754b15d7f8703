"""One night: scan, reconcile, spend, report, notify, in one leased and resumable run.

:mod:`~costguard.nightly.run` knows the order of the stages, what becomes of the others when one fails, and how a night
that was killed is taken up again; :mod:`~costguard.nightly.stages` what each stage does; and
:mod:`~costguard.nightly.history` what is kept of each night.
"""
