"""The composition root: the CLI, the supervisor of local processes, the demo and its score."""
