"""Sample values of fixtures."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from fdm_platform.talend.java import CannotEvaluate, evaluate
from fdm_platform.talend.samples import fitting, formatted

MOMENT = datetime.fromisoformat("2024-05-03T04:05:06.007")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-05-03 04:05:06.007"),
        ("d/M/yy EEE", "3/5/24 Fri"),
        ("no pattern", "no pattern"),
    ],
)
def test_a_date_is_written_as_java_reads_it(pattern: str, text: str) -> None:
    assert formatted(MOMENT, pattern) == text


def test_a_number_of_more_digits_than_python_usually_keeps() -> None:
    assert fitting(Decimal("1" * 19), "decimal(38,10)") == Decimal("1" * 19)
    assert fitting(Decimal("1" * 30), "decimal(38,10)") == 0


def test_a_sample_that_python_cannot_hold_is_no_crash() -> None:
    with pytest.raises(CannotEvaluate, match="year 12023"):
        evaluate('TalendDate.addDate(row1.x, 9999, "yyyy")', {"row1": {"x": MOMENT}})
