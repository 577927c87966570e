"""An upstream's failure in LiteLLM's words: status, type, prefix, and nothing secret."""

import re
from collections.abc import Mapping

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.errors import (
    BadRequest,
    BudgetCrossed,
    ClientGone,
    ConnectionFailed,
    NoDeploymentAvailable,
    OperationUnsupported,
    RequestTooLarge,
    TagsDenied,
    UnknownModel,
    UnsupportedMediaType,
    UpstreamError,
    UpstreamFailure,
    UpstreamTimeout,
    from_upstream,
    redact,
)
from proxy.core.operations import Operation
from teams.errors import ApiError

TOLD = {"error": {"message": "what they said", "type": "their_type", "param": "their_param", "code": "x"}}


def error(status: int, body: bytes | Mapping[str, object] = b"", **facts: object) -> UpstreamError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return from_upstream(status, raw, provider="openai", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_status", "status", "type_", "message"),
    [
        (400, 400, "their_type", "litellm.BadRequestError: OpenAIException - what they said"),
        (422, 422, "their_type", "litellm.BadRequestError: OpenAIException - what they said"),
        (
            401,
            401,
            "authentication_error",
            "litellm.AuthenticationError: AuthenticationError: OpenAIException - what they said",
        ),
        (403, 403, "permission_error", "litellm.APIError: APIError: OpenAIException - what they said"),
        (404, 404, "invalid_request_error", "litellm.NotFoundError: NotFoundError: OpenAIException - what they said"),
        (429, 429, "throttling_error", "litellm.RateLimitError: RateLimitError: OpenAIException - what they said"),
        (
            500,
            500,
            "internal_server_error",
            "litellm.InternalServerError: InternalServerError: OpenAIException - what they said",
        ),
        (
            503,
            503,
            "internal_server_error",
            "litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - what they said",
        ),
    ],
)
def test_each_status_is_told_as_litellm_tells_it(given_status: int, status: int, type_: str, message: str) -> None:
    found = error(given_status, TOLD)

    assert (found.status_code, found.type, found.message) == (status, type_, message)
    assert found.envelope()["error"]["code"] == str(status)


@pytest.mark.parametrize("status", [501, 502, 504, 520, 529, 599, 600, 999])
def test_other_server_errors_are_an_internal_server_error(status: int) -> None:
    assert error(status, TOLD).status_code == 500


@pytest.mark.parametrize("status", [405, 410, 415, 418, 451, 499])
def test_other_client_errors_are_a_bad_request(status: int) -> None:
    assert error(status, TOLD).status_code == 400


@pytest.mark.parametrize("status", [409, 413])
def test_a_conflict_and_too_large_a_request_keep_their_status(status: int) -> None:
    found = error(status, TOLD)

    assert (found.status_code, found.name, found.type) == (status, "BadRequestError", "their_type")


def test_an_account_out_of_credit_is_the_operators_trouble() -> None:
    found = error(402, {"error": {"message": "Insufficient Balance", "type": "unknown_error"}})

    assert (found.status_code, found.type, found.alerts) == (402, "permission_error", True)
    assert found.message == "litellm.APIError: APIError: OpenAIException - Insufficient Balance"


def test_an_upstreams_own_timeout_is_a_timeout() -> None:
    found = error(408, TOLD)

    assert isinstance(found, UpstreamTimeout)
    assert (found.status_code, found.type, found.name) == (408, "invalid_request_error", "Timeout")
    assert found.message == "litellm.Timeout: APITimeoutError - OpenAIException - what they said"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (408, "TimeoutError"),
        (409, "BadRequestError"),
        (413, "BadRequestError"),
        (422, "BadRequestError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (502, "InternalServerError"),
        (503, "ServiceUnavailableError"),
    ],
)
def test_policies_know_an_error_by_its_kind(status: int, kind: str) -> None:
    assert error(status).kind == kind


def test_policies_tell_content_from_context() -> None:
    assert error(400, b"content_policy_violation").kind == "ContentPolicyViolationError"
    assert error(400, b"maximum context length").kind == "BadRequestError"


def test_a_connection_that_never_came_about_is_told_as_litellm_does() -> None:
    found = ConnectionFailed(provider="openai")

    assert (found.status_code, found.name, found.kind) == (500, "InternalServerError", "InternalServerError")
    assert found.message == "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error."
    assert not found.reached
    assert UpstreamFailure("x", provider="openai").reached


@pytest.mark.parametrize("status", [100, 201, 204, 301, 302, 307])
def test_statuses_that_are_no_answer_to_a_completion_are_the_upstreams_failure(status: int) -> None:
    assert error(status, TOLD).status_code == 500


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503])
def test_what_is_the_upstreams_fault_alerts(status: int) -> None:
    assert error(status).alerts


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_the_clients_fault_alerts_nobody(status: int) -> None:
    assert not error(status).alerts


