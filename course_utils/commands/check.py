"""The command `course check`."""


def check() -> None:
    """Stub."""
