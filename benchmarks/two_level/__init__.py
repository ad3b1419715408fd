"""The same people decided in one level and over zones: who is who in both, and what it costs."""
