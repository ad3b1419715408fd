"""The alert rules as an operator writes them: one YAML file."""
