"""The alert agent: identity events and commands in, alert events out, exactly once."""
