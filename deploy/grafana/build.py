"""Write the dashboards' JSON: `python -m deploy.grafana.build`; with `--check`, only say which are not current."""

import json
import sys
from pathlib import Path

from deploy.grafana.boards import BOARDS
from deploy.grafana.panels import Board

FOLDER = Path(__file__).parent / "dashboards"


def main(arguments: list[str]) -> int:
    stale = [board for board in BOARDS if not _is_current(board)]
    left_over = sorted({path.name for path in FOLDER.glob("*.json")} - {_path(board).name for board in BOARDS})
    if "--check" in arguments:
        names = [*(_path(board).name for board in stale), *left_over]
        print("\n".join(f"{name} is not what its description says" for name in names))
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for board in stale:
        _path(board).write_text(_text(board), encoding="utf-8")
        print(f"{_path(board).name} written")
    for name in left_over:
        (FOLDER / name).unlink()
        print(f"{name} removed")
    return 0


def _path(board: Board) -> Path:
    return FOLDER / f"{board.uid.removeprefix('tollkeeper-')}.json"


def _text(board: Board) -> str:
    return json.dumps(board.as_json(), indent=1, ensure_ascii=False) + "\n"


def _is_current(board: Board) -> bool:
    path = _path(board)
    return path.exists() and path.read_text(encoding="utf-8") == _text(board)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