@pytest.mark.parametrize(
    "said",
    [
        "This model's maximum context length is 128000 tokens.",
        "code: context_length_exceeded",
        "String too long. Expected a string with maximum length 1048576",
        "Prompt is too long: 210000 tokens > 200000 maximum",
    ],
)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_too_long_a_prompt_is_told_as_such(status: int, said: str) -> None:
    found = error(status, {"error": {"message": said}})

    assert found.status_code == 400
    assert found.name == "ContextWindowExceededError"
    assert found.message == (
        "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "
        f"OpenAIException - {said}"
    )


@pytest.mark.parametrize("said", ["content_policy_violation", "Azure OpenAI's content management policy"])
def test_a_policy_violation_is_told_as_such(said: str) -> None:
    found = error(400, {"error": {"message": said}})

    assert found.status_code == 400
    assert found.message.startswith("litellm.ContentPolicyViolationError: ")


def test_a_code_tells_a_context_window_although_the_message_does_not() -> None:
    found = error(400, {"error": {"message": "no", "code": "context_length_exceeded"}})

    assert found.name == "ContextWindowExceededError"


def test_a_server_error_that_mentions_the_context_window_stays_a_server_error() -> None:
    assert error(500, b"maximum context length").status_code == 500


def test_the_upstreams_param_reaches_the_client_of_a_bad_request() -> None:
    assert error(400, TOLD).param == "their_param"
    assert error(500, TOLD).param is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "HTTP 500"),
        (b"  ", "HTTP 500"),
        (b"plain text", "plain text"),
        (b"<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (b'"text"', "text"),
        (b'{"error":"text"}', "text"),
        (b'{"message":"text"}', "text"),
        (b'{"error":{"message":null,"code":7}}', '{"message":null,"code":7}'),
        (b'{"detail":"Not Found"}', '{"detail":"Not Found"}'),
        (b'{"error":{}}', "{}"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error":{"message":"two\\nlines\\u0000"}}', "two lines "),
    ],
)
def test_whatever_the_body_says_is_told(body: bytes, told: str) -> None:
    assert error(500, body).told == told


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "type", "param", "code"]) | st.text(), inner, max_size=4)
    ),
)


@given(st.integers(100, 999), st.binary() | _json.map(orjson.dumps), st.none() | st.text())
@settings(deadline=None, max_examples=400)
def test_no_answer_of_an_upstream_can_break_the_telling(status: int, body: bytes, retry_after: str | None) -> None:
    found = error(status, body, retry_after=retry_after)

    orjson.dumps(found.envelope())
    assert 400 <= found.status_code < 600
    assert len(found.message) < 2300
    assert not re.search(r"[\x00-\x1f\x7f]", found.message)
    assert all(value.isprintable() for value in found.headers.values())


@pytest.mark.parametrize("length", [2001, 100_000, 1_000_000])
def test_a_long_message_is_cut(length: int) -> None:
    assert len(error(500, b"x" * length).told) <= 2003
    assert len(error(500, {"error": {"message": "x" * length}}).told) <= 2003


@pytest.mark.parametrize(
    ("retry_after", "headers"),
    [("5", {"retry-after": "5"}), (None, {}), ("", {}), ("5\r\nset-cookie: a=b", {}), ("5\x00", {})],
)
def test_retry_after_is_handed_on_when_it_is_clean(retry_after: str | None, headers: dict[str, str]) -> None:
    assert error(429, TOLD, retry_after=retry_after).headers == headers


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
    ],
)
def test_an_error_knows_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert error(429, TOLD, headers=headers).retry_after == seconds


def test_retry_after_alone_is_enough() -> None:
    assert error(503, TOLD, retry_after="7").retry_after == 7
    assert error(503, TOLD, headers={"retry-after": "7"}).headers == {"retry-after": "7"}


SECRET = "0a1b2c3d4e5f6071"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: {SECRET}.",
        "Incorrect API key provided: sk-proj-abcdefghijklmnop0a1b2c3d4e5f6071.",
        "Authorization: Bearer 0a1b2c3d4e5f6071",
        "bad key gsk_0a1b2c3d4e5f6071 given",
        "key xai-0a1b2c3d4e5f6071",
        "https://user:0a1b2c3d4e5f6071@host/v1 failed",
        "AIzaSy0a1b2c3d4e5f6071",
    ],
)
@pytest.mark.parametrize("shape", ["text", "message", "odd"])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_no_credential_reaches_the_client(text: str, shape: str, status: int) -> None:
    body = {
        "text": text.encode(),
        "message": orjson.dumps({"error": {"message": text}}),
        "odd": orjson.dumps({"error": {"detail": [text]}}),
    }[shape]

    assert SECRET not in orjson.dumps(error(status, body, secrets=(SECRET,)).envelope()).decode()


