"""Mends the source: findings of a check → edits of files, written all or none, or shown as a patch."""
