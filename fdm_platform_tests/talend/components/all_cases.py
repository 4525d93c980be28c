"""All components' cases."""

from __future__ import annotations

from fdm_platform_tests.talend.components import (
    aggregate_cases,
    conversion_cases,
    flow_cases,
    text_cases,
    tmap_cases,
    uniq_cases,
)

CASES = [
    *aggregate_cases.CASES,
    *conversion_cases.CASES,
    *flow_cases.CASES,
    *text_cases.CASES,
    *tmap_cases.CASES,
    *uniq_cases.CASES,
]
