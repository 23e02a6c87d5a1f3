"""`tf.errors`: the errors that scripts catch."""

from __future__ import annotations

from torchkeras_shim.compat.tf.api import NAMES, public
from torchkeras_shim.core.errors import FailedPreconditionError, InvalidArgumentError, OpError

_BUILT_ON = {
    "AbortedError": Exception,
    "AlreadyExistsError": FileExistsError,
    "CancelledError": Exception,
    "DataLossError": ValueError,
    "DeadlineExceededError": TimeoutError,
    "InternalError": Exception,
    "NotFoundError": FileNotFoundError,
    "OutOfRangeError": IndexError,
    "PermissionDeniedError": PermissionError,
    "ResourceExhaustedError": MemoryError,
    "UnauthenticatedError": Exception,
    "UnavailableError": Exception,
    "UnimplementedError": NotImplementedError,
    "UnknownError": Exception,
}
for _name, _base in _BUILT_ON.items():
    _bases = (OpError,) if _base is Exception else (OpError, _base)
    NAMES[f"errors.{_name}"] = type(_name, _bases, {"__doc__": f"TensorFlow's `{_name}`."})

public("errors.OpError")(OpError)
public("errors.InvalidArgumentError")(InvalidArgumentError)
public("errors.FailedPreconditionError")(FailedPreconditionError)
NotFoundError: type[OpError] = NAMES["errors.NotFoundError"]
OutOfRangeError: type[OpError] = NAMES["errors.OutOfRangeError"]
UnimplementedError: type[OpError] = NAMES["errors.UnimplementedError"]

#: The numbers of TensorFlow's errors.
_CODES = """
    OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED
    RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS
    UNAUTHENTICATED
""".split()  # noqa: SIM905
for _number, _code in enumerate(_CODES):
    NAMES[f"errors.{_code}"] = _number
