"""Cases as the code under test takes them: scopes, values."""

from __future__ import annotations

import math
from decimal import Decimal

from fdm_platform.talend.expression import Ref
from fdm_platform.talend.java.typed import Scope, Typed
from fdm_platform.talend.java.types import JavaType, named, spark_type
from fdm_platform_tests.talend.java.case import Case


def java_type_of(name: str) -> JavaType:
    found = named(name.partition("(")[0])
    assert found is not None, name
    return found


def column(name: str, type_name: str) -> Typed:
    type_ = java_type_of(type_name)
    _, _, digits = type_name.partition("(")
    spark = f"decimal({digits}" if digits else spark_type(type_.kind)
    return Typed(type_, Ref(name, "row1"), spark, is_nullable=type_.is_boxed)


def scope_of(case: Case) -> Scope:
    return Scope(flows={"row1": {name: column(name, type_) for name, type_ in case.types.items()}})


def is_same(found: object, expected: object) -> bool:
    """Equal, NaN to itself; a boolean is no number, decimals are equal by value."""
    if isinstance(expected, float) and isinstance(found, float) and math.isnan(expected):
        return math.isnan(found)
    if isinstance(expected, float) and isinstance(found, float):
        return found == expected or math.isclose(found, expected, rel_tol=1e-15)
    if isinstance(expected, Decimal):
        return isinstance(found, Decimal) and found == expected
    return type(found) is type(expected) and found == expected
