"""What the tests of the night share with those of the journal: a PostgreSQL of their own."""

from tests.reconcile.conftest import postgres as postgres
