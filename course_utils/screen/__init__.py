"""What only a person at a screen sees, of widgets and of trainings.

Where nobody watches (``COURSE_HEADLESS=1``) nothing in here is imported. So no output of a worked edition depends on
it, and a change in here asks for no new run.
"""
