"""The embedder process: pictures of searches in, embeddings out."""
