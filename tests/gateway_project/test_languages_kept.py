"""Pages of keys and people in Chinese; what is done there is recorded, told and exported in English."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from alerts.events import AlertType
from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident
from teams.models import User, VirtualKey
from teams.services import issue_key
from tests.gateway_project.pages import KEYS, url
from tests.gateway_project.test_languages import CHINESE

CSV = {"action": "export_csv"}


@pytest.fixture
def chinese(page: Client) -> Client:
    page.cookies["django_language"] = "zh-hans"
    return page


def made() -> VirtualKey:
    row = VirtualKey(alias="reporting", user=User.objects.create(id="ada", username="ada"))
    issue_key(row)
    return row


@pytest.mark.django_db(transaction=True)
def test_what_a_chinese_page_does_is_recorded_and_told_in_english(chinese: Client) -> None:
    settings = AlertSettings.load()
    settings.alert_types = list(AlertType)
    settings.save()
    AlertRoute.objects.create(name="all").channels.add(
        AlertChannel.objects.create(name="c", kind="slack", url="https://hooks.example/x")
    )
    row = made()

    shown = chinese.post(url(KEYS, "block", row.pk), follow=True).content.decode()

    assert "reporting 已禁用。" in shown
    assert LogEntry.objects.latest("pk").change_message == "reporting is blocked."
    told = str([*Incident.objects.values(), *Delivery.objects.values()])
    assert "via Admin" in told
    assert not CHINESE.search(told)


@pytest.mark.django_db
def test_lists_and_forms_of_keys_are_chinese_and_their_files_english(chinese: Client) -> None:
    row = made()

    shown = chinese.get(url(KEYS, "changelist")).content.decode()
    form = chinese.get(url(KEYS, "change", row.pk)).content.decode()
    file = b"".join(chinese.post(url(KEYS, "changelist"), {**CSV, "_selected_action": [row.pk]})).decode()

    assert all(word in shown for word in ("有效", "虚拟密钥", "创建时间", "禁用所选"))
    assert all(word in form for word in ("预算与限额", "每分钟请求数", "仅模型", "允许的模型"))
    assert file.startswith("id,alias,key,type,")
    assert not CHINESE.search(file)
