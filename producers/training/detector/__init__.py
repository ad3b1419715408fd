"""Trains the built-in person detector: people put before places, a small network, its export."""
