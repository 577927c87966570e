"""Where bars and lines of a chart stand, by hand, and that its table says the same."""

from itertools import pairwise

from gateway_project.home.charts import HEIGHT, WIDTH, Series, Subject, bar_chart, line_chart

BASE, ROOM = HEIGHT - 24, HEIGHT - 8 - 24


def subject(number: int) -> Subject:
    names = [f"hour {n}" for n in range(number)]
    return Subject("Calls", "all of them", names, [str(n) for n in range(number)], str, least=4)


def test_bars_are_stacked_and_as_high_as_their_numbers() -> None:
    chart = bar_chart(subject(2), [Series("answered", "good", [30, 0]), Series("failed", "bad", [10, None])])
    first, second = chart.slots

    # The grid reaches 40 in four steps of 10.
    assert [label for _, label in chart.grid] == ["0", "10", "20", "30", "40"]
    assert [(bar.tone, bar.y, bar.height) for bar in first.bars] == [
        ("good", BASE - ROOM * 0.75, ROOM * 0.75),
        ("bad", BASE - ROOM, ROOM * 0.25),
    ]
    assert second.bars == ()
    assert first.said == "hour 0: answered 30, failed 10"
    assert second.said == "hour 1: answered 0, failed -"


def test_the_table_has_the_same_numbers_newest_first() -> None:
    chart = bar_chart(subject(2), [Series("answered", "good", [30, 0]), Series("failed", "bad", [10, None])])

    assert chart.head == ("answered", "failed")
    assert chart.rows == (("hour 1", "0", "-"), ("hour 0", "30", "10"))


def test_what_corrections_bring_below_nothing_has_no_bar() -> None:
    chart = bar_chart(subject(1), [Series("spend", "money", [-5])])

    assert chart.slots[0].bars == ()
    assert chart.rows == (("hour 0", "-5"),)


def test_a_line_has_gaps_where_there_is_nothing_and_dots_where_it_is_alone() -> None:
    chart = line_chart(subject(6), [Series("p50", "p50", [4, 8, None, 16, None, None])])
    (line,) = chart.lines
    (path,) = line.paths
    middles = [round(slot.x + slot.width / 2, 2) for slot in chart.slots]

    # The grid reaches 20 in four steps of 5.
    heights = [round(BASE - ROOM * part, 2) for part in (4 / 20, 8 / 20, 16 / 20)]
    assert path == f"{middles[0]},{heights[0]} {middles[1]},{heights[1]}"
    assert line.dots == ((middles[3], heights[2]),)


def test_without_a_number_there_is_nothing_to_draw() -> None:
    assert line_chart(subject(2), [Series("p50", "p50", [None, None])]).is_empty
    assert bar_chart(subject(2), [Series("spend", "money", [0, 0])]).is_empty
    assert not bar_chart(subject(2), [Series("spend", "money", [0, 1])]).is_empty


def test_labels_do_not_touch_each_other_nor_the_edge_and_the_last_is_there() -> None:
    for number in (1, 7, 24, 30):
        chart = bar_chart(subject(number), [Series("spend", "money", [1] * number)])
        places = [x for x, _ in chart.labels]

        assert all(later - earlier >= 40 for earlier, later in pairwise(places)), number
        assert chart.labels[-1][1] == str(number - 1)
        assert all(20 <= x <= WIDTH - 18 for x in places)
