"""What a check answers: not attempted yet, not right yet with a hint, or correct."""

import html
from collections.abc import Callable
from typing import NamedTuple

NOT_ATTEMPTED, NOT_RIGHT, CORRECT = "not attempted yet", "not right yet", "correct"
# The hint of every check whose answer came back as None.
NOTHING_RETURNED = "Your function returns nothing. Did you forget the word return?"


class Verdict(NamedTuple):
    """The answer to an exercise, which a notebook shows as a coloured line.

    Attributes:
        status: "not attempted yet", "not right yet" or "correct".
        message: The hint or the praise, one or two sentences.
    """

    status: str
    message: str

    def __repr__(self) -> str:
        """Show the verdict where there is no HTML."""
        return f"{self.status}: {self.message}"

    def _repr_html_(self) -> str:
        mark, colour = {
            NOT_ATTEMPTED: ("○", "#6c757d"),
            NOT_RIGHT: ("✗", "#b45309"),
            CORRECT: ("✓", "#15803d"),
        }[self.status]
        return (
            f"<div style='border-left:4px solid {colour};padding:.4em .8em'><b style='color:{colour}'>"
            f"{mark} {self.status}</b><br>{html.escape(self.message)}</div>"
        )


def judge(hint: Callable[[], str], praise: str) -> Verdict:
    """Try a learner's answer and turn what happens into a verdict.

    Args:
        hint: Calls the learner's function and returns the hint for the mistake that it finds, or "" when there
            is none. It may let exceptions through.
        praise: Shown when there is no mistake.

    Returns:
        *Not attempted yet* where the stub raised NotImplementedError; *not right yet* with the hint, or with what
        the learner's code raised; *correct* with the praise.
    """
    try:
        found = hint()
    except NotImplementedError:
        return Verdict(
            NOT_ATTEMPTED,
            "Put your answer in place of the two stub lines, then run that cell and this one.",
        )
    except Exception as error:
        return Verdict(NOT_RIGHT, f"Your code stopped with {type(error).__name__}: {error}")
    return Verdict(NOT_RIGHT, found) if found else Verdict(CORRECT, praise)
