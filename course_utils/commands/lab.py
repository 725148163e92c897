"""The command `course lab`."""


def lab() -> None:
    """Stub."""
