"""The best few pictures of each track, for the crop store."""
