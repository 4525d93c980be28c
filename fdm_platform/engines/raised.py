"""Errors that rows raise inside Spark, in the pass that reads or writes them.

`raise_error` carries text only, so an error travels as JSON behind a mark and is found again in the
text of the exception that Spark makes of it.
"""

from __future__ import annotations

import json
import re

from fdm_platform.errors import ContractError, FdmError, SourceError

_MARK = "fdm-error:"
_VALUE = "{value}"
_CARRIED = re.compile(_MARK + r"(\{.*?\})\|(.*?)\|:fdm", re.DOTALL)
_KINDS: dict[str, type[FdmError]] = {c.__name__: c for c in (SourceError, ContractError)}
_MAX_VALUE = 100


def raising(error: FdmError, value: str | None = None) -> str:
    """A SQL expression that raises the error; `{value}` in its message is the SQL expression `value`."""
    plain = json.dumps({"error": type(error).__name__, **error.to_json()})
    return f"raise_error(concat({quote(_MARK + plain + '|')}, {_shown(value)}, '|:fdm'))"


def telling(error: FdmError, value: str | None = None) -> str:
    """A SQL expression of the error's message, with its `{value}` as in `raising`."""
    before, _, after = error.message.partition(_VALUE)
    return f"concat({quote(before)}, {_shown(value)}, {quote(after)})"


def _shown(value: str | None) -> str:
    return f"coalesce(left(cast({value} as string), {_MAX_VALUE}), 'NULL')" if value else "''"


def find_raised(text: str) -> FdmError | None:
    """The error that a row raised, if the text of an exception carries one."""
    found = _CARRIED.search(text)
    if found is None:
        return None
    fields = json.loads(found[1])
    kind = _KINDS[fields.pop("error")]
    message = fields.pop("message").replace(_VALUE, found[2])
    return kind(message, **fields)


def quote(text: str) -> str:
    """A SQL string literal, whatever the text holds."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(column: str) -> str:
    """A column's name as SQL writes it."""
    return "`" + column.replace("`", "``") + "`"
