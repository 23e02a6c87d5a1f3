"""Callbacks: what may look on, and step in, while a model trains."""

from torchkeras_shim.callbacks.backup_and_restore import BackupAndRestore
from torchkeras_shim.callbacks.callback import Callback
from torchkeras_shim.callbacks.callback_list import CallbackList
from torchkeras_shim.callbacks.csv_logger import CSVLogger
from torchkeras_shim.callbacks.early_stopping import EarlyStopping
from torchkeras_shim.callbacks.history import History
from torchkeras_shim.callbacks.lambda_callback import LambdaCallback
from torchkeras_shim.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau, TorchLRScheduler
from torchkeras_shim.callbacks.model_checkpoint import ModelCheckpoint
from torchkeras_shim.callbacks.plotting import LivePlot
from torchkeras_shim.callbacks.progress import ProgbarLogger
from torchkeras_shim.callbacks.remote_monitor import RemoteMonitor
from torchkeras_shim.callbacks.swap_ema_weights import SwapEMAWeights
from torchkeras_shim.callbacks.tensorboard import TensorBoard
from torchkeras_shim.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "LivePlot",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "TorchLRScheduler",
]