@pytest.mark.parametrize("name", ["type", "param"])
def test_no_credential_reaches_the_client_in_the_upstreams_type_or_param(name: str) -> None:
    body: dict[str, object] = {"error": {"message": "no", name: f"key {SECRET}"}}

    assert SECRET not in orjson.dumps(error(400, body, secrets=(SECRET,)).envelope()).decode()


def test_a_credential_is_found_although_the_message_is_cut_in_the_middle_of_it() -> None:
    said = "x" * 1995 + SECRET

    assert SECRET[:5] not in error(500, said.encode(), secrets=(SECRET,)).told
    assert SECRET[:5] not in error(500, {"error": {"message": said}}, secrets=(SECRET,)).told


def test_redaction_leaves_ordinary_words_alone() -> None:
    text = "The model gpt-4o-mini is overloaded, see https://status.example.com/a@b or ask key holders."

    assert redact(text, secrets=("key", "")) == text


def test_a_timeout_is_told_with_its_limit_and_the_time_taken() -> None:
    found = UpstreamTimeout(provider="openai", limit=1.0, taken=1.0123)

    assert (found.status_code, found.type) == (408, "invalid_request_error")
    assert found.message == (
        "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out. "
        "- timeout value=1.0, time taken=1.01 seconds"
    )


def test_an_unknown_model_is_told_and_shortened() -> None:
    assert UnknownModel("nope").message == (
        "litellm.BadRequestError: You passed in model=nope. There are no healthy deployments for this model"
    )
    assert len(UnknownModel("x" * 10_000).message) < 400


@pytest.mark.parametrize(
    ("kind", "status"), [(BadRequest, 400), (RequestTooLarge, 413), (UnsupportedMediaType, 415), (ApiError, 500)]
)
def test_our_own_errors_have_their_status(kind: type[ApiError], status: int) -> None:
    assert kind("x").envelope()["error"]["code"] == str(status)


def test_a_group_that_cools_down_is_told_in_litellms_words() -> None:
    found = NoDeploymentAvailable("gpt-4o", retry_after=4.2, cooling=["a", "b"])

    assert (found.status_code, found.type, found.headers) == (429, "throttling_error", {"retry-after": "5"})
    assert found.message == (
        "No deployments available for selected model, Try again in 5 seconds. All deployments for selected model are "
        "in cooldown. Passed model=gpt-4o. pre-call-checks=False, cooldown_list=['a', 'b']"
    )


def test_a_group_in_which_nothing_cools_down_is_told_with_what_keeps_it() -> None:
    found = NoDeploymentAvailable("gpt-4o", retry_after=1, reasons=["2 blocked", "1 at its parallel limit"])
    both = NoDeploymentAvailable("gpt-4o", retry_after=1, reasons=["1 blocked"], cooling=["a"])

    assert found.message == (
        "No deployments available for selected model, Try again in 1 seconds. None of them may be asked now: 2 "
        "blocked, 1 at its parallel limit. Passed model=gpt-4o. pre-call-checks=False, cooldown_list=[]"
    )
    assert "are in cooldown. " in both.message
    assert "cooldown_list=['a']" in both.message


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.01])
def test_nobody_is_told_to_come_back_in_no_time(seconds: float) -> None:
    assert NoDeploymentAvailable("m", retry_after=seconds).headers == {"retry-after": "1"}


def test_a_crossed_budget_is_told_with_whose_it_is() -> None:
    found = BudgetCrossed(
        ["Exceeded budget for provider openai: 10 >= 10", "Exceeded budget for deployment d1: 2 >= 1"]
    )

    assert (found.status_code, found.type) == (429, "throttling_error")
    assert found.message == (
        "No deployments available - crossed budget: Exceeded budget for provider openai: 10 >= 10\n"
        "Exceeded budget for deployment d1: 2 >= 1"
    )


def test_the_other_refusals_have_their_status_and_words() -> None:
    unsupported = OperationUnsupported("x" * 10_000, Operation.EMBEDDING)

    assert (TagsDenied().status_code, TagsDenied().message) == (
        401,
        "Not allowed to access model due to tags configuration",
    )
    assert ClientGone().status_code == 499
    assert (unsupported.status_code, unsupported.param) == (400, "model")
    assert "'embedding'" in unsupported.message
    assert len(unsupported.message) < 400
