"""The command `course build`."""


def build() -> None:
    """Stub."""
