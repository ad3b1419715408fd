"""Real chaos: whole processes, killed and frozen at random over many frames; then the verifier."""
