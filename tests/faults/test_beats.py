"""Reports while three beats run at once, while none runs at the due time, while those who make them are killed: once.

The beats of the first test are programs on a clock that runs 150 times as fast, so that a report is due every four
seconds; those of the second are three gateways. `FAULT_CYCLES=100` is the length that the figures are quoted for, and
`FAULT_SEED` the same kills as in another run.
"""

import os
import random
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.faults.books import wait_until
from tests.faults.crew import Hand
from tests.faults.receivers import ADDRESS, lead_to, told, wait_until_told
from tests.faults.ticker import MAKING, MAKING_SECONDS
from tests.gateway import Gateway, Store, model

CYCLES = int(os.environ.get("FAULT_CYCLES", "3"))
SEED = int(os.environ.get("FAULT_SEED", random.SystemRandom().randrange(10**6)))
BEATS = 3
SPEED = 150
# Real seconds, of a period of the program's.
PERIOD_SECONDS = 4.0
PATIENCE_SECONDS = 90.0
DONE = "SELECT period_key FROM alerts_scheduledrun WHERE job = 'fast' AND state = 'done'"
LEFT = "SELECT period_key FROM alerts_scheduledrun WHERE job = 'fast' AND state = 'claimed'"
TAKEN_OVER = "SELECT period_key FROM alerts_scheduledrun WHERE job = 'fast' AND attempts > 1"
TOLD = "SELECT job FROM alerts_scheduledrun WHERE state = 'done' AND outcome = 'deliver'"


def test_each_report_is_sent_once_whoever_is_killed_and_after_nobody_was_there(tmp_path: Path, store: Store) -> None:
    print(f"FAULT_SEED={SEED} FAULT_CYCLES={CYCLES}")
    chance = random.Random(SEED)
    config = {"model_list": [], "general_settings": {"alert_types": ["spend_reports"], "spend_report_frequency": "30d"}}
    with FakeSlack() as slack, Gateway(tmp_path / "data", config, store=store, environment=ADDRESS) as gateway:
        lead_to(gateway, [{"name": "slack", "kind": "slack", "url": f"{slack.url}/services/T/B/x"}])
        began = time.time() + 5.0
        beats: list[Hand] = []
        try:
            beats += [_beat(gateway, began) for _ in range(BEATS)]
            first = _period(began) + 1
            for _ in range(CYCLES):
                victim = _who_makes_one(gateway, beats)
                time.sleep(chance.uniform(0.0, MAKING_SECONDS))
                victim.kill()
                beats.remove(victim)
                beats.append(_beat(gateway, began))
            last_with_all = _period(began) - 1
            _end(beats)
            # Nobody is there when the next ones are due.
            time.sleep(2 * PERIOD_SECONDS)
            due = _period(began) - 1
            beats += [_beat(gateway, began) for _ in range(BEATS)]
            wait_until(lambda: _is_done(gateway, due), "what was due meanwhile is made up", seconds=30)
            wait_until(lambda: not gateway.rows(LEFT), "what was begun is finished", seconds=PATIENCE_SECONDS)
            _end(beats)
        finally:
            for beat in beats:
                beat.kill()
        wait_until_told(gateway, seconds=PATIENCE_SECONDS)

        done = {key for (key,) in gateway.rows(DONE)}
        taken_over = gateway.rows(TAKEN_OVER)
        sent = Counter(one["text"].partition("Spend of ")[2].split()[0].rstrip("`") for one in slack.messages)
        print(
            f"{BEATS} beats, {CYCLES} kills: {len(done)} reports done, {sum(sent.values())} sent, at most "
            f"{max(sent.values())} of each; {len(taken_over)} taken over"
        )
        missing = {f"period-{number}" for number in range(first, last_with_all + 1)} - done
        assert not missing, f"never made: {missing}"
        assert sent == dict.fromkeys(done, 1)
        assert taken_over, "no kill came in the middle of a report"
        assert set(told(slack).values()) == {1}


def test_three_gateways_send_what_is_due_once(
    tmp_path: Path, store: Store, upstream: FakeUpstream, slack: FakeSlack
) -> None:
    """Each with a beat and a worker of its own, started at once on the same store."""
    gone = (datetime.now(UTC).date() - timedelta(days=3)).isoformat()
    config = {
        "model_list": [{**model("gpt-4-old", upstream.url), "model_info": {"deprecation_date": gone}}],
        "general_settings": {"alerting": ["slack"]},
    }
    environment = {**ADDRESS, "SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/x"}
    with ExitStack() as stack:
        # Of three embedded ones on one machine the folder is shared, with PostgreSQL nothing but the stores.
        for _ in range(BEATS):
            gateway = stack.enter_context(Gateway(tmp_path / "data", config, store=store, environment=environment))
        gateway.wait_for_rows(TOLD, 1, timeout=PATIENCE_SECONDS)
        wait_until_told(gateway, seconds=PATIENCE_SECONDS)
        # Another tick of each.
        time.sleep(35)
        runs = gateway.rows("SELECT job, period_key, count(*) FROM alerts_scheduledrun GROUP BY 1, 2")
        assert {count for *_, count in runs} == {1}
        print(f"{BEATS} gateways: {len(runs)} periods looked after, {len(slack.messages)} report sent")
    assert ["gpt-4-old" in str(one) for one in slack.messages] == [True]


def _who_makes_one(gateway: Gateway, beats: list[Hand]) -> Hand:
    """Of now: marks of the dead stay."""
    alive = {str(beat.process.pid): beat for beat in beats}
    while True:
        for path in gateway.data.glob(f"*{MAKING}"):
            if beat := alive.get(path.stem):
                return beat
        time.sleep(0.01)


def _beat(gateway: Gateway, began: float) -> Hand:
    made = Hand(gateway, "tests.faults.ticker", (str(began), str(SPEED)))
    made.wait_for("ready")
    return made


def _end(beats: list[Hand]) -> None:
    while beats:
        beats.pop().end()


def _period(began: float) -> int:
    """The number of the one that runs now."""
    return int((time.time() - began) // PERIOD_SECONDS)


def _is_done(gateway: Gateway, number: int) -> bool:
    return any(int(key.partition("-")[2]) >= number for (key,) in gateway.rows(DONE))
