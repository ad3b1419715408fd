"""Where persons were, when, and with whom: pure arithmetic on the spans of their tracks."""
