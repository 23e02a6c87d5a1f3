"""Layers that mix the images of a batch with one another, or several changes of an image."""
