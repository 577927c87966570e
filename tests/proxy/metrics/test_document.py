"""docs/metrics.md lists every metric of the catalogue as it is."""

from proxy.metrics.document import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m proxy.metrics.document"
