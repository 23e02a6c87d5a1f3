"""What happens between `compile()` and a trained model."""
