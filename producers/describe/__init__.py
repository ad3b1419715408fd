"""What people look like, in words: clothing colours, pattern, height class. No weights, no download."""
