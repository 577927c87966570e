"""Pages of keys and people in Chinese; what is done there is recorded, told and exported in English."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from alerts.events import AlertType
from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident, ScheduledRun
from teams.models import User, VirtualKey
from teams.services import issue_key
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.pages import KEYS, url
from tests.gateway_project.rows import gateway_budget, ledger_entry, model_price
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


@pytest.mark.django_db
def test_a_report_is_read_and_sent_from_a_chinese_page_in_english(chinese: Client) -> None:
    AlertRoute.objects.create(name="all").channels.add(
        AlertChannel.objects.create(name="c", kind="slack", url="https://hooks.example/x")
    )
    yesterday = timezone.now().date() - timedelta(days=1)
    keep_days(*(day_row(yesterday - timedelta(days=days), team_id="red") for days in range(9)))
    run = "alerts_scheduledrun"

    shown = chinese.get(url(run, "preview", "spend_report")).content.decode()
    assert "此周期尚未结束" in shown
    assert "它正发往各频道" in chinese.post(url(run, "send", "spend_report"), follow=True).content.decode()
    told = str([*ScheduledRun.objects.values(), *Incident.objects.values(), *Delivery.objects.values()])
    assert "Spend" in told
    assert not CHINESE.search(told)


@pytest.mark.django_db
def test_pages_of_money_are_chinese_and_their_files_english(chinese: Client) -> None:
    row = ledger_entry(1)
    model_price(1)
    gateway_budget(1)
    keep_days(day_row(timezone.now().date(), team_id="red"))
    wanted = {
        url("budgets_ledgerentry", "changelist"): ["账本条目", "开始时间", "健康检查", "上报"],
        url("budgets_ledgerentry", "change", row.pk): ["更正金额", "输入令牌", "上游 ID", "令牌数的来源"],
        url("budgets_dailyspend", "changelist"): ["日期按 UTC", "分组", "占比", "全部", "每日花费"],
        url("budgets_modelprice", "changelist"): ["生效时间", "百万输入令牌"],
        url("budgets_modelprice", "add"): ["按公开价格", "下线日期"],
        url("budgets_gatewaybudget", "changelist"): ["网关预算", "归属"],
        url("budgets_gatewaybudget", "add"): ["标签、模型组、供应商或部署的名称", "周期"],
    }
    for address, words in wanted.items():
        shown = chinese.get(address).content.decode()
        assert [word for word in words if word not in shown] == [], address
    file = b"".join(chinese.get(url("budgets_dailyspend", "changelist"), {"format": "csv"})).decode()
    assert file.startswith("Team,id,")
    assert not CHINESE.search(file)
    answer = chinese.post(
        url("budgets_ledgerentry", "correct", row.pk), {"amount": "1", "reason": "Wrong"}, follow=True
    )
    assert "现在的金额为 $1.00" in answer.content.decode()
    assert LogEntry.objects.latest("pk").change_message.startswith("It costs $1.00 now")
