"""Where the persons are in a frame."""
