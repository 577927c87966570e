"""The built-in demo: a provider and a chat channel on this machine, so that a newcomer sees everything work.

`gpt-4o` answers, streams and reports its usage; `always-fails` answers 500, which raises an alert; the alert is
printed where the gateway was started. Nothing leaves the machine and no key is needed.
"""

import asyncio
import json
import os
import socket
import threading
from typing import Any

import uvicorn

from proxy.config.schema import Document

URL_VARIABLE = "TOLLKEEPER_DEMO_URL"
ID_PREFIX = "demo-"
FAILING_MODEL = "always-fails"
_ANSWER = (
    "This is the demo provider of Tollkeeper. A real one would have told you a joke: "
    "why did the toll keeper love streams? Every token counts."
)


def document() -> Document:
    def entry(name: str, model: str, **more: Any) -> dict[str, Any]:
        params = {
            "model": f"openai/{model}",
            "api_base": f"os.environ/{URL_VARIABLE}",
            "api_key": "no-key-needed",
            **more,
        }
        return {"model_name": name, "litellm_params": params, "model_info": {"id": ID_PREFIX + name}}

    return Document.model_validate(
        {
            "model_list": [
                entry("gpt-4o", "gpt-4o"),
                entry("gpt-4o-mini", "gpt-4o-mini"),
                {
                    # At once: whoever tries the demo wants to see the alert.
                    **entry(FAILING_MODEL, FAILING_MODEL, num_retries=0),
                    "model_info": {"id": ID_PREFIX + FAILING_MODEL, "base_model": "gpt-4o"},
                },
            ],
            "general_settings": {"alerting": ["slack"]},
            "litellm_settings": {"callbacks": ["prometheus"]},
        }
    )


class DemoProvider:
    """Serves in a thread of its own, on a port the system picks."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(_application, log_config=None, access_log=False, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="demo-provider", daemon=True)

    def start(self) -> None:
        os.environ[URL_VARIABLE] = f"{self.url}/v1"
        os.environ.setdefault("SLACK_WEBHOOK_URL", f"{self.url}/slack")
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


async def _application(scope: Any, receive: Any, send: Any) -> None:
    body = json.loads(await _body(receive) or b"{}")
    if scope["path"] == "/slack":
        print("\n--- the demo channel received ---\n" + str(body.get("text", "")) + "\n---", flush=True)
        await _send(send, 200, b"ok", kind=b"text/plain")
    elif scope["path"] != "/v1/chat/completions":
        await _send_json(send, 404, {"error": {"message": "The demo has chat completions only."}})
    elif body.get("model") == FAILING_MODEL:
        await _send_json(send, 500, {"error": {"message": "This demo model always fails.", "type": "server_error"}})
    elif body.get("stream"):
        await _stream(send, body)
    else:
        await _send_json(send, 200, _completion(body))


def _usage(body: dict[str, Any]) -> dict[str, int]:
    prompt = sum(len(str(message.get("content", ""))) for message in body.get("messages", [])) // 4 + 3
    completion = len(_ANSWER) // 4
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": _ANSWER}
    return {
        "id": "chatcmpl-demo",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(body),
    }


async def _stream(send: Any, body: dict[str, Any]) -> None:
    base = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": body["model"]}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word + " "} for word in _ANSWER.split()]
    for delta in deltas:
        await _event(send, {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        await asyncio.sleep(0.03)
    await _event(send, {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    await _event(send, {**base, "choices": [], "usage": _usage(body)})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _event(send: Any, event: dict[str, Any]) -> None:
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _body(receive: Any) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send_json(send: Any, status: int, value: dict[str, Any]) -> None:
    await _send(send, status, json.dumps(value).encode(), kind=b"application/json")


async def _send(send: Any, status: int, body: bytes, *, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
