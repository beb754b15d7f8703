"""AWS: which accounts and regions there are, and the sources that list what runs in them.

``api`` is the one door to AWS, ``calls`` the table of what may go through it. Each source is one module: ``explorer``
(Resource Explorer), ``tagging`` (the Resource Groups Tagging API), ``aggregator`` (AWS Config) and ``native`` (the
services themselves). ``inventory`` runs them in their order over all accounts and regions.
"""
