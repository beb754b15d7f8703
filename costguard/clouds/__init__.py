"""The live inventories. A source (an API that lists resources) yields pages of sightings; the store keeps them and the
ledger of what was looked at; the union makes one resource of all that was seen of it, for the engine to judge.

``aws`` and ``google`` hold the sources of each cloud. Their SDKs are imported when a connection is made.
"""
