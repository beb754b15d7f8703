"""The reconciler: infers what is missing, plans a change set, applies it as a transaction, and can undo it."""
