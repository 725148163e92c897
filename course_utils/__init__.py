"""Helpers of the course: what the chapters import, and the `course` command.

Notebooks import the modules by name (``from course_utils import device, plots``), so importing the package
itself loads nothing else. No model is built and no training loop runs in here: those stand in the chapters.
"""
