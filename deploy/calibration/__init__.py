"""``saferoom calibration show``: what a site has learned of itself, read from its log."""
