"""Methods of java.lang.String and of every object, and Talend's StringHandling."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from fdm_platform.talend.java.answers.answer import Answer, Key
from fdm_platform.talend.java.values import CannotEvaluate, Held, JavaError, text

_BLANKS = "".join(map(chr, range(0x21)))
_SPECIFIER = re.compile(r"%([-+0,]*)(\d+)?(?:\.(\d+))?([sdfxSX%n])")


def units(value: str) -> int:
    """String.length: UTF-16 units."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2


def _equal(receiver: Held, argument: Held) -> bool:
    if receiver.value is None:
        raise JavaError("NullPointerException", "equals of null")
    if receiver.type.kind in ("decimal", "object", "bytes"):
        raise CannotEvaluate("equals of a BigDecimal, which compares scales, or of objects")
    return receiver.type.kind == argument.type.kind and receiver.value == argument.value


def _objects_equal(one: Held, other: Held) -> bool:
    if one.value is None or other.value is None:
        return one.value is other.value
    return _equal(one, other)


def substring(value: str, begin: int, end: int | None = None) -> str:
    """String.substring, of texts within the Basic Multilingual Plane."""
    end = len(value) if end is None else end
    if not 0 <= begin <= end <= len(value):
        raise JavaError("StringIndexOutOfBoundsException", f"{begin} to {end} of {len(value)}")
    return value[begin:end]


def _character(value: str, index: int) -> str:
    if not 0 <= index < len(value):
        raise JavaError("StringIndexOutOfBoundsException", f"{index} of {len(value)}")
    return value[index]


def _find(value: str, sought: str, start: int) -> int:
    return value.find(sought, max(start, 0))


def _regex(pattern: str) -> re.Pattern[str]:
    """Java's regular expressions that mean the same in Python; those of other syntax are not known."""
    if re.search(r"\\[pPhHvVRXGzZQE]|\(\?<[a-zA-Z]|[*+?}]\+|&&|\(\?[a-z]*[UdxmsI]", pattern):
        raise CannotEvaluate(f"the regular expression {pattern!r}")
    try:
        return re.compile(pattern, re.ASCII)
    except re.error:
        raise JavaError("PatternSyntaxException", pattern) from None


def _by(replacement: str) -> Callable[[re.Match[str]], str]:
    """What Java puts in place of a match: `$1` is a group, a backslash quotes."""

    def put(match: re.Match[str]) -> str:
        return re.sub(
            r"\\(.)|\$(\d)",
            lambda m: m[1] if m[1] is not None else _group(match, int(m[2])),
            replacement,
            flags=re.DOTALL,
        )

    return put


def _group(match: re.Match[str], number: int) -> str:
    if number > match.re.groups:
        raise JavaError("IndexOutOfBoundsException", f"no group {number}")
    return match[number] or ""


def replace_all(value: str, pattern: str, replacement: str) -> str:
    """String.replaceAll."""
    return _regex(pattern).sub(_by(replacement), value)


def _replace_first(value: str, pattern: str, replacement: str) -> str:
    return _regex(pattern).sub(_by(replacement), value, count=1)


def _split(value: str, pattern: str, limit: int = 0) -> list[str]:
    if limit not in (0, -1):
        raise CannotEvaluate("split with a limit")
    found = _regex(pattern)
    if found.groups:
        raise CannotEvaluate("split by a pattern with groups")
    pieces = found.split(value)
    if len(pieces) > 1 and pieces[0] == "" and found.match("") and value:
        pieces = pieces[1:]
    if len(pieces) == 1 or limit:
        return pieces
    while pieces and not pieces[-1]:
        pieces.pop()
    return pieces


def _ordered(one: str, other: str) -> int:
    a, b = (value.encode("utf-16-be", "surrogatepass") for value in (one, other))
    for n in range(0, min(len(a), len(b)), 2):
        if a[n : n + 2] != b[n : n + 2]:
            return int.from_bytes(a[n : n + 2], "big") - int.from_bytes(b[n : n + 2], "big")
    return (len(a) - len(b)) // 2


def _formatted(pattern: Held, *arguments: Held) -> str:
    waiting = list(arguments)
    if "%" in _SPECIFIER.sub("", str(pattern.value)):
        raise CannotEvaluate(f"the format {pattern.value!r}")

    def put(match: re.Match[str]) -> str:
        flags, width, places, letter = match.groups()
        if letter in "n%":
            return "\n" if letter == "n" else "%"
        if not waiting:
            raise JavaError("MissingFormatArgumentException", match[0])
        return _padded(_number_text(waiting.pop(0), flags, places, letter), flags, int(width or 0))

    return _SPECIFIER.sub(put, str(pattern.value))


