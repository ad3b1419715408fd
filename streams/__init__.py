"""The identity agent: one writer per partition of the event log."""
