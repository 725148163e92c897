"""Checks of the exercises: one file per chapter, each check answers with a verdict."""
