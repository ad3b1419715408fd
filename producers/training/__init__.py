"""Trains the learned default encoder. Needs torch; nothing at run time imports this package."""
