"""What a generated file may need beside torch's own.

The classes and functions in these modules are copied into the file as they stand here.
They import torch and Python's own modules only, and `NEEDS` says which others one uses.
"""
