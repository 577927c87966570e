"""What a log line looks like, and what never stands in it."""

import logging
import logging.config

import pytest

from gateway_project.logs import logging_config

KEY = "sk-0123456789abcdefghij"


@pytest.mark.parametrize(
    ("message", "extra"),
    [
        (f"Not Found: /key/{KEY}/regenerate", {}),
        ("refused", {"path": f"/key/{KEY}/regenerate"}),
        ("refused", {"found": {"nested": [KEY]}}),
        ("refused", {"number": 5, "nothing": None}),
    ],
)
def test_no_line_holds_a_key(message: str, extra: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(logging_config(level="INFO", json_lines=True))
    try:
        logging.getLogger("anything").warning(message, extra=extra)
    finally:
        logging.getLogger().handlers.clear()
    line = capsys.readouterr().err

    assert line.startswith("{")
    assert KEY not in line
    assert ("sk-***" in line) == (KEY in message + str(extra))


def test_an_exceptions_text_is_searched_too(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(logging_config(level="INFO", json_lines=True))
    try:
        logging.getLogger("anything").error("failed", exc_info=ValueError(f"bad {KEY}"))
    finally:
        logging.getLogger().handlers.clear()

    assert KEY not in capsys.readouterr().err