def _number_text(value: Held, flags: str, places: str | None, letter: str) -> str:
    number = value.value
    if letter in "sS" and not places:
        return text(value) if letter == "s" else text(value).upper()
    if number is None:
        return "null"
    grouped = "," if "," in flags else ""
    sign = "+" if "+" in flags else ""
    if letter == "d" and isinstance(number, int):
        return f"{number:{sign}{grouped}d}"
    if letter == "f" and isinstance(number, float):
        rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-int(places or 6)), ROUND_HALF_UP)
        return f"{rounded:{sign}{grouped}f}"
    raise CannotEvaluate(f"String.format by {letter}")


def _padded(words: str, flags: str, width: int) -> str:
    if "-" in flags:
        return words.ljust(width)
    return words.zfill(width) if "0" in flags else words.rjust(width)


def _is_letter(value: str) -> bool:
    return value[:1].isalpha()


OF_VALUES: Mapping[Key, Answer] = {
    ("Object", "equals", 1): Answer("boolean", "any any", _equal),
    ("Object", "toString", 0): Answer("String", "any", text),
    ("Object", "reverse", 0): Answer("Object", "any", lambda v: v.value[::-1]),
    ("String", "length", 0): Answer("int", "String", units),
    ("String", "isEmpty", 0): Answer("boolean", "String", lambda s: s == ""),
    ("String", "toUpperCase", 0): Answer("String", "String", str.upper),
    ("String", "toLowerCase", 0): Answer("String", "String", str.lower),
    ("String", "trim", 0): Answer("String", "String", lambda s: s.strip(_BLANKS)),
    ("String", "equalsIgnoreCase", 1): Answer(
        "boolean",
        "String String",
        lambda s, x: x is not None and s.upper().lower() == x.upper().lower(),
        nulls="take",
    ),
    ("String", "substring", 1): Answer("String", "String int", substring),
    ("String", "substring", 2): Answer("String", "String int int", substring),
    ("String", "charAt", 1): Answer("char", "String int", _character),
    ("String", "indexOf", 1): Answer("int", "String text", str.find),
    ("String", "indexOf", 2): Answer("int", "String text int", _find),
    ("String", "lastIndexOf", 1): Answer("int", "String text", str.rfind),
    ("String", "contains", 1): Answer("boolean", "String String", lambda s, x: x in s),
    ("String", "startsWith", 1): Answer("boolean", "String String", str.startswith),
    ("String", "endsWith", 1): Answer("boolean", "String String", str.endswith),
    ("String", "concat", 1): Answer("String", "String String", lambda s, x: s + x),
    ("String", "replace", 2): Answer("String", "String text text", str.replace),
    ("String", "replaceAll", 2): Answer("String", "String String String", replace_all),
    ("String", "replaceFirst", 2): Answer("String", "String String String", _replace_first),
    ("String", "matches", 1): Answer(
        "boolean", "String String", lambda s, p: _regex(p).fullmatch(s) is not None
    ),
    ("String", "compareTo", 1): Answer("int", "String String", _ordered),
    ("String", "split", 1): Answer("Object", "String String", _split),
    ("String", "split", 2): Answer("Object", "String String int", _split),
}


def _left(value: str, count: int) -> str:
    return substring(value, 0, min(len(value), count))


def _right(value: str, count: int) -> str:
    return substring(value, len(value) - min(len(value), count))


def _count(value: str | None, sought: str | None) -> int:
    if value is None or sought is None:
        return 0
    return sum(value.startswith(sought, n) for n in range(len(value) + (sought == "")))


def _changed(value: str | None, pattern: str | None, by: str | None) -> str | None:
    return value if value is None or pattern is None or by is None else replace_all(value, pattern, by)


def _substr(value: str | None, start: int, count: int | None) -> str | None:
    if not value:
        return None
    if start > len(value):
        return ""
    start = start - 1 if start > 0 else max(0, len(value) + start) if start < 0 else 0
    if count is None or count + start > len(value):
        return value[start:]
    return value[start : start + count] if count > 0 else ""


def _pad(value: str | None, count: int, filler: str | None, *, is_left: bool) -> str | None:
    if not value or count < 1:
        return None
    missing = count - len(value)
    if missing <= 0:
        return value
    added = ((filler or " ") * missing)[:missing]
    return added + value if is_left else value + added


def _stripped(value: str | None, strip: Callable[[str, str], str]) -> str | None:
    return strip(value, _BLANKS) if value else None


