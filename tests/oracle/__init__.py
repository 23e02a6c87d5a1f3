"""Real Keras as the tests see it: computed once, kept in files, and answered from there.

`values` writes what Keras returned, `tapes` holds what one test asked and was answered, `stand_in` is the object that
tests call `keras`, `plugin` gives pytest its options. `docs/concepts/testing.md` says how it is used.
"""
