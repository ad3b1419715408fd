"""Composition root: the `saferoom` command, the supervisor of local processes, the demo."""
