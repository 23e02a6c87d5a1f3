"""What `compile` was told, as torch's own optimizer, loss and metrics, and a loop that trains as `fit` does."""
