"""Writes tags on AWS: ``services`` is the table of how each service reads, sets and takes away tags, ``writer`` does it
and tells what became of each resource."""
