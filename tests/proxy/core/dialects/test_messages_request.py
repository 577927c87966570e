"""What an Anthropic client asks, as a chat completion is asked."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.dialects import DIALECTS
from proxy.core.errors import BadRequest
from proxy.core.operations import Operation
from proxy.providers.openai import encode
from tests.proxy.core.dialects.chats import mangled

Json = dict[str, Any]

MESSAGES = DIALECTS[Operation.MESSAGES]
HI = [{"role": "user", "content": "hi"}]
MARK = {"type": "ephemeral"}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
FUNCTION = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}


def chat(**body: Any) -> Json:
    return MESSAGES.to_chat({"model": "group", "max_tokens": 5, "messages": HI, **body})


def asked(*messages: Json) -> list[Json]:
    found: list[Json] = chat(messages=list(messages))["messages"]
    return found


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def use(call_id: str, **given_input: Any) -> Json:
    return {"type": "tool_use", "id": call_id, "name": "look", "input": given_input}


def result(call_id: str, content: Any = None, **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}


def called(call_id: str, arguments: str = "{}") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def test_the_least_request() -> None:
    assert chat() == {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}


@pytest.mark.parametrize(
    ("given_body", "told"),
    [
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"top_k": 40, "service_tier": "auto", "context_management": {}}, {}),
        ({"stop_sequences": ["END", "\n"]}, {"stop": ["END", "\n"]}),
        ({"stop_sequences": []}, {}),
        ({"metadata": {"user_id": "u-1"}}, {"user": "u-1"}),
        ({"metadata": {"user_id": "u" * 65}}, {}),
        ({"metadata": {}}, {}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": False}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 9_999}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 4_999}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_999}}, {"reasoning_effort": "minimal"}),
        ({"thinking": {"type": "enabled", "budget_tokens": -1}}, {"reasoning_effort": "minimal"}),
        ({"thinking": {"type": "disabled"}}, {}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
                }
            },
        ),
        ({"tools": [TOOL]}, {"tools": [{"type": "function", "function": FUNCTION}]}),
        ({"tools": [{**TOOL, "type": "custom"}]}, {"tools": [{"type": "function", "function": FUNCTION}]}),
        (
            {"tools": [{**TOOL, "strict": True, "cache_control": MARK}]},
            {"tools": [{"type": "function", "function": {**FUNCTION, "strict": True}, "cache_control": MARK}]},
        ),
        ({"tools": [], "tool_choice": {"type": "auto"}}, {}),
    ],
)
def test_what_becomes_of_each_option(given_body: Json, told: Json) -> None:
    assert chat(**given_body) == {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, **told}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "look"}, {"tool_choice": {"type": "function", "function": {"name": "look"}}}),
        ({"type": "auto", "disable_parallel_tool_use": True}, {"tool_choice": "auto", "parallel_tool_calls": False}),
        ({"type": "auto", "disable_parallel_tool_use": False}, {"tool_choice": "auto"}),
    ],
)
def test_a_choice_of_tools(choice: Json, told: Json) -> None:
    found = chat(tools=[TOOL], tool_choice=choice)
    del found["tools"], found["messages"], found["max_tokens"]

    assert found == told


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("be kind", "be kind"),
        ([text("be kind")], "be kind"),
        ([text("be kind"), text("be brief")], [text("be kind"), text("be brief")]),
        ([text("be kind", cache_control=MARK)], [text("be kind", cache_control=MARK)]),
    ],
)
def test_the_system_speaks_first(system: Any, content: Any) -> None:
    assert chat(system=system)["messages"] == [{"role": "system", "content": content}, *HI]


@pytest.mark.parametrize("system", ["", []])
def test_a_system_that_says_nothing_is_left_out(system: Any) -> None:
    assert chat(system=system)["messages"] == HI


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([text("hi")], "hi"),
        ([text("a"), text("b")], [text("a"), text("b")]),
        ([text("a", cache_control=MARK)], [text("a", cache_control=MARK)]),
        ([PNG], [PNG_PART]),
        (
            [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}, "cache_control": MARK}],
            [{"type": "image_url", "image_url": {"url": "https://x/y.png"}, "cache_control": MARK}],
        ),
        (
            [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}, "title": "T"}],
            [text("T"), text("D")],
        ),
        ([{"type": "document", "source": {"type": "content", "content": "D"}}], "D"),
        ([{"type": "document", "source": {"type": "content", "content": [text("D"), PNG]}}], [text("D"), PNG_PART]),
        (
            [
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
                    "context": "C",
                }
            ],
            [
                text("C"),
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"},
                },
            ],
        ),
        (
            [{"type": "search_result", "title": "T", "source": "https://x", "content": [text("found")]}],
            [text("T (https://x)"), text("found")],
        ),
    ],
)
def test_what_a_user_may_say(blocks: list[Json], content: Any) -> None:
    assert asked(user(*blocks)) == [{"role": "user", "content": content}]


def test_a_turn_with_tools() -> None:
    assert asked(
        *HI,
        assistant({"type": "thinking", "thinking": "hm", "signature": "s"}, text("I look."), use("a", x=1), use("b")),
        user(result("a", "seen"), result("b", [text("one"), text("two")]), text("and now?")),
    ) == [
        *HI,
        {"role": "assistant", "content": "I look.", "tool_calls": [called("a", '{"x":1}'), called("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "seen"},
        {"role": "tool", "tool_call_id": "b", "content": [text("one"), text("two")]},
        {"role": "user", "content": "and now?"},
    ]


def test_calls_without_a_word_have_no_content() -> None:
    assert asked(*HI, assistant(use("a"))) == [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [called("a")]},
    ]


@pytest.mark.parametrize("blocks", [[], [{"type": "redacted_thinking", "data": "x"}]])
def test_an_assistant_that_only_thought_said_nothing(blocks: list[Json]) -> None:
    assert asked(*HI, assistant(*blocks)) == [*HI, {"role": "assistant", "content": ""}]


def test_the_results_of_tools_stand_before_what_else_the_user_says() -> None:
    found = asked(assistant(use("a")), user(text("first"), result("a", "seen")))

    assert [message["role"] for message in found] == ["assistant", "tool", "user"]


def test_a_failed_tool_says_so() -> None:
    (_, told) = asked(assistant(use("a")), user(result("a", "no such file", is_error=True)))

    assert told["content"] == [text("The tool failed."), text("no such file")]


@pytest.mark.parametrize("content", [None, "", []])
def test_a_tool_may_give_back_nothing(content: Any) -> None:
    (_, told) = asked(assistant(use("a")), user(result("a", content)))

    assert told == {"role": "tool", "tool_call_id": "a", "content": ""}


def test_the_images_of_tools_follow_behind_all_results() -> None:
    found = asked(
        assistant(use("a"), use("b")),
        user(result("a", [PNG]), result("b", [text("seen"), PNG])),
        assistant(text("fine")),
    )

    assert [message["role"] for message in found] == ["assistant", "tool", "tool", "user", "assistant"]
    assert found[2]["content"] == "seen"
    assert found[3]["content"] == [
        text("From the tool call a:"),
        PNG_PART,
        text("From the tool call b:"),
        PNG_PART,
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [user({"type": "odd"})]}, "messages[0].content[0].type"),
        ({"messages": [user({"type": "text"})]}, "messages[0].content[0].text"),
        ({"messages": [user({"type": "image", "source": {"type": "file"}})]}, "messages[0].content[0].source.type"),
        ({"messages": [user({"type": "image"})]}, "messages[0].content[0].source"),
        (
            {"messages": [user({"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}})]},
            "messages[0].content[0].source.type",
        ),
        ({"messages": [user({"type": "tool_result", "content": "x"})]}, "messages[0].content[0].tool_use_id"),
        ({"messages": [assistant(PNG)]}, "messages[0].content[0].type"),
        ({"messages": [assistant({"type": "server_tool_use"})]}, "messages[0].content[0].type"),
        ({"messages": [assistant({"type": "tool_use", "id": "a"})]}, "messages[0].content[0].name"),
        ({"messages": [assistant({**use("a"), "input": "x"})]}, "messages[0].content[0].input"),
        ({"system": [PNG]}, "system[0].type"),
        ({"system": 5}, "system"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"tools": [{"name": "look"}]}, "tools[0].input_schema"),
        ({"tools": [TOOL], "tool_choice": {"type": "odd"}}, "tool_choice.type"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": True}}, "thinking.budget_tokens"),
        ({"mcp_servers": [{"url": "https://x"}]}, "mcp_servers"),
        ({"container": "c"}, "container"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_what_cannot_be_asked_of_a_chat_model_is_refused_by_its_path(body: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        chat(**body)

    assert refused.value.param == param
    assert f"'{param}'" in refused.value.message


def test_a_refused_tool_is_named() -> None:
    with pytest.raises(BadRequest, match="'web_search_20250305'"):
        chat(tools=[{"type": "web_search_20250305", "name": "web_search"}])


def test_arguments_nested_too_deeply_are_refused() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]

    with pytest.raises(BadRequest, match="nested too deeply"):
        asked(assistant(use("a", x=deep)))


WORDS = [
    *("role", "content", "type", "text", "source", "data", "media_type", "url", "id", "name", "input", "tool_use_id"),
    *("system", "messages", "tools", "tool_choice", "thinking", "metadata", "input_schema", "cache_control", "title"),
]
VALUES = [
    *("user", "assistant", "system", "text", "image", "document", "tool_use", "tool_result", "thinking", "base64"),
    *("url", "content", "search_result", "custom", "auto", "tool", "enabled", "json_schema"),
]


@given(
    st.fixed_dictionaries(
        {"messages": st.lists(mangled(WORDS, VALUES), max_size=3)},
        optional={
            name: mangled(WORDS, VALUES)
            for name in ("system", "tools", "tool_choice", "thinking", "metadata", "output_config", "stop_sequences")
        },
    )
    | st.dictionaries(st.sampled_from(WORDS), mangled(WORDS, VALUES), max_size=5)
)
@settings(max_examples=300)
def test_any_request_is_translated_or_refused(body: Json) -> None:
    try:
        told = MESSAGES.to_chat(body)
    except BadRequest as refused:
        assert refused.param  # noqa: PT017 - either is fine, a refusal without a place is not
        return
    assert encode(told)


_user_blocks = st.sampled_from([text("a"), PNG, result("c0", "x"), result("c1", [PNG]), text("b", cache_control=MARK)])
_assistant_blocks = st.sampled_from([text("a"), use("c0"), use("c1"), {"type": "thinking", "thinking": "hm"}])
_turns = st.one_of(
    st.lists(_user_blocks, max_size=4).map(lambda blocks: user(*blocks)),
    st.lists(_assistant_blocks, max_size=4).map(lambda blocks: assistant(*blocks)),
)


@given(st.lists(_turns, max_size=6))
def test_results_hold_only_text_and_yet_no_image_is_lost(turns: list[Json]) -> None:
    found = asked(*turns)
    sent = [block for turn in turns for block in turn["content"] if block in (PNG, result("c1", [PNG]))]

    answers = [message["content"] for message in found if message["role"] == "tool"]
    assert all(isinstance(content, str) for content in answers)
    assert sum(part == PNG_PART for message in found for part in message["content"] or []) == len(sent)
