"""The command `course run`."""


def run() -> None:
    """Stub."""
