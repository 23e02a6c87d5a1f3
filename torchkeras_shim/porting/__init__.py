"""Scripts as source text: old spellings turned into those of today, and Keras or TensorFlow into this library.

Nothing of a script is run: it is parsed, and edited in the places that change. Needs LibCST, which the extra `port`
installs.
"""

__all__: list[str] = []
