"""Layers that resize, move and recolour images, and what belongs to them: labels, bounding boxes, masks."""
