"""The command `course doctor`."""


def doctor() -> None:
    """Stub."""
