"""What Java's literals say."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(u+[0-9a-fA-F]{4}|[0-3]?[0-7]{1,2}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "s": " ", '"': '"', "'": "'", "\\": "\\"}
_WIDTHS = {"int": 32, "long": 64}


def text(written: str) -> str:
    """Of a string literal, quotes included. ValueError: a text block, an unknown escape."""
    if written.startswith('"""'):
        raise ValueError("a text block has no translation")
    return _unescaped(written[1:-1])


def character(written: str) -> str:
    """Of a character literal, quotes included."""
    return _unescaped(written[1:-1])


def number(written: str) -> tuple[str, int | float]:
    """Kind and value of a number, its sign and underscores included. ValueError: more than its type holds."""
    sign = -1 if written.startswith("-") else 1
    digits = written.removeprefix("-").strip().replace("_", "").lower()
    is_hex = digits.startswith("0x")
    if not is_hex and (digits[-1] in "fd" or "." in digits or "e" in digits):
        return _floating(digits, sign)
    kind = "long" if digits.endswith("l") else "int"
    return kind, _whole(digits.removesuffix("l"), sign, _WIDTHS[kind])


def _floating(digits: str, sign: int) -> tuple[str, float]:
    return ("float" if digits.endswith("f") else "double"), sign * float(digits.rstrip("fd"))


def _whole(digits: str, sign: int, width: int) -> int:
    if digits.startswith(("0x", "0b")) or (digits.startswith("0") and len(digits) > 1):
        base = {"0x": 16, "0b": 2}.get(digits[:2], 8)
        value, is_plain = int(digits[2:] if base != 8 else digits[1:], base), False  # noqa: PLR2004 - octal
    else:
        value, is_plain = int(digits), True
    largest = 2 ** (width - 1) - (1 if sign > 0 else 0) if is_plain else 2**width - 1
    if value > largest:
        raise ValueError(f"{digits} is more than its type holds")
    value = value if is_plain or value < 2 ** (width - 1) else value - 2**width
    return sign * value


def _unescaped(body: str) -> str:
    joined = _ESCAPE.sub(_unescape, body)
    # Pairs of \uXXXX that are one character beyond the Basic Multilingual Plane.
    return joined.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "u":
        return chr(int(code.lstrip("u"), 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code not in _SIMPLE:
        raise ValueError(f"\\{code} is no escape that Java knows")
    return _SIMPLE[code]
