"""A Java program that evaluates cases: the JDK itself says whether the answers that were worked out by hand are right.

Talend's own routines are no part of this project; those that only wrap a class of the JDK are wrapped here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from fdm_platform_tests.talend.java.case import THROWS, Case

ORACLE = "Oracle"
_ROUTINES = re.compile(r"\b(StringHandling|Mathematical|TalendDate)\.(\w+)")
_WRAPPED = {("TalendDate", "formatDate"), ("TalendDate", "parseDate"), ("TalendDate", "isDate")}
_CLASSES = """
class Relational {
    static boolean ISNULL(Object x) { return x == null; }
    static boolean NOT(boolean x) { return !x; }
    static int isNull(Object x) { return x == null ? 1 : 0; }
}
class TalendDate {
    static String formatDate(String pattern, java.util.Date date) {
        return new java.text.SimpleDateFormat(pattern).format(date);
    }
    static java.util.Date parseDate(String pattern, String text) throws Exception {
        boolean byPosition = pattern.equals("yyyy-MM-dd") || pattern.equals("yyyy-MM-dd HH:mm:ss");
        return new java.text.SimpleDateFormat(pattern).parse(byPosition ? fields(pattern, text) : text);
    }
    static String fields(String pattern, String text) {
        StringBuilder found = new StringBuilder(pattern);
        for (int n = 0; n < pattern.length(); n++) {
            if (!Character.isLetter(pattern.charAt(n))) continue;
            if (!Character.isDigit(text.charAt(n))) throw new IllegalArgumentException(text);
            found.setCharAt(n, text.charAt(n));
        }
        return found.toString();
    }
    static boolean isDate(String text, String pattern) {
        try {
            return text != null && formatDate(pattern, parseDate(pattern, text)).equalsIgnoreCase(text);
        } catch (Exception e) {
            return false;
        }
    }
}
"""
_MAIN = """
public class Oracle {
    static String shown(Object value) {
        if (value instanceof java.util.Date) return "V" + ((java.util.Date) value).getTime();
        if (value instanceof java.math.BigDecimal) return "V" + ((java.math.BigDecimal) value).toPlainString();
        if (value == null) return "N";
        if (value instanceof Float) value = ((Float) value).doubleValue();
        StringBuilder hex = new StringBuilder("V");
        for (char c : value.toString().toCharArray()) hex.append(c > 32 && c < 127 && c != '%' ? "" + c : String.format("%%%04x", (int) c));
        return hex.toString();
    }
    interface Expression { Object value() throws Exception; }
    static void say(java.io.PrintStream out, String name, Expression expression) {
        String answer;
        try { answer = shown(expression.value()); } catch (Throwable e) { answer = "T" + e.getClass().getSimpleName(); }
        out.println(name + "\\t" + answer);
    }
"""


def runnable(case: Case) -> bool:
    """Whether the JDK knows all that the case uses."""
    return all(found in _WRAPPED for found in _ROUTINES.findall(case.java))


def program(cases: Sequence[Case]) -> str:
    """A class for the columns of each case, a method that evaluates its expression for each row."""
    rows, methods, calls = [], [], []
    for n, case in enumerate(cases):
        fields = " ".join(f"{_type(type_)} {name};" for name, type_ in case.types.items())
        rows.append(f"class R{n} {{ {fields} }}")
        methods.append(f"    static Object e{n}(R{n} row1) throws Exception {{ return {case.java}; }}")
        for k, (given, _) in enumerate(case.rows):
            sets = "".join(
                f" r.{name} = {_literal(value, type_)};"
                for (name, type_), value in zip(case.types.items(), given, strict=True)
            )
            methods.append(f"    static R{n} r{n}_{k}() {{ R{n} r = new R{n}();{sets} return r; }}")
            calls.append(f'        say(out, "{n}.{k}", () -> e{n}(r{n}_{k}()));')
    main = "    public static void main(String[] a) throws Exception {\n        java.io.PrintStream out = System.out;\n"
    return "\n".join([_MAIN, *methods, main, *calls, "    }\n}", *rows, _CLASSES])


def _type(name: str) -> str:
    plain = name.partition("(")[0]
    return {"Date": "java.util.Date", "BigDecimal": "java.math.BigDecimal"}.get(plain, plain)


def _literal(value: object, type_: str) -> str:
    return "null" if value is None else _written(value, _type(type_))


def _written(value: object, type_: str) -> str:
    match value:
        case str():
            escaped = "".join(c if " " < c < "\x7f" and c not in "\\\"'" else _unicode(c) for c in value)
            return f"'{escaped}'" if type_ == "char" else f'"{escaped}"'
        case bool():
            return str(value).lower()
        case Decimal():
            return f'new java.math.BigDecimal("{value}")'
        case datetime():
            return f"new java.util.Date({(value - datetime(1970, 1, 1)) // timedelta(milliseconds=1)}L)"  # noqa: DTZ001
        case float():
            words = repr(value).replace("nan", "NaN").replace("inf", "Infinity")
            return f'({_primitive(type_)}) Double.parseDouble("{words}")'
        case _:
            return f"({_primitive(type_)}) {value}L"


def _primitive(type_: str) -> str:
    """By whose cast a literal becomes a box, too."""
    return {"Integer": "int"}.get(type_, type_.lower())


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "'": "\\'", "\\": "\\\\", " ": " "}


def _unicode(character: str) -> str:
    return _ESCAPES.get(character, f"\\u{ord(character):04x}")


def answer_of(said: str, like: object) -> object:
    """What the program printed, as a Python value of the type that was expected."""
    if said.startswith("T"):
        return THROWS
    if said == "N":
        return None
    words = re.sub(r"%([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), said[1:])
    if isinstance(like, bool):
        return {"true": True, "false": False}.get(words, words)
    if isinstance(like, datetime):
        return datetime.utcfromtimestamp(int(words) / 1000)  # noqa: DTZ004 - wall clock
    if isinstance(like, int | float | Decimal):
        return type(like)(words)
    return words
