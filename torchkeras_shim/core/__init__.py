"""What every other room stands on. Imports nothing of this package but itself."""
