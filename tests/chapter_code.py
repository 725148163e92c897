"""Functions and classes of a chapter, taken from its source by their names; the rest of the chapter does not run."""

import ast


def taken(source, names, **space):
    """{name: function or class}, with `space` as what the chapter has imported."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if getattr(node, "name", None) in names]
    exec(compile(tree, source, "exec"), space)
    return {name: space[name] for name in names}
