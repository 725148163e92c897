"""Run a command with no network and an empty temporary folder, and fail where it leaves something behind.

    python tools/isolated.py [--online] COMMAND ...

The network is cut off where the system can do that (Linux, by `unshare`); else this is said, and with COURSE_CI=1 it
is a failure. What pytest keeps of its own for a look afterwards (`pytest-of-...`) may stay.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CUT_OFF = ["unshare", "--map-root-user", "--net"]


def main(words: list[str]) -> int:
    """Run the command, and give its exit code; 1 where it left something, or could not be cut off."""
    online = words[:1] == ["--online"]
    command = words[online:]
    if not command:
        sys.exit(__doc__)
    if not online:
        if (
            shutil.which("unshare")
            and subprocess.run([*CUT_OFF, "true"], capture_output=True, check=False).returncode == 0
        ):
            command = [*CUT_OFF, *command]
        elif os.environ.get("COURSE_CI") == "1":
            sys.exit("The network cannot be cut off here: `unshare --map-root-user --net` fails. COURSE_CI=1 needs it.")
        else:
            print("The network cannot be cut off on this system; the notebooks run with it.", flush=True)
    with tempfile.TemporaryDirectory(prefix="c", ignore_cleanup_errors=True) as folder:
        code = subprocess.run(command, env={**os.environ, "TMPDIR": folder}, check=False).returncode
        left = sorted(path.name for path in Path(folder).iterdir() if not path.name.startswith("pytest-of-"))
    if left:
        print(f"{len(left)} temporary file(s) or folder(s) were left behind: {', '.join(left[:5])}", file=sys.stderr)
    return code or int(bool(left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
