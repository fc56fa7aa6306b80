"""Where the WebSocket feeds are."""

from query_api import answers
from query_api.endpoint import PREFIX, Answer, Call, Endpoint


async def show_feeds(call: Call) -> Answer:
    """The address of the WebSocket feeds; the endpoints are below it (docs/feeds.md)."""
    told: answers.FeedsAddress = {"url": call.ports.feeds_url}
    return Answer(200, told)


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/feeds",
        show_feeds,
        "Show where the feeds are",
        "",
        {200: answers.FeedsAddress},
    ),
)
