"""The driver's side of its messages file: one JSON line each, written the moment it is known."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from fdm_platform.model.report import LogLine, Message, encode

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class MessageWriter:
    """Appends messages to a file, each line flushed; dates that run at once may share it."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by __exit__
        self._lock = threading.Lock()
        self.hidden: tuple[str, ...] = ()
        """Secrets, which a message of Spark or of a database's driver may quote."""

    def write(self, message: Message) -> None:
        """Write one message as one line."""
        line = self._without_secrets(encode(message)) + "\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()

    def _without_secrets(self, line: str) -> str:
        for secret in filter(None, self.hidden):
            line = line.replace(json.dumps(secret)[1:-1], "******")
        return line

    def log(self, level: Level, text: str) -> None:
        """Write a line for the run's log."""
        self.write(LogLine(level, text))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._file.close()
