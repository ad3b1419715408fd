"""The alert rules applied to the event log: pure, as the identity decisions are."""
