"""Dense, embedding, activation and function layers."""
