"""Files of Hadoop's as Python reads and writes files."""

from __future__ import annotations

import io
import os
from typing import Any

import jpype

from fdm_platform.engines.hadoop_client import reported

_MAX_WRITE = 1 << 20


class Source(io.RawIOBase):
    """An open file, of `size` bytes."""

    def __init__(self, stream: Any, size: int, file: str) -> None:
        super().__init__()
        self._stream, self._size, self._file, self._position = stream, size, file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        count = max(0, min(len(buffer), self._size - self._position))
        if count:
            with reported(self._file):
                block = jpype.JArray(jpype.JByte)(count)
                self._stream.readFully(self._position, block, 0, count)
                memoryview(buffer).cast("B")[:count] = memoryview(block).cast("B")
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            with reported(self._file):
                self._stream.close()


class Sink(io.RawIOBase):
    """A file that is being written. What is closed is on disk."""

    def __init__(self, stream: Any, file: str) -> None:
        super().__init__()
        self._stream, self._file, self._position = stream, file, 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any, /) -> int:
        given = memoryview(data).cast("B")
        with reported(self._file):
            for start in range(0, len(given), _MAX_WRITE):
                self._stream.write(bytes(given[start : start + _MAX_WRITE]))
        self._position += len(given)
        return len(given)

    def close(self) -> None:
        if not self.closed:
            super().close()
            with reported(self._file):
                try:
                    self._stream.hsync()
                finally:
                    self._stream.close()
