"""Expressions at random, always the same ones: what the interpreter answers, a JVM and Spark have to answer too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random

from fdm_platform.talend.java import JavaError, evaluate
from fdm_platform_tests.talend.java.case import INT_MAX, INT_MIN, THROWS, Case
from fdm_platform_tests.talend.java.rows import scope_of

_COLUMNS = "a: int; b: Integer; l: long; d: double; t: boolean; s: String; u: String"
_ROWS: Sequence[tuple[object, ...]] = (
    (0, None, 1, 0.5, True, None, "x"),
    (7, -3, 2**40, -2.25, False, "", None),
    (INT_MAX, INT_MIN, -(2**63), 1e10, True, "ab c", "ab"),
    (-1, 1, 0, 0.0, False, " 12 ", "12"),
)
_DEEPEST = 4
_EXPRESSIONS = 120


@cache
def random_cases() -> tuple[Case, ...]:
    """Cases whose answers are the interpreter's."""
    maker = _Maker(Random(20240531))  # noqa: S311 - no secret
    return tuple(_case(getattr(maker, kind)(0)) for kind in ("whole", "truth", "text") * (_EXPRESSIONS // 3))


def _case(java: str) -> Case:
    plain = Case(java, _COLUMNS, ())
    return Case(java, _COLUMNS, [(row, _answer(plain, row)) for row in _ROWS])


def _answer(case: Case, row: Sequence[object]) -> object:
    try:
        return evaluate(case.java, {"row1": dict(zip(case.types, row, strict=True))}, scope_of(case))
    except JavaError:
        return THROWS


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random

    def _fill(self, depth: int, leaves: Sequence[str], forms: Sequence[str]) -> str:
        """A leaf or a form; W, T, S in a form stand for a whole number, a truth, a text."""
        if depth >= _DEEPEST or self._random.random() < depth * 0.15:
            return self._random.choice(leaves)
        words = self._random.choice(forms).split(" ")
        makers = {"W": self.whole, "T": self.truth, "S": self.text}
        return "".join(makers[w](depth + 1) if w in makers else w for w in words)

    def whole(self, depth: int) -> str:
        leaves = ["row1.a", "row1.a", "row1.b", "3", "-2", "0", "2147483647"]
        forms = [
            "( W + W )", "( W - W )", "( W * W )", "( W / W )", "( W % W )", "( W & W )", "( W ^ W )", "( W << W )",
            "( W >>> 3 )", "(-( W ))", "(~ W )", "( T ? W : W )", "((int)(row1.l+ W ))", "((int)(row1.d* W ))",
            "(row1.s).length()", "S .indexOf( S )", "Integer.parseInt( S .trim())", "( T ?row1.b: W )",
            "((byte)( W +0))", "Math.max( W , W )", "(row1.b!=null?row1.b: W )",
        ]  # fmt: skip
        return self._fill(depth, leaves, forms)

    def truth(self, depth: int) -> str:
        leaves = ["row1.t", "(row1.b==null)", "(row1.s!=null)", "(row1.a>0)", "(row1.d<1)"]
        forms = [
            "( W < W )", "( W >= W )", "(( W )+0== W )", "( W !=row1.a)", "( T && T )", "( T || T )", "(! T )",
            "( T ^ T )", "( T ? T : T )", "row1.s.isEmpty()", "S .equals( S )", '"ab".equals( S )',
            "( S ).contains( S )", "(row1.s!=null&&row1.s.length()> W )", "(row1.d* W >row1.l)", "( S ).startsWith(row1.u)",
        ]  # fmt: skip
        return self._fill(depth, leaves, forms)

    def text(self, depth: int) -> str:
        leaves = ["row1.s", "row1.u", '"x"', '""', '"12"']
        forms = [
            "( S + W )", "( S + S )", "( W + S )", "( S + T )", '(""+row1.b)', "( T ? S : S )", "( S ).trim()",
            "( S ).toUpperCase()", "( S ).substring(1)", "( S ).substring(0, 2)", '( S ).replace("x", S )',
            "(row1.s==null? S :row1.s)", "( T ? null : S )", "( S ).concat( S )",
        ]  # fmt: skip
        return self._fill(depth, leaves, forms)
