"""Level 4: what happens between `compile()` and a trained model."""
