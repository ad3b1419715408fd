"""What crosses a process boundary: topics, messages, events, commands, and their encoding."""
