"""Keys as CSV: all that were asked for, none of their secrets, and nothing that a spreadsheet would run."""

import csv
import io
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from teams.models import Team, VirtualKey
from teams.services import issue_key
from tests.gateway_project import rows
from tests.gateway_project.pages import KEYS, superuser, url

pytestmark = pytest.mark.django_db
ALL = {"action": "export_csv", "select_across": "1", "_selected_action": "0"}


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def export(page: Client, sent: dict[str, Any], **query: object) -> list[dict[str, str]]:
    response = page.post(url(KEYS, "changelist", **query), sent)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="keys.csv"'
    return read(response.getvalue())


def many(number: int) -> None:
    VirtualKey.objects.bulk_create(
        VirtualKey(alias=f"bulk-{one}", token_hash=f"{one:064d}", name="sk-...0000") for one in range(number)
    )


def test_no_secret_leaves_with_the_keys(page: Client) -> None:
    row = rows.virtual_key(1)
    response = page.post(url(KEYS, "changelist"), {"action": "export_csv", "_selected_action": row.pk})
    text = response.getvalue().decode()

    assert "key 1" in text
    for secret in (row.token_hash, rows.SECRET, row.uncollected_key, "langfuse"):
        assert secret not in text


def test_the_selected_are_exported_or_all_that_the_filter_shows(page: Client) -> None:
    team = Team.objects.create(id="t", alias="North")
    for number in range(4):
        issue_key(VirtualKey(alias=f"k{number}", team=team if number < 3 else None, blocked=number == 0))
    first = VirtualKey.objects.order_by("pk").first()
    assert first is not None

    assert [line["alias"] for line in export(page, {"action": "export_csv", "_selected_action": first.pk})] == ["k0"]
    assert [line["alias"] for line in export(page, ALL)] == ["k0", "k1", "k2", "k3"]
    assert [line["alias"] for line in export(page, ALL, team__id__exact="t", state="active")] == ["k1", "k2"]
    assert [line["alias"] for line in export(page, ALL, q="k3")] == ["k3"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(page: Client, start: str) -> None:
    issue_key(VirtualKey(alias=f"{start}cmd|' /C calc'!A0", team=Team.objects.create(alias=f"{start}1+1")))
    (line,) = export(page, ALL)

    assert line["alias"].startswith(f"'{start}")
    assert line["team"].startswith(f"'{start}")


def test_amounts_are_plain_dollars(page: Client) -> None:
    issue_key(VirtualKey(alias="a", max_budget_nano=1_234_567_890_000_000_001))

    assert export(page, ALL)[0]["max budget, USD"] == "1234567890.000000001"


def test_more_keys_than_one_query_reads_come_all_and_once(page: Client) -> None:
    many(4500)

    assert [line["alias"] for line in export(page, ALL)] == [f"bulk-{number}" for number in range(4500)]


def test_a_large_export_is_sent_in_parts_as_it_is_read(async_client: AsyncClient) -> None:
    many(4500)

    async def download() -> list[bytes]:
        await async_client.aforce_login(admin)
        response: Any = await async_client.post(url(KEYS, "changelist"), ALL)
        assert response.is_async, "or the server would read it whole before it sends the first byte"
        return [part async for part in response]

    admin = superuser()
    parts = async_to_sync(download)()

    assert [part.count(b"\r\n") for part in parts] == [1, 2000, 2000, 500]
    assert [line["alias"] for line in read(b"".join(parts))] == [f"bulk-{number}" for number in range(4500)]
