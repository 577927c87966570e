"""The headers of an answer: whose it is, what it cost, and what the upstream said (api.md 1.3)."""

from collections.abc import Mapping

from budgets.core.pricing import NANO, SHARE, Cost, Price
from proxy.attempt import Attempt
from proxy.version import VERSION


def common_headers(attempt: Attempt) -> dict[str, str]:
    run = attempt.run
    headers = {
        "x-litellm-call-id": run.call_id,
        **dict(attempt.deployment.answer_headers),
        "x-litellm-model-group": attempt.deployment.model_group,
        "x-litellm-version": VERSION,
        "x-litellm-attempted-retries": str(run.retries),
        "x-litellm-attempted-fallbacks": str(run.fallbacks),
        **dict(run.principal.limit_headers),
    }
    if run.grant is not None:
        headers.update(run.grant.headers())
        if (spent := run.grant.spent_of_key()) is not None:
            headers["x-litellm-key-spend"] = repr((spent + run.amount_nano) / NANO)
    if run.retries:
        headers["x-litellm-max-retries"] = str(run.settings.num_retries)
    if attempt.limited_by_client:
        headers["x-litellm-timeout"] = f"{attempt.timeout:g}"
    return headers


def cost_headers(cost: Cost, *, price: Price | None) -> list[tuple[str, str]]:
    """Dollars, as LiteLLM writes them; nothing at all when no price is known.

    The parts are those of the original cost; the margin's percent is a share (0.1), as LiteLLM has it.
    """
    if price is None:
        return []
    parts = (
        ("x-litellm-response-cost", cost.total),
        ("x-litellm-response-cost-original", cost.before_terms),
        ("x-litellm-response-cost-discount-amount", cost.discount),
        ("x-litellm-response-cost-margin-amount", cost.margin),
        ("x-litellm-response-cost-input", cost.input),
        ("x-litellm-response-cost-output", cost.output),
        ("x-litellm-response-cost-cache-read", cost.cache_read),
        ("x-litellm-response-cost-cache-creation", cost.cache_creation),
        ("x-litellm-response-cost-reasoning", cost.reasoning),
        ("x-litellm-response-cost-tool-usage", cost.tools),
    )
    found = [(name, repr(nano / NANO)) for name, nano in parts[:2]]
    found += [(name, repr(nano / NANO)) for name, nano in parts[2:] if nano]
    if price.terms is not None and price.terms.margin:
        found.append(("x-litellm-response-cost-margin-percent", repr(price.terms.margin / SHARE)))
    return found


# Ours to decide, or only true between the upstream and us.
_NOT_FORWARDED = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "set-cookie", "trailer", "transfer-encoding"}
)


def forwarded_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The upstream's headers under `llm_provider-`, its rate limits also under their own names."""
    found = []
    for spelled, value in headers.items():
        name = spelled.lower()
        if name in _NOT_FORWARDED or not _can_be_sent(value):
            continue
        found.append((f"llm_provider-{name}", value))
        if name.startswith("x-ratelimit-"):
            found.append((name, value))
    return found


def _can_be_sent(value: str) -> bool:
    """No control characters, and nothing beyond Latin-1, which is all that a header carries."""
    return value.isprintable() and (value.isascii() or max(value) <= "\xff")
