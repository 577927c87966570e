"""Pages of lists: what they hold, and what would be too much for one answer."""

import pytest

from proxy.management import pages
from teams.errors import Invalid
from teams.models import Tag

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tags() -> None:
    Tag.objects.bulk_create(Tag(name=f"tag-{number}") for number in range(5))


def test_a_page_knows_how_many_there_are() -> None:
    page = pages.paginate(Tag.objects.order_by("name"), number=2, size=2)

    assert ([row.name for row in page.rows], page.total, page.pages) == (["tag-2", "tag-3"], 5, 3)
    assert pages.paginate(Tag.objects.order_by("name"), number=4, size=2).rows == []


def test_what_would_fill_the_memory_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_BESIDE", 5)
    pages.ensure_few(Tag.objects.all(), what="tags")

    monkeypatch.setattr(pages, "MOST_BESIDE", 4)
    with pytest.raises(Invalid, match=r"more than 4 tags, which is too much for one answer.*page_size"):
        pages.ensure_few(Tag.objects.all(), what="tags")
