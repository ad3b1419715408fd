"""Person search measured: vectors like an encoder's, the index alone, and the whole API."""
