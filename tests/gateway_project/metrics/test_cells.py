"""What a process counted is found again after any death, and a flush that was cut short is added once."""

from pathlib import Path

import pytest

from gateway_project.metrics import cells as cells_module
from gateway_project.metrics.cells import Cells, left_behind
from gateway_project.metrics.series import Key, Series

CALLS = Series("calls", ("who",), ("a",))
TOTAL = Key(CALLS.id, "_total")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics" / "one.cells"


def count(cells: Cells, amount: float, series: Series = CALLS, part: str = "_total") -> None:
    numbers, at = cells.place(series, part)
    numbers[at] += amount


def died(path: Path, *amounts: float) -> None:
    """A process that counted, and closed nothing but its file."""
    cells = Cells.create(path)
    for amount in amounts:
        count(cells, amount)
    cells.close()


def test_numbers_of_one_series_have_places_of_their_own() -> None:
    cells = Cells()
    count(cells, 2)
    count(cells, 3, part="_sum")
    count(cells, 5)

    assert cells.counted() == {TOTAL: 7, Key(CALLS.id, "_sum"): 3}


def test_who_takes_a_file_over_counts_on(path: Path) -> None:
    died(path, 7)
    cells = Cells.take_over(path)
    count(cells, 1)
    count(cells, 1, Series("calls", ("who",), ("b",)))

    assert cells.counted()[TOTAL] == 8
    assert {series.values for series in cells.series.values()} == {("a",), ("b",)}


def test_a_file_whose_process_lives_is_left_alone(path: Path) -> None:
    living = Cells.create(path)
    with left_behind(path) as left:
        assert left is None
    assert path.exists()
    living.close()


def test_what_was_never_flushed_is_left_once(path: Path) -> None:
    died(path, 7)
    with left_behind(path) as left:
        assert left is not None
        assert (left.process, left.flushes) == ("one", [(1, {TOTAL: 7})])
        assert left.series[CALLS.id].values == ("a",)
    with left_behind(path) as again:
        assert again is None
    assert not list(path.parent.iterdir())


def test_what_is_not_taken_stays(path: Path) -> None:
    died(path, 7)
    with pytest.raises(ConnectionError), left_behind(path):
        raise ConnectionError
    with left_behind(path) as left:
        assert left is not None
        assert left.flushes == [(1, {TOTAL: 7})]


def test_what_is_in_the_sums_is_not_left(path: Path) -> None:
    cells = Cells.create(path)
    count(cells, 7)
    sequence, changes = cells.prepare()
    cells.flushed(sequence)
    count(cells, 1)
    cells.close()

    assert changes == {TOTAL: 7}
    with left_behind(path) as left:
        assert left is not None
        assert left.flushes == [(2, {TOTAL: 1})]


def test_a_flush_that_was_cut_short_is_left_under_its_own_number(path: Path) -> None:
    cells = Cells.create(path)
    count(cells, 7)
    assert cells.prepare() == (1, {TOTAL: 7})
    count(cells, 2)
    assert cells.pending() == (1, {TOTAL: 7})
    cells.close()

    with left_behind(path) as left:
        assert left is not None
        assert left.flushes == [(1, {TOTAL: 7}), (2, {TOTAL: 2})]


def test_nothing_new_is_no_flush() -> None:
    cells = Cells()
    count(cells, 7)
    cells.flushed(cells.prepare()[0])

    assert cells.prepare() == (2, {})
    assert cells.pending() == (1, {})


def test_many_series_take_more_room(path: Path) -> None:
    cells = Cells.create(path)
    many = 2 * cells_module._BLOCK_CELLS + 10
    for number in range(many):
        count(cells, number + 1, Series("calls", ("who",), (str(number),)))
    cells.close()

    again = Cells.take_over(path)
    assert sum(again.counted().values()) == many * (many + 1) / 2


def test_a_name_that_was_cut_short_is_left_out(path: Path) -> None:
    died(path, 7)
    with path.with_suffix(".names").open("ab") as names:
        names.write(b'["calls",["wh')
    cells = Cells.take_over(path)
    count(cells, 1, Series("calls", ("who",), ("b",)))
    cells.close()

    assert sorted(Cells.take_over(path).counted().values()) == [1, 7]


@pytest.mark.parametrize("content", [b"", b"x" * 10_000])
def test_a_damaged_file_is_put_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"one\.cells"), left_behind(path):
        pass
    assert path.with_suffix(".damaged").read_bytes() == content


def test_hostile_label_values_come_back_as_they_were(path: Path) -> None:
    hostile = Series("calls", ("who",), ('a"\n["c",\\ \u2028\x00é',))
    cells = Cells.create(path)
    count(cells, 7, hostile)
    cells.close()

    with left_behind(path) as left:
        assert left is not None
        assert [series.values for series in left.series.values()] == [hostile.values]


def test_it_is_known_when_a_series_last_counted_whoever_died_since(path: Path) -> None:
    other = Series("calls", ("who",), ("b",))
    cells = Cells.create(path)
    count(cells, 1)
    count(cells, 1, other)
    assert cells.touched(100) == {CALLS.id: 100, other.id: 100}
    count(cells, 1)
    assert cells.touched(200) == {CALLS.id: 200, other.id: 100}
    count(cells, 1, other)
    cells.close()

    cells = Cells.take_over(path)
    assert cells.touched(300) == {CALLS.id: 200, other.id: 300}
    assert cells.counted() == {TOTAL: 2, Key(other.id, "_total"): 2}
    cells.close()
    with left_behind(path) as left:
        assert left is not None
        assert left.flushes == [(1, {TOTAL: 2, Key(other.id, "_total"): 2})]
