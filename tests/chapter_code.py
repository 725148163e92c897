"""Functions, classes and constants of a chapter, taken from its source by their names; the rest does not run."""

import ast


def taken(source, names, **space):
    """{name: what the chapter binds to it}, with `space` as what the chapter has imported."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if set(names) & set(_bound(node))]
    exec(compile(tree, source, "exec"), space)
    return {name: space[name] for name in names}


def _bound(node):
    """Name what a statement defines."""
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
