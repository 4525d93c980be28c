"""Every case has a translation, of the type that Java gives it."""

from __future__ import annotations

import pytest

from fdm_platform.talend.java import translate
from fdm_platform.talend.java.typed import Typed
from fdm_platform_tests.talend.java.case import Case
from fdm_platform_tests.talend.java.cases import CASES
from fdm_platform_tests.talend.java.rows import scope_of


@pytest.mark.parametrize("case", CASES, ids=str)
def test_translates(case: Case) -> None:
    assert isinstance(translate(case.java, scope_of(case)), Typed)
