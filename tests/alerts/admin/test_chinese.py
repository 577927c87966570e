"""Pages of alerts in Chinese, and English in all that they send, tell and record."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.links import acknowledge_url
from alerts.models import AlertChannel, Delivery, Incident, IncidentEntry
from tests.alerts.admin.pages import said, text_of, url
from tests.alerts.builders import channel, delivery, incident, route
from tests.fakes.slack import FakeSlack
from tests.gateway_project.test_languages import CHINESE

pytestmark = pytest.mark.django_db


@pytest.fixture
def chinese(page: Client) -> Client:
    page.cookies["django_language"] = "zh-hans"
    return page


@pytest.fixture
def ops(slack: FakeSlack) -> AlertChannel:
    return channel("ops", f"{slack.url}/services/hidden0123456789")


def nothing_recorded_is_chinese() -> None:
    rows = [*Incident.objects.values(), *IncidentEntry.objects.values(), *Delivery.objects.values()]
    assert not CHINESE.search(str(rows))


def test_lists_and_forms_speak_chinese(chinese: Client, ops: AlertChannel) -> None:
    row = incident(opened_at=timezone.now(), last_seen_at=timezone.now())
    told = delivery(ops, row)
    tried = url("alertroute", "preview", alert_type="llm_exceptions", level="High", labels="model = gpt-4o")
    wanted = {
        url("alertchannel", "changelist"): ["最近送达", "未试用", "管理后台"],
        url("alertchannel", "change", ops.pk): ["发送测试消息", "触发示例", "发送内容", "每分钟上限"],
        url("alertchannel", "add"): ["方式", "webhook 的地址"],
        url("alertroute", "changelist"): ["从上到下询问路由", "所有类型", "始终", "启用"],
        url("alertroute", "add"): ["无人确认时", "升级到", "匹配条件"],
        tried: ["处理结果", "会通知。", "它接收此告警。", "接收", "立即，经"],
        url("silence", "changelist"): ["静默"],
        url("silence", "add"): ["每周", "备注"],
        url("delivery", "changelist"): ["频道", "等待中", "耗时"],
        url("delivery", "change", told.pk): ["下次尝试", "内容"],
        url("scheduledrun", "changelist"): ["立即发送最近的完整周期"],
        url("alertsettings", "changelist"): ["Beat 与 worker", "未设置", "汇总", "通知内容", "百分比"],
    }
    for address, words in wanted.items():
        shown = text_of(chinese, address)
        assert [word for word in words if word not in shown] == [], address


def test_what_is_tried_from_a_chinese_page_is_told_in_english(
    chinese: Client, ops: AlertChannel, slack: FakeSlack
) -> None:
    route("all", ops)
    assert "测试消息已送达" in said(chinese.post(url("alertchannel", "test", ops.pk), follow=True))
    shown = chinese.get(url("alertchannel", "change", ops.pk, preview="llm_exceptions")).content.decode()
    assert not CHINESE.search(shown.partition("<pre")[2].partition("</pre>")[0])
    fired = chinese.post(url("alertchannel", "sample", ops.pk), {"type": "llm_exceptions"}, follow=True)
    assert "示例已发出" in said(fired)

    do = url("incident", "do", Incident.objects.get().pk)
    for verb in ("acknowledge", "unacknowledge", "resend", "resolve", "reopen", "dismiss"):
        answer = chinese.post(do, {"verb": verb, "note": "seen"}, follow=True)
        assert CHINESE.search(said(answer)), verb
    nothing_recorded_is_chinese()
    assert not CHINESE.search(str(slack.messages))


def test_a_link_in_a_message_is_followed_in_the_browsers_language(client: Client, settings: Any) -> None:
    settings.PROXY_BASE_URL = "http://testserver"
    address = acknowledge_url(incident().pk)
    headers = {"accept-language": "zh-CN"}

    asked = client.get(address, headers=headers).content.decode()
    assert '<html lang="zh-hans">' in asked
    assert "确认" in asked
    assert "有人正在处理" in client.post(address, headers=headers).content.decode()
    assert "Somebody looks after it" in client.get(address).content.decode()
    assert "此链接无效" in client.get(f"{address}x", headers=headers).content.decode()
    nothing_recorded_is_chinese()
