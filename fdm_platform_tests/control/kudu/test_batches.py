from fdm_platform.control.kudu.batches import MAX_CHARACTERS, MAX_ROWS, batches


def test_a_batch_has_at_most_so_many_rows_and_none_is_lost() -> None:
    rows = [(str(n),) for n in range(2 * MAX_ROWS + 1)]
    cut = list(batches(rows))
    assert [len(batch) for batch in cut] == [MAX_ROWS, MAX_ROWS, 1]
    assert [row for batch in cut for row in batch] == rows


def test_a_batch_has_at_most_so_many_characters() -> None:
    half = "x" * (MAX_CHARACTERS // 2)
    assert [len(batch) for batch in batches([(n, half) for n in range(5)])] == [2, 2, 1]


def test_a_row_that_is_larger_than_a_batch_goes_alone() -> None:
    rows = [("a",), ("x" * (MAX_CHARACTERS + 1),), ("b",)]
    assert [list(batch) for batch in batches(rows)] == [[row] for row in rows]


def test_of_no_rows_there_is_no_batch() -> None:
    assert list(batches([])) == []
