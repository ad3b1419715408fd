"""Agent and projector on in-memory servers that fail at every labelled I/O boundary. Deterministic."""
