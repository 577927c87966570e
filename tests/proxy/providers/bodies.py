"""Bodies of chat completions: proper conversations, and whatever else may come."""

from typing import Any

import orjson
from hypothesis import strategies as st

_PIXEL = "data:image/png;base64,iVBORw0KGgo="
_texts = st.text(max_size=8) | st.sampled_from(["", " ", "toll", "\n"])
_parts = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, _texts),
    st.just({"type": "image_url", "image_url": {"url": _PIXEL}}),
    st.just({"type": "image_url", "image_url": {"url": "https://example.org/toll.png"}}),
)
_scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | _texts
_names = st.sampled_from(
    """
    role content type text image_url url tool_calls id function name arguments tool_call_id parameters schema
    json_schema thinking_blocks signature file file_data input_audio data format cache_control properties items
    additionalProperties anyOf $ref enum budget_tokens
    """.split()  # noqa: SIM905 - a list would take a line a name
)
_words = st.sampled_from(
    """
    user assistant system tool text image_url function auto required json_schema json_object low object string array
    data:image/png;base64,AAAA https://example.org enabled #/$defs/a thinking
    """.split()  # noqa: SIM905
)
_anything = st.recursive(
    _scalars | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=12,
)
_parameters = st.sampled_from(
    """
    max_tokens max_completion_tokens stop temperature tools tool_choice parallel_tool_calls response_format user n
    reasoning_effort thinking seed logit_bias stream_options drop_params additional_drop_params output_config metadata
    modalities top_logprobs
    """.split()  # noqa: SIM905
)


def tool_call(id_: str, **arguments: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": orjson.dumps(arguments).decode()}
    return {"id": id_, "type": "function", "function": function}


def bodies() -> st.SearchStrategy[dict[str, Any]]:
    """Anything at all in the places of a body."""
    messages = st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]) | _anything},
            optional={
                "content": _texts | st.lists(_parts | _anything, max_size=3) | _anything,
                "tool_calls": st.lists(st.just(tool_call("x")) | _anything, max_size=2) | _anything,
                "tool_call_id": st.just("x") | _anything,
                "thinking_blocks": _anything,
                "cache_control": _anything,
            },
        )
        | _anything,
        max_size=4,
    )
    return st.builds(
        lambda messages, rest: {**rest, "messages": messages},
        messages | _anything,
        st.dictionaries(_parameters, _anything, max_size=4),
    )


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """As OpenAI takes them: each call is answered at once. The last is the user's, and says something."""
    messages: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(0, 4))):
        role = draw(st.sampled_from(["system", "user", "assistant", "call"]))
        if role != "call":
            content = _texts if role != "user" else _texts | st.lists(_parts, max_size=3)
            messages.append({"role": role, "content": draw(content)})
            continue
        ids = [f"call_{turn}:{number}" for number in range(draw(st.integers(1, 3)))]
        messages.append({"role": "assistant", "content": draw(_texts), "tool_calls": [tool_call(id_) for id_ in ids]})
        messages += [
            {"role": "tool", "tool_call_id": id_, "content": draw(_texts)} for id_ in draw(st.permutations(ids))
        ]
    return [{"role": "user", "content": "May I pass?"}, *messages, {"role": "user", "content": "And now?"}]
