"""Cards for workflows of Microsoft Teams."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.ms_teams import MOST_BYTES, TeamsTransport
from tests.alerts.transports.cases import FULL
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import hostile
from tests.fakes.server import Reply
from tests.fakes.teams import FakeTeams


@pytest.fixture
def teams() -> Iterator[FakeTeams]:
    with FakeTeams() as server:
        yield server


def channel(server: FakeTeams, **options: Any) -> AlertChannel:
    return AlertChannel(
        kind="ms_teams", url=f"{server.url}/workflows/1?sig=hidden", options=options, private_address_allowed=True
    )


def card(message: Message = FULL) -> dict[str, Any]:
    made = TeamsTransport().payload(AlertChannel(kind="ms_teams", options={"card": "bare"}), message)
    assert isinstance(made, dict)
    return made


def test_a_workflow_posts_a_card_with_facts_and_buttons(teams: FakeTeams) -> None:
    TeamsTransport().notify(channel(teams), FULL)

    (posted,) = teams.cards
    title, facts, heading, *lines, link = posted["body"]
    assert (title["text"], title["color"]) == ("gpt-4o fails", "attention")
    assert {"title": "Model", "value": "gpt-4o"} in facts["facts"]
    assert (heading["text"], heading["weight"]) == ("Top models", "bolder")
    assert [line["text"] for line in lines] == ["gpt-4o: $12.00", "gpt-4o-mini: $1.00"]
    assert link["text"] == "https://gateway.example"
    assert [(one["title"], one["url"]) for one in posted["actions"]] == list(FULL.links)


def test_accepted_is_not_posted_and_the_receipt_says_so(teams: FakeTeams) -> None:
    receipt = TeamsTransport().notify(channel(teams), FULL)

    assert receipt.status == 202
    assert receipt.body.startswith("Accepted")


def test_a_workflow_that_posts_the_body_itself_gets_a_bare_card() -> None:
    with FakeTeams(takes_bare_cards=True) as teams:
        TeamsTransport().notify(channel(teams, card="bare"), FULL)
        TeamsTransport().notify(channel(teams), FULL)

        assert (len(teams.cards), len(teams.lost)) == (1, 1)


def test_an_old_connector_that_says_one_took_it(teams: FakeTeams) -> None:
    teams.script(Reply(200, "1"))

    assert TeamsTransport().notify(channel(teams), FULL).body == "1"


def test_no_text_is_markup() -> None:
    for text in TEXTS:
        for block in card(hostile(text))["body"]:
            shown = [block.get("text", "")]
            shown += [one[name] for one in block.get("facts", []) for name in ("title", "value")]
            for said in shown:
                assert not re.search(r"[\\*_\[\](){}<>#~`|]", re.sub(r"\\[^0-9A-Za-z\s]", "", said)), (text[:50], said)
                assert not re.match(r"\s*([-+•]|\d+[.)])", said), (text[:50], said)


def test_no_card_is_larger_than_teams_takes() -> None:
    worst = Message(
        kind="firing",
        alert_type="digest",
        level="High",
        title="👩*" * 5000,
        at="now",
        details={f"{number}👩": '"\\*' * 500 for number in range(200)},
        sections=tuple((f"{part}\\", ("é*" * 300,) * 300) for part in range(20)),
        links=tuple((f"👩{number}" * 50, f"https://gateway.example/{'x' * 480}") for number in range(9)),
        link="https://gateway.example/" + "*" * 1000,
    )
    envelope = TeamsTransport().payload(AlertChannel(kind="ms_teams"), worst)

    assert len(json.dumps(envelope, ensure_ascii=False).encode()) <= MOST_BYTES
    assert sum(1 for block in card(worst)["body"] if "more" in block.get("text", "")) == 2


def test_what_is_over_is_green() -> None:
    assert card(replace(FULL, kind="resolved"))["body"][0]["color"] == "good"


def test_a_retired_connector_is_a_problem_with_a_way_out() -> None:
    made = AlertChannel(kind="ms_teams", url="https://contoso.webhook.office.com/webhookb2/hidden")

    assert "workflow" in TeamsTransport().problems(made)["url"]
