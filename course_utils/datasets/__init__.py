"""The data sets of the course: one module each, and what `course data` has to know about them.

A new set is a module with a ``SET`` (see ``store.DataSet``) and a ``load`` function, and a name in the line below.
"""

from . import imdb, mnist, store

SETS: dict[str, store.DataSet] = {module.SET.name: module.SET for module in (mnist, imdb)}
