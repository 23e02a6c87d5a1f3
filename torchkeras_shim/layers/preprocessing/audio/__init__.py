"""Layers that turn sound into images of it."""
