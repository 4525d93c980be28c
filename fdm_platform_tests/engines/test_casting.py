"""Which types go into which without loss."""

import pytest
from pyspark.sql import types as t

from fdm_platform.engines.casting import fits

TYPES: dict[str, t.DataType] = {
    "int": t.IntegerType(),
    "bigint": t.LongType(),
    "smallint": t.ShortType(),
    "float": t.FloatType(),
    "double": t.DoubleType(),
    "string": t.StringType(),
    "date": t.DateType(),
    "timestamp": t.TimestampType(),
    "void": t.NullType(),
    "decimal(10,2)": t.DecimalType(10, 2),
    "decimal(12,4)": t.DecimalType(12, 4),
    "decimal(12,3)": t.DecimalType(12, 3),
    "decimal(12,1)": t.DecimalType(12, 1),
    "decimal(9,0)": t.DecimalType(9, 0),
    "array<int>": t.ArrayType(t.IntegerType()),
    "array<bigint>": t.ArrayType(t.LongType()),
}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("int", "int", True),
        ("smallint", "bigint", True),
        ("bigint", "int", False),
        ("int", "double", True),
        ("bigint", "double", False),
        ("float", "double", True),
        ("double", "float", False),
        ("smallint", "decimal(10,2)", True),
        ("int", "decimal(9,0)", False),
        ("decimal(10,2)", "decimal(12,4)", True),
        ("decimal(10,2)", "decimal(12,3)", True),
        ("decimal(10,2)", "decimal(12,1)", False),
        ("decimal(12,4)", "decimal(12,3)", False),
        ("decimal(10,2)", "double", False),
        ("date", "timestamp", True),
        ("timestamp", "date", False),
        ("int", "string", False),
        ("string", "int", False),
        ("void", "date", True),
        ("array<int>", "array<int>", True),
        ("array<int>", "array<bigint>", False),
    ],
)
def test_only_what_keeps_every_value_fits(source: str, target: str, expected: bool) -> None:
    assert fits(TYPES[source], TYPES[target]) is expected
