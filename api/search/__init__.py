"""Person search: an index of all appearances in this process, kept current from the views."""
