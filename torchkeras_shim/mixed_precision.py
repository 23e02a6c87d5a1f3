"""`keras.mixed_precision`: the older names of dtype policies, and loss scaling.

Under the policy `"mixed_bfloat16"` or `"mixed_float16"` layers compute in half precision and keep float32 weights::

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
"""

from __future__ import annotations

from torchkeras_shim.core.dtype_policies import DTypePolicy, dtype_policy, set_dtype_policy
from torchkeras_shim.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
