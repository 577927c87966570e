"""OpenAI's costs endpoint: who asks must have an admin key, and gets the days one page after the other."""

from tests.fakes.server import FakeServer, Received, Reply

ADMIN_KEY = "sk-admin-hidden0123456789"
DAY = 86_400


class FakeCosts(FakeServer):
    """`days` are dollars by the beginning of the day, in Unix seconds; `page_size` is how many days a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.days: dict[int, list[tuple[float | str, str]]] = {}
        self.page_size = 180
        self.queries: list[dict[str, str]] = []

    def respond(self, received: Received) -> Reply:
        if received.path != "/v1/organization/costs" or received.method != "GET":
            return Reply(404)
        if received.headers.get("authorization") != f"Bearer {ADMIN_KEY}":
            return Reply(401, {"error": {"message": f"Incorrect API key {received.headers.get('authorization')}"}})
        query = received.query
        self.queries.append(query)
        start, end = int(query["start_time"]), int(query["end_time"])
        if query.get("bucket_width", "1d") != "1d" or not 1 <= int(query.get("limit", "7")) <= 180:
            return Reply(400, {"error": {"message": "bad query"}})
        first = int(query["page"].removeprefix("page_")) if "page" in query else 0
        buckets = range(start, end, DAY)
        shown = buckets[first : first + self.page_size]
        more = first + self.page_size < len(buckets)
        return Reply(
            200,
            {
                "object": "page",
                "data": [self._bucket(at) for at in shown],
                "has_more": more,
                "next_page": f"page_{first + self.page_size}" if more else None,
            },
        )

    def _bucket(self, at: int) -> dict[str, object]:
        results = [
            {
                "object": "organization.costs.result",
                "amount": {"value": value, "currency": currency},
                "line_item": None,
                "project_id": None,
            }
            for value, currency in self.days.get(at, ())
        ]
        return {"object": "bucket", "start_time": at, "end_time": at + DAY, "results": results}
