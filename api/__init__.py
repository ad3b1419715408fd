"""Read-only HTTP and WebSocket API; commands go through the log."""
