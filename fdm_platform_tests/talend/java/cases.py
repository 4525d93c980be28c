"""All cases."""

from __future__ import annotations

from fdm_platform_tests.talend.java.number_cases import CONDITIONS, DECIMALS, NUMBERS, PARSED
from fdm_platform_tests.talend.java.routine_cases import DATES, ROUTINES, STRING_HANDLING
from fdm_platform_tests.talend.java.text_cases import EQUALITY, TEXTS

CASES = (*NUMBERS, *CONDITIONS, *EQUALITY, *TEXTS, *PARSED, *DECIMALS, *DATES, *STRING_HANDLING, *ROUTINES)
