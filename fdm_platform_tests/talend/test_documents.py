from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fdm_platform.talend.documents import to_yaml
from fdm_platform.talend.migration import code_lines, plain_text
from fdm_platform.talend.naming import slug, target_name

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALAR = TEXT | st.integers() | st.booleans() | st.none() | st.dates()
VALUES = st.dictionaries(
    TEXT, st.recursive(SCALAR, lambda x: st.lists(x) | st.dictionaries(TEXT, x), max_leaves=8)
)


@settings(max_examples=50)
@given(VALUES, TEXT)
def test_what_is_written_is_read_again(values: dict[str, Any], comment: str) -> None:
    """Whatever the texts hold; a comment of any text is none of it."""
    assert (yaml.load(to_yaml(values, comment), yaml.CSafeLoader) or {}) == values


@given(TEXT)
def test_a_slug_is_a_name_of_a_folder_and_table(text: str) -> None:
    assert set(slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert slug(text)
    assert slug(slug(text)) == slug(text)


@given(TEXT)
def test_text_of_a_job_is_no_markup(text: str) -> None:
    """In a table's cell: no line end, no bar, no tag, no code span."""
    shown = plain_text(text)
    assert "\n" not in shown
    for i, character in enumerate(shown):
        if character in "|<`":
            assert shown[i - 1] == "\\"


@given(TEXT)
def test_no_expression_closes_its_code_block(text: str) -> None:
    lines = list(code_lines(text))
    if len(lines) > 1:
        fence = lines[0].strip().removesuffix("java")
        assert lines[-1].strip() == fence
        assert all(fence not in line for line in lines[1:-1])


def test_what_a_file_is_called() -> None:
    assert target_name('context.out + "/rejects_" + TalendDate.getDate("yyyyMMdd") + ".csv"') == "rejects"
    assert target_name('"C:\\\\data\\\\Good Rows.txt"') == "good_rows"
    assert target_name("context.file") == ""
