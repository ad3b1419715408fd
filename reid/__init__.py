"""Shared kernel: contracts, the pure identity domain, runtime. Imports none of the packages above it."""
