"""Writing files so that nobody ever sees half of one."""

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Args:
        path: The file, in a folder that exists.
        content: What it shall hold.

    Raises:
        OSError: It cannot be written; what was there before is still there.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o644)  # a temporary file is its owner's alone
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
