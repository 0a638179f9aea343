import os
import threading
from pathlib import Path

import pytest

from l2l.errors import StorageError
from l2l.files import written_whole


def _write_half(path: Path) -> None:
    with written_whole(path) as file:
        file.write_text("after")
        raise ValueError("half")


def test_a_file_stands_in_its_place_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")
    with pytest.raises(ValueError, match="half"):
        _write_half(path)
    assert path.read_text() == "before"
    with written_whole(path) as file:
        file.write_text("after")
    assert path.read_text() == "after"
    assert [one.name for one in tmp_path.iterdir()] == ["table.csv"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with written_whole(pipe) as file:
        file.write_text("all")
    reader.join()
    assert read == ["all"]
    assert pipe.is_fifo()


def test_what_a_link_leads_to_is_written(tmp_path: Path) -> None:
    target = tmp_path / "there"
    (tmp_path / "link").symlink_to(target)
    with written_whole(tmp_path / "link") as file:
        file.write_text("all")
    assert (tmp_path / "link").is_symlink()
    assert target.read_text() == "all"


def test_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"), written_whole(tmp_path) as file:
        file.write_text("all")
