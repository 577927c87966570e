"""What an attempt is charged whose process was killed."""

from dataclasses import fields
from datetime import timedelta

import orjson
import pytest

from budgets.entries import Entry
from budgets.in_flight import MOST_TEXT, Left
from budgets.killed import ERROR_CLASS, KilledCharge, opened, settled
from tests.budgets.builders import STARTED_AT, entry

NOW = STARTED_AT + timedelta(minutes=1)
CHARGE = KilledCharge(prompt_nano=100, token_rate=2_500_000, hold_nano=7_000)


def told(one: Entry, *, tokens: int, charge: KilledCharge = CHARGE) -> dict[str, object]:
    line = settled(Left(opened(one, charge), tokens), now=NOW)
    assert line is not None
    found: dict[str, object] = orjson.loads(line)
    return found


def test_a_stream_owes_its_prompt_and_what_had_gone_to_the_client() -> None:
    one = entry(stream=True)
    found = told(one, tokens=64)

    assert (found["amount_nano"], found["completion_tokens"]) == (100 + 160, 64)
    assert (found["basis"], found["error_class"], found["status"]) == ("estimated", ERROR_CLASS, "failure")
    assert found["id"] == str(one.id)


@pytest.mark.parametrize(("hold", "owed"), [(7_000, 7_000), (0, 100)])
def test_a_whole_answer_owes_what_was_held_for_it_else_its_prompt(hold: int, owed: int) -> None:
    assert told(entry(), tokens=0, charge=KilledCharge(prompt_nano=100, hold_nano=hold))["amount_nano"] == owed


def test_long_names_are_cut_and_who_pays_stays() -> None:
    one = entry(
        tags=["t" * 255] * 64, key_alias="é" * 255, end_user="ü" * 255, requested_model="m" * 255, team_id="t" * 255
    )
    text = opened(one, CHARGE)

    assert len(text) <= MOST_TEXT
    assert told(one, tokens=0)["team_id"] == "t" * 255


def test_names_as_long_as_any_may_be_still_fit() -> None:
    longest = {
        one.name: "\U0001f600" * 255
        for one in fields(Entry)
        if one.type is str and one.name not in ("key_hash", "status")
    }

    assert len(opened(entry(**longest, tags=["\U0001f600" * 255] * 64), CHARGE)) <= MOST_TEXT


def test_a_text_that_is_no_record_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    for text in (b"", b"1 2\n{}", b"a b c\n{}", b"1 2 3\n[]", b"1 2 3\n{"):
        assert settled(Left(text, 0), now=NOW) is None
    assert "makes no sense" in caplog.text
