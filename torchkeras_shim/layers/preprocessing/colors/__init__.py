"""Layers that change the colors of images."""
