"""A line to Redis that loses replies, or delivers what was sent long after the sender gave up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class Line:
    """Set `lose_replies` to that many, or clear `is_open` to keep what is sent until it is set again."""

    def __init__(self, server: str, path: Path) -> None:
        self._server = server
        self._path = path
        self.url = f"unix://{path}"
        self.calls = 0
        self.lose_replies = 0
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.late = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        from_redis, to_redis = await asyncio.open_unix_connection(self._server)
        try:
            while sent := await reader.read(1 << 20):
                self.calls += b"EVAL" in sent
                waited = not self.is_open.is_set()
                await self.is_open.wait()
                to_redis.write(sent)
                reply = await from_redis.read(1 << 20)
                if b"EVAL" in sent:
                    self.late += waited
                    if self.lose_replies:
                        self.lose_replies -= 1
                        return
                writer.write(reply)
        finally:
            for end in (writer, to_redis):
                end.close()
                with suppress(OSError):
                    await end.wait_closed()
            self._tasks.discard(task)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def line_to(url: str, folder: Path) -> AsyncIterator[Line]:
    line = Line(url.removeprefix("unix://"), folder / "line.sock")
    server = await asyncio.start_unix_server(line._serve, folder / "line.sock")
    try:
        yield line
    finally:
        server.close()
        await line.close()
