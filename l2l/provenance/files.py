"""Digests of texts, files and folders."""

import json
from hashlib import file_digest, sha256
from pathlib import Path

from l2l.errors import NotFoundError


def digest(text: str) -> str:
    """Of a text, hexadecimal."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def digest_of_path(path: str | Path) -> str:
    """Of a file's content, or of all files in a folder with their names.

    Raises:
        NotFoundError: It cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        files = [one for one in sorted(path.rglob("*")) if one.is_file()]
        return digest(json.dumps([(one.relative_to(path).as_posix(), digest_of_path(one)) for one in files]))
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise NotFoundError(f"{path}: expected a readable file, got: {error.strerror}") from None
