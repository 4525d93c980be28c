"""The URL of a control store in Kudu: `kudu://master1:7051,master2:7051?prefix=impala::fdm.&replicas=3`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fdm_platform.control.kudu.client import TIMEOUT_S
from fdm_platform.errors import ControlError
from fdm_platform.planning.names import suggest

_MASTER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:(?P<port>\d{1,5}))?")
_DEFAULT_PORT, _LAST_PORT = 7051, 65535
_OPTIONS = ("prefix", "replicas", "timeout_s")
FORM = "kudu://<master>:7051,<master>:7051?prefix=impala::fdm."


@dataclass(frozen=True, slots=True)
class KuduAddress:
    """Where the control tables are: a cluster, and what every table's name there begins with."""

    masters: tuple[str, ...]
    client: str | None
    """`java` or `native`, where the URL forces one."""
    prefix: str = ""
    replicas: int | None = None
    timeout_s: float = TIMEOUT_S

    @property
    def text(self) -> str:
        """The masters, for messages."""
        return ",".join(self.masters)


def parse(url: str) -> KuduAddress:
    """The address in a URL; ControlError naming FDM_CONTROL_URL for what is none."""
    scheme, _, rest = url.partition("://")
    hosts, _, query = rest.partition("?")
    masters = tuple(_master(url, part.strip()) for part in hosts.rstrip("/").split(","))
    options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=False))
    for name in options:
        if name not in _OPTIONS:
            raise _wrong(url, f"{name!r} is no option of it", suggest(name, _OPTIONS))
    return KuduAddress(
        masters,
        scheme.partition("+")[2] or None,
        options.get("prefix", ""),
        int(_number(url, options, "replicas")) if "replicas" in options else None,
        _number(url, options, "timeout_s") if "timeout_s" in options else TIMEOUT_S,
    )


def _master(url: str, text: str) -> str:
    match = _MASTER.fullmatch(text)
    if match is None or int(match["port"] or _DEFAULT_PORT) > _LAST_PORT:
        raise _wrong(url, f"{text!r} is no host of a Kudu master", f"write it as {FORM}")
    return f"{match['host']}:{match['port'] or _DEFAULT_PORT}"


def _number(url: str, options: dict[str, str], name: str) -> float:
    try:
        number = float(options[name])
    except ValueError:
        number = 0
    if number <= 0 or (name == "replicas" and (number % 2 != 1)):
        wanted = "an odd whole number, such as 3" if name == "replicas" else "a number of seconds above 0"
        raise _wrong(url, f"{name}={options[name]} is not right", f"give {wanted}")
    return number


def _wrong(url: str, message: str, remedy: str) -> ControlError:
    return ControlError(f"{url!r}: {message}", field="FDM_CONTROL_URL", remedy=remedy)
