from __future__ import annotations

import pytest

from fdm_platform.talend.components.flows import hidden
from fdm_platform_tests.talend.components import all_cases, jobs
from fdm_platform_tests.talend.components.cases import Case, shown


@pytest.mark.parametrize("case", all_cases.CASES, ids=lambda case: case.name)
def test_rows_are_what_talend_makes_of_them(case: Case) -> None:
    made = jobs.simulate(case.component, case.around(), case.rows())

    views = case.views()
    found = {name: shown(views[name], made[name]) for name in case.expected}
    wanted = {
        name: shown(
            views[name],
            [
                {
                    **dict(zip([c.name for c in views[name].columns], row, strict=True)),
                    **dict.fromkeys(hidden(views[name]), 0),
                }
                for row in rows
            ],
        )
        for name, rows in case.expected.items()
    }
    assert found == wanted