def _or(value: str | None, default: object, function: Callable[[str], object]) -> object:
    return default if value is None else function(value)


def _repeated(letter: str, count: int) -> str:
    return letter * count


OF_CLASSES: Mapping[Key, Answer] = {
    ("String", "valueOf", 1): Answer("String", "any", text),
    **{("String", "format", n): Answer("String", " ".join(["any"] * n), _formatted) for n in range(1, 9)},
    ("Objects", "equals", 2): Answer("boolean", "any any", _objects_equal),
    ("Character", "isDigit", 1): Answer("boolean", "char", lambda c: c.isdecimal()),
    ("Character", "isLetter", 1): Answer("boolean", "char", _is_letter),
    ("Character", "isLetterOrDigit", 1): Answer("boolean", "char", lambda c: c.isdecimal() or c.isalpha()),
    ("Character", "toString", 1): Answer("String", "any", text),
    ("Character", "valueOf", 1): Answer("char", "char", lambda c: c),
    ("StringHandling", "UPCASE", 1): Answer("String", "String", str.upper, nulls="pass"),
    ("StringHandling", "DOWNCASE", 1): Answer("String", "String", str.lower, nulls="pass"),
    ("StringHandling", "TRIM", 1): Answer("String", "String", lambda s: s.strip(_BLANKS), nulls="pass"),
    ("StringHandling", "FTRIM", 1): Answer("String", "String", lambda s: s.lstrip(_BLANKS), nulls="pass"),
    ("StringHandling", "BTRIM", 1): Answer("String", "String", lambda s: s.rstrip(_BLANKS), nulls="pass"),
    ("StringHandling", "LTRIM", 1): Answer(
        "String", "String", lambda s: _stripped(s, str.lstrip), nulls="take"
    ),
    ("StringHandling", "RTRIM", 1): Answer(
        "String", "String", lambda s: _stripped(s, str.rstrip), nulls="take"
    ),
    ("StringHandling", "LPAD", 2): Answer(
        "String", "String int", lambda s, n: _pad(s, n, None, is_left=True), nulls="take"
    ),
    ("StringHandling", "LPAD", 3): Answer(
        "String", "String int String", lambda s, n, x: _pad(s, n, x, is_left=True), nulls="take"
    ),
    ("StringHandling", "RPAD", 2): Answer(
        "String", "String int", lambda s, n: _pad(s, n, None, is_left=False), nulls="take"
    ),
    ("StringHandling", "RPAD", 3): Answer(
        "String", "String int String", lambda s, n, x: _pad(s, n, x, is_left=False), nulls="take"
    ),
    ("StringHandling", "LEFT", 2): Answer("String", "String int", _left, nulls="pass"),
    ("StringHandling", "RIGHT", 2): Answer("String", "String int", _right, nulls="pass"),
    ("StringHandling", "LEN", 1): Answer("int", "String", lambda s: _or(s, -1, units), nulls="take"),
    ("StringHandling", "INDEX", 2): Answer(
        "int", "String String", lambda s, x: -1 if s is None or x is None else s.find(x), nulls="take"
    ),
    ("StringHandling", "COUNT", 2): Answer("int", "String String", _count, nulls="take"),
    ("StringHandling", "CHANGE", 3): Answer("String", "String String String", _changed, nulls="take"),
    ("StringHandling", "EREPLACE", 3): Answer("String", "String String String", _changed, nulls="take"),
    ("StringHandling", "DQUOTE", 1): Answer("String", "String", lambda s: f'"{s}"', nulls="pass"),
    ("StringHandling", "SQUOTE", 1): Answer("String", "String", lambda s: f"'{s}'", nulls="pass"),
    ("StringHandling", "SPACE", 1): Answer("String", "int", lambda n: " " * n),
    ("StringHandling", "STR", 2): Answer("String", "char int", _repeated),
    ("StringHandling", "SUBSTR", 3): Answer("String", "String int Integer", _substr, nulls="take"),
    ("StringHandling", "IS_ALPHA", 1): Answer(
        "boolean", "String", lambda s: s is not None and all(c.isalpha() for c in s), nulls="take"
    ),
    ("StringHandling", "ALPHA", 1): Answer(
        "boolean", "String", lambda s: s is not None and list(s) == sorted(s), nulls="take"
    ),
}


def _copied(value: Held) -> object:
    return value.value


CONSTRUCTED: Mapping[Key, Answer] = {
    ("String", "new", 1): Answer("String", "String", lambda s: s),
    ("StringBuilder", "new", 1): Answer("Object", "any", _copied),
    ("StringBuffer", "new", 1): Answer("Object", "any", _copied),
}
