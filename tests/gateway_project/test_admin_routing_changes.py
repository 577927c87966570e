"""Changes at the routing editor: only what was previewed is changed, bad input is not, and all can be taken back."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from proxy.config import importer, routing, update
from proxy.config.routing import Outdated
from proxy.config.schema import Document
from proxy.models import ConfigField, Deployment, Section, Source
from teams.models import AuditEntry, Team, VirtualKey
from teams.services import issue_key
from tests.gateway_project.routing_editor import (
    apply,
    deployment,
    each_change_by_itself,
    edit,
    fleet_of_three,
    form_of,
    store,
    stored,
    text_of,
    view,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> None:
    fleet_of_three()


@each_change_by_itself
def test_a_fallback_is_edited_previewed_applied_and_reverted(page: Client, fleet: None) -> None:
    red = Team.objects.create(id="red", alias="reds")
    issue_key(VirtualKey(alias="everything", team=red))
    issue_key(VirtualKey(alias="only mini", allowed_models=["mini"]))
    issue_key(VirtualKey(alias="blocked", blocked=True))
    issue_key(VirtualKey(alias="nick", allowed_models=["nickname"], aliases={"nickname": "gpt-4o"}))
    store("fallbacks", [{"gpt-4o": ["claude"]}, {"claude": ["mini"]}])
    preview = edit(page, "gpt-4o", fallbacks='mini\n{"model": "claude", "temperature": 0}')
    text = text_of(preview)

    for said in (
        'gpt-4o When it fails claude mini {"model": "claude", "temperature": 0}',
        "Model groups gpt-4o 2 keys may call them everything, nick of 1 team reds",
    ):
        assert said in text, said
    assert "Look at this first" not in text
    assert stored("fallbacks")[0] == {"gpt-4o": ["claude"]}, "a preview changes nothing"

    assert "Changed." in text_of(apply(page, preview))
    assert stored("fallbacks") == [
        {"gpt-4o": ["mini", {"model": "claude", "temperature": 0}]},
        {"claude": ["mini"]},
    ]
    entry = AuditEntry.objects.latest("pk")
    assert (entry.object_label, entry.source, entry.actor_id) == ("router_settings.fallbacks", "admin", "root")

    history = text_of(page.get(view("history")))
    assert "by root, Admin Revert" in history
    back = page.get(view("revert", entry.change_id))
    assert 'gpt-4o When it fails mini {"model": "claude", "temperature": 0} claude' in text_of(back)
    apply(page, back)
    assert stored("fallbacks") == [{"gpt-4o": ["claude"]}, {"claude": ["mini"]}]
    assert "Nothing would change" in text_of(page.get(view("revert", entry.change_id)))


def test_all_lists_of_a_group_and_those_of_every_group_are_edited(page: Client, fleet: None) -> None:
    issue_key(VirtualKey(alias="k"))
    store("model_group_alias", {"fast": "gpt-4o", "other": "mini"})
    apply(
        page,
        edit(
            page, "gpt-4o", context_window_fallbacks="claude", content_policy_fallbacks="mini", aliases="new",
            hidden_aliases="fast",
        ),
    )  # fmt: skip
    apply(page, edit(page, "*", fallbacks="mini"))
    default = edit(page, default_fallbacks="claude\nmini")
    assert "Model groups claude , gpt-4o , mini 1 key may call them" in text_of(default)
    apply(page, default)

    assert stored("context_window_fallbacks") == [{"gpt-4o": ["claude"]}]
    assert stored("content_policy_fallbacks") == [{"gpt-4o": ["mini"]}]
    assert stored("model_group_alias") == {
        "fast": {"model": "gpt-4o", "hidden": True}, "other": "mini", "new": "gpt-4o"
    }  # fmt: skip
    assert stored("fallbacks") == [{"*": ["mini"]}]
    assert stored("default_fallbacks") == ["claude", "mini"]
    apply(page, edit(page, "gpt-4o", context_window_fallbacks="", aliases="", hidden_aliases=""))
    assert stored("context_window_fallbacks") == []
    assert stored("model_group_alias") == {"other": "mini"}


def test_a_change_of_what_litellm_settings_hold_stays_there(page: Client, fleet: None) -> None:
    store("fallbacks", [{"gpt-4o": ["claude"]}], section=Section.LITELLM)
    apply(page, edit(page, "gpt-4o", fallbacks="mini"))

    assert stored("fallbacks", Section.LITELLM) == [{"gpt-4o": ["mini"]}]
    assert stored("fallbacks") is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"fallbacks": "mini\nclaude\nmini"}, "“mini” stands here twice."),
        ({"fallbacks": '{"model": NaN}'}, "This line is no JSON"),
        ({"fallbacks": '{"model": "\\ud800"}'}, "This line is no JSON"),
        ({"fallbacks": '"\\u0000"'}, "This line is no JSON"),
        ({"fallbacks": '{"mdel": "mini"}'}, "This line names no model"),
        ({"fallbacks": '""'}, "This line names no model"),
        ({"aliases": '{"model": "mini"}'}, "This line names no model"),
        ({"fallbacks": "a\x00b"}, "A NUL character cannot be kept."),
        ({"fallbacks": "x" * 256}, "A name may have 255 characters at most."),
        ({"fallbacks": "\n".join(map(str, range(101)))}, "At most 100 lines."),
        ({"aliases": "x", "hidden_aliases": "x"}, "“x” is listed above, too."),
        ({"aliases": "my_api_key"}, "reads like the name or the value of a secret, which is not stored"),
        ({"fallbacks": "https://me:pass@host/"}, "reads like the name or the value of a secret, which is not stored"),
    ],
)
def test_bad_input_gets_a_sentence_and_nothing_is_stored(
    page: Client, fleet: None, fields: dict[str, str], error: str
) -> None:
    assert error in text_of(edit(page, "gpt-4o", **fields))
    assert not ConfigField.objects.exists()


@pytest.mark.parametrize(
    "edits",
    [
        "", "[]", "{", '{"num_retries": {"": 1}}', '{"fallbacks": []}', '{"fallbacks": {"": ["mini"]}}',
        '{"default_fallbacks": {"x": ["mini"]}}', '{"default_fallbacks": {"": 5}}', '{"fallbacks": {"gpt-4o": "mini"}}',
        '{"model_group_alias": {"x": [1]}}', '{"fallbacks": {"my_secret": ["mini"]}}',
    ],
)  # fmt: skip
def test_a_change_that_nobody_previewed_is_none(page: Client, fleet: None, edits: str) -> None:
    seen = form_of(edit(page, "gpt-4o", fallbacks="mini"))["seen"]

    assert "Nothing was changed." in text_of(page.post(view("apply"), {"edits": edits, "seen": seen}, follow=True))
    assert not ConfigField.objects.exists()


@pytest.mark.parametrize("section", [Section.ROUTER, Section.LITELLM])
def test_what_the_config_file_says_is_shown_so_and_stays(page: Client, fleet: None, section: Section) -> None:
    ours = {"model_group_alias": {"fast": "gpt-4o"}}
    importer.apply(Document.model_validate({section.value: {"fallbacks": [{"gpt-4o": ["claude"]}]}}))
    store("model_group_alias", ours["model_group_alias"])
    Deployment.objects.update(source=Source.ADMIN)
    deployment("z", "gpt-4o")
    told = f"{section}.fallbacks is set in the config file and cannot be changed here."
    assert f"{section}.fallbacks : config.yaml, cannot be changed here" in text_of(page.get(view("index")))
    assert told in text_of(page.get(view("edit", group="gpt-4o")))

    seen = form_of(edit(page, "gpt-4o", aliases="x"))["seen"]
    sent = {"edits": '{"fallbacks": {"gpt-4o": ["z"]}, "model_group_alias": {"y": "gpt-4o"}}', "seen": seen}
    assert told in text_of(page.post(view("apply"), sent, follow=True))
    assert "Nothing would change" in text_of(edit(page, "gpt-4o", fallbacks="mini"))
    assert stored("fallbacks", section) == [{"gpt-4o": ["claude"]}]
    assert stored("model_group_alias") == ours["model_group_alias"], "all or nothing"
    apply(page, edit(page, "gpt-4o", aliases="x"))
    assert stored("model_group_alias") == {"x": "gpt-4o"}


@each_change_by_itself
def test_a_value_that_the_router_cannot_use_is_told_and_replaced(page: Client, fleet: None) -> None:
    store("fallbacks", "mini", source=Source.ADMIN)
    assert "Its value is not used, since it must be a list of objects" in text_of(page.get(view("index")))
    preview = edit(page, "gpt-4o", fallbacks="mini")
    assert "A change replaces all of it." in text_of(preview)
    apply(page, preview)

    assert stored("fallbacks") == [{"gpt-4o": ["mini"]}]
    change_id = AuditEntry.objects.latest("pk").change_id
    refused = text_of(page.get(view("revert", change_id), follow=True))
    assert "It cannot be taken back here. What it changed is not all readable" in refused


def test_what_looks_like_a_secret_is_not_shown_and_goes_with_a_change(page: Client, fleet: None) -> None:
    store("fallbacks", [{"gpt-4o": [{"model": "mini", "api_key": "hidden0123456789"}]}, {"mini": ["claude"]}])
    preview = edit(page, "mini", fallbacks="gpt-4o")
    shown = [preview, *(page.get(one) for one in (view("index"), view("edit", group="gpt-4o"), view("history")))]

    assert not any("hidden0123456789" in one.content.decode() for one in shown)
    assert "router_settings.fallbacks: A part of it reads like a secret" in text_of(preview)
    apply(page, preview)
    assert stored("fallbacks") == [{"gpt-4o": [{"model": "mini"}]}, {"mini": ["gpt-4o"]}]


def test_who_applies_a_preview_that_is_out_of_date_is_shown_a_new_one(page: Client, fleet: None) -> None:
    preview = edit(page, "gpt-4o", fallbacks="mini", aliases="fast")
    update.update({"router_settings": {"fallbacks": [{"gpt-4o": ["claude"]}, {"claude": ["mini"]}]}}, by_operator=True)
    again = apply(page, preview)
    text = text_of(again)

    assert "Nothing was changed: somebody else changed the routing meanwhile." in text
    assert "gpt-4o When it fails claude mini" in text
    assert stored("fallbacks") == [{"gpt-4o": ["claude"]}, {"claude": ["mini"]}]
    assert stored("model_group_alias") is None
    apply(page, again)
    assert stored("fallbacks") == [{"gpt-4o": ["mini"]}, {"claude": ["mini"]}], "the other's entry stays"
    assert "There was nothing to change." in text_of(
        page.post(view("apply"), {**form_of(again), "seen": form_of(edit(page, "gpt-4o", aliases=""))["seen"]},
                  follow=True)
    )  # fmt: skip


@each_change_by_itself
def test_of_two_who_apply_at_once_one_is_told_to_look_again(fleet: None) -> None:
    seen = routing.fingerprint()

    def change(target: str) -> bool:
        try:
            return bool(routing.apply({"fallbacks": {"gpt-4o": [target]}}, seen=seen))
        except Outdated:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(change, ("mini", "claude", "mini", "claude")))

    assert done.count(True) == 1
    assert stored("fallbacks") == [{"gpt-4o": [("mini", "claude")[done.index(True) % 2]]}]
    assert AuditEntry.objects.filter(object_label="router_settings.fallbacks").count() == 1


def test_a_deployment_that_goes_makes_a_preview_out_of_date(page: Client, fleet: None) -> None:
    preview = edit(page, "gpt-4o", fallbacks="mini")
    Deployment.objects.get(pk="m").delete()

    assert "The fallback “mini” is no model group." in text_of(apply(page, preview))
    assert not ConfigField.objects.exists()


def test_fields_that_were_not_touched_are_no_edit(page: Client, fleet: None) -> None:
    store("model_group_alias", {"fast": "gpt-4o", "given": "gpt-4o"})
    form = form_of(page.get(view("edit", group="gpt-4o")))
    store("fallbacks", [{"gpt-4o": ["claude"]}])
    store("model_group_alias", {"fast": "gpt-4o", "given": "mini", "theirs": "gpt-4o"})
    apply(page, page.post(view("edit", group="gpt-4o"), {**form, "aliases": "mine"}))

    assert stored("fallbacks") == [{"gpt-4o": ["claude"]}]
    assert stored("model_group_alias") == {"given": "mini", "theirs": "gpt-4o", "mine": "gpt-4o"}


@each_change_by_itself
def test_a_revert_touches_only_what_the_change_did_and_warns_of_groups_that_are_gone(page: Client, fleet: None) -> None:
    store("fallbacks", [{"gpt-4o": ["claude"]}])
    apply(page, edit(page, "gpt-4o", fallbacks="mini"))
    change_id = AuditEntry.objects.latest("pk").change_id
    apply(page, edit(page, "mini", fallbacks="gpt-4o"))
    Deployment.objects.exclude(pk="m").delete()
    back = page.get(view("revert", change_id))
    text = text_of(back)

    assert "There is no model group “gpt-4o”." in text
    assert "The fallback “claude” is no model group." in text
    apply(page, back)
    assert stored("fallbacks") == [{"gpt-4o": ["claude"]}, {"mini": ["gpt-4o"]}]


@each_change_by_itself
def test_changes_of_the_api_and_the_file_are_in_the_history(page: Client, fleet: None) -> None:
    update.update({"router_settings": {"default_fallbacks": ["mini"]}}, by_operator=True)
    change_id = AuditEntry.objects.latest("pk").change_id
    importer.apply(Document.model_validate({"router_settings": {"default_fallbacks": ["mini"]}}))
    text = text_of(page.get(view("history")))

    assert "every group Where a group has no fallbacks of its own none mini" in text
    assert "but only where the setting comes from" in text
    assert "is set in the config file" in text_of(page.get(view("revert", change_id), follow=True))
    assert page.get(view("revert", "00000000-0000-4000-8000-000000000000")).status_code == 404


@each_change_by_itself
def test_what_the_trail_masks_cannot_be_taken_back(page: Client, fleet: None) -> None:
    store("fallbacks", [{"gpt-4o": ["https://me:pass@host/"]}])
    change_id = AuditEntry.objects.latest("pk").change_id

    assert "pass@" not in text_of(page.get(view("history")))
    assert "holds a part of it masked" in text_of(page.get(view("revert", change_id), follow=True))


@each_change_by_itself
def test_the_history_is_read_in_parts(page: Client, fleet: None) -> None:
    for number in range(27):
        store("default_fallbacks", [f"m{number}"])
    first = page.get(view("history")).content.decode()
    (older,) = re.findall(r'href="([^"]*before=\d+)"', first)

    assert "m26" in first
    assert "m0<" not in first
    assert "m0<" in page.get(older).content.decode()
    assert page.get(view("history", before="9" * 30)).status_code == 200


def test_a_preview_says_so_when_not_all_keys_were_looked_at(
    page: Client, fleet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        issue_key(VirtualKey(alias=f"k{number}"))
    told = "Not all keys were looked at These are of the first 2 of 3 keys. There may be more."
    assert told not in text_of(edit(page, "gpt-4o", fallbacks="claude"))
    monkeypatch.setattr("proxy.routing_preview.MOST_KEYS", 2)

    assert told in text_of(edit(page, "gpt-4o", fallbacks="claude"))
