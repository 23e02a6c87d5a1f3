"""Layers that rearrange."""
