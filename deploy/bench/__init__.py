"""``saferoom bench``: what this machine, or these servers, carry."""
