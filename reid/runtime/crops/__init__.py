"""Stored crops: JPEG files outside the log, each named by the SHA-256 of its bytes."""
