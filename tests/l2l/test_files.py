import errno
import os
import threading
from pathlib import Path

import pytest

from l2l.errors import StorageError
from l2l.files import open_new, separate, written_whole


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


def test_a_link_beside_a_file_that_is_written_leads_nowhere(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("theirs")
    for link in (Path.symlink_to, Path.hardlink_to):
        link(tmp_path / "table.csv.partial", other)
        with written_whole(tmp_path / "table.csv") as file:
            file.write_text("all")
        assert other.read_text() == "theirs"
        (tmp_path / "table.csv.partial").unlink()


def test_a_file_that_is_replaced_leaves_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.touch(0o600)
    with written_whole(path) as file:
        file.write_text("all")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_refused_output_is_to_be_asked_for_again_and_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="then do the same again"), written_whole(tmp_path / "table.csv"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_a_new_file_empties_no_other_that_has_the_same_content(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("theirs")
    (tmp_path / "partial").hardlink_to(other)
    os.close(open_new(tmp_path / "partial"))
    assert other.read_text() == "theirs"
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(OSError, match="symbolic link"):
        open_new(tmp_path / "link")


def test_a_second_name_is_separated_with_all_that_the_file_holds(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("before")
    path.chmod(0o640)
    separate(path)
    inode = path.stat().st_ino
    other.hardlink_to(path)
    separate(path)
    path.write_text("after")
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o640
    assert other.read_text() == "before"
    separate(tmp_path / "nothing")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "other"]
