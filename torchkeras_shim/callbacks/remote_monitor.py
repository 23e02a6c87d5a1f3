"""Sends the results of each epoch to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from torchkeras_shim.callbacks.callback import Callback, Logs


class RemoteMonitor(Callback):
    """Sends the results of each epoch to a server, as HTTP POST to `root + path`.

    Args:
        root: The server's address.
        path: Where on the server the results go.
        field: The name of the form's field that holds them as JSON; used unless `send_as_json`.
        headers: Further HTTP headers.
        send_as_json: Whether they are sent as `application/json` instead of within a form.

    Raises:
        ValueError: If an address is not HTTP.

    Example:
        >>> RemoteMonitor(root="http://localhost:8000").path
        '/publish/epoch/end/'
    """

    only_in_first_process = True
    reads_weights = False

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if urllib.parse.urlsplit(root).scheme not in ("http", "https"):
            raise ValueError(
                f"`root` must be the address of a server, such as 'http://localhost:9000'. Received: {root}"
            )
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Sends the epoch's number and results; warns if the server cannot be reached."""
        values: dict[str, Any] = {"epoch": epoch}
        for name, value in (logs or {}).items():
            values[name] = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
        text = json.dumps(values)
        if self.send_as_json:
            kind, data = "application/json", text.encode("utf-8")
        else:
            kind, data = "application/x-www-form-urlencoded", urllib.parse.urlencode({self.field: text}).encode("ascii")
        request = urllib.request.Request(
            self.root + self.path, data=data, headers={"Content-Type": kind, **(self.headers or {})}, method="POST"
        )
        try:
            with urllib.request.urlopen(request):
                pass
        except urllib.error.HTTPError as error:
            error.close()  # the server was reached, and has its own way to answer
        except OSError:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}", stacklevel=2)
