"""Looking at processes that may end at any moment."""

import psutil


def command_of(process):
    """Its command line as one text; "" where it has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def has_ended(process_id):
    """Whether a process runs no more; one that nobody has collected yet counts as ended."""
    try:
        return psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
