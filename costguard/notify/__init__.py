"""Tells people: one digest for each owner, over the channels that costguard.yaml names."""
