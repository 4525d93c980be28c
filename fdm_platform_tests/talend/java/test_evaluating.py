"""The interpreter gives the answers that were worked out by hand."""

from __future__ import annotations

import pytest

from fdm_platform.talend.java import JavaError, evaluate
from fdm_platform_tests.talend.java.case import THROWS, Case, Row
from fdm_platform_tests.talend.java.cases import CASES
from fdm_platform_tests.talend.java.rows import is_same, scope_of


def _answer(case: Case, row: Row) -> object:
    values = dict(zip(case.types, row[0], strict=True))
    try:
        return evaluate(case.java, {"row1": values}, scope_of(case))
    except JavaError:
        return THROWS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answers_as_java(case: Case) -> None:
    found = [(row[0], _answer(case, row)) for row in case.rows]
    wrong = [(*f, row[1]) for f, row in zip(found, case.rows, strict=True) if not is_same(f[1], row[1])]
    assert not wrong, "given, found, expected"
