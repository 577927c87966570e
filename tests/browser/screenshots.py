"""The pictures of the documents, taken from the demo's data: `make screenshots`."""

import base64
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.chromium import chromium, first_password, log_in, watched_page
from tests.fakes.slack import FakeSlack
from tests.gateway import Gateway

FOLDER = Path(__file__).parent.parent.parent / "docs" / "screenshots"
VIEW = {"width": 1280, "height": 800}
QUALITY = 80
MOST_BYTES = 120_000
# Name, colours, and page; the place in it that is scrolled to.
PICTURES = (
    ("spend", "light", "/admin/budgets/dailyspend/", "h2:text('By day')"),
    ("incident", "light", "/admin/alerts/incident/{alerts_incident}/change/", ""),
    ("deployments", "dark", "/admin/proxy/deployment/", ""),
    ("request", "light", "/admin/proxy/requesttrace/{proxy_requesttrace}/change/", ""),
    # Last, so that what is done now and then has been done.
    ("home", "light", "/admin/", ""),
    ("home-dark", "dark", "/admin/?window=7d", "#traffic"),
)
# The rows that have most to tell.
ROWS = {
    "alerts_incident": "SELECT incident_id FROM alerts_incidententry GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "proxy_requesttrace": "SELECT id FROM proxy_requesttrace ORDER BY attempts DESC, status, id LIMIT 1",
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data, FakeSlack() as slack:
        config = {"model_list": [], "general_settings": {"alerting": ["slack"]}}
        gateway = Gateway(Path(data), config, environment={"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/x"})
        ran = gateway.run("demo")
        assert ran.returncode == 0, ran.stderr
        with gateway, chromium() as browser:
            rows = {name: gateway.rows(sql)[0][0] for name, sql in ROWS.items()}
            for name, colours, address, place in PICTURES:
                with watched_page(browser, gateway.url, viewport=VIEW, color_scheme=colours) as page:
                    log_in(page, first_password(gateway))
                    if (away := page.get_by_role("button", name="Put away")).count():
                        away.click()
                    page.goto(address.format(**rows), wait_until="networkidle")
                    if place:
                        page.locator(place).evaluate("element => element.scrollIntoView()")
                    _keep(page, FOLDER / f"{name}.webp")


def _keep(page: Page, path: Path) -> None:
    """Playwright itself writes no WebP, which is a third of a PNG."""
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    picture = base64.b64decode(taken["data"])
    assert len(picture) < MOST_BYTES, f"{path.name} has {len(picture)} bytes"
    path.write_bytes(picture)
    print(f"{path.name}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
