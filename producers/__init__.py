"""Capture, detect, track, embed, publish."""
