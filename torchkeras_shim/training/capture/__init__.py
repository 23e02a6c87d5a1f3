"""Captured functions: a step's kernels written down once and replayed without modules, autograd and their overhead."""
