"""Models that others trained: which are known, where they come from, whether a file is one of them."""
