"""Prints the public names of the Python client, with their arguments, as JSON.

    python tests/documents/python_names.py > tests/documents/python_names.json

The Python is that of the test server, where the client is installed in the pinned version. Its source is read, not run.
What is written down: functions, classes, their arguments, methods, properties and attributes, names of modules, options
of commands, and the keys of tables. Where a method hands all that it is given to a private one, its arguments are those
of that one too.
"""

import ast
import importlib.metadata
import importlib.util
import json
import pathlib

FOLDER = pathlib.Path(importlib.util.find_spec("kinto_http").submodule_search_locations[0])
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_public(name):
    return not name.startswith("_")


def arguments(function, own=False):
    """All that can be given by name, but `self`."""
    args = function.args
    names = [arg.arg for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs]]
    return names[1:] if own and names[:1] in (["self"], ["cls"]) else names


def others(function):
    """`*args` and `**kwargs`."""
    args = function.args
    return ([f"*{args.vararg.arg}"] if args.vararg else []) + ([f"**{args.kwarg.arg}"] if args.kwarg else [])


def forwarded(function, methods):
    """The arguments of the private method that everything else is handed to."""
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and any(keyword.arg is None for keyword in call.keywords)):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name.startswith("_") and name in methods:
            filled = len([arg for arg in call.args if not isinstance(arg, ast.Starred)])
            private = methods[name]
            by_place = [arg.arg for arg in [*private.args.posonlyargs, *private.args.args]][1:]
            taken = by_place[:filled] + [keyword.arg for keyword in call.keywords]
            # What the private method hands to itself, page by page.
            return [arg for arg in arguments(private, own=True) if arg not in taken and arg != "records"], private
    return [], None


def signature(function, methods=None, own=True):
    names, rest = arguments(function, own), others(function)
    if methods is not None and "**kwargs" in rest:
        more, private = forwarded(function, methods)
        names += [name for name in more if name not in names]
        if private is not None and "**kwargs" not in others(private):
            rest = []
    return names + rest


def options(function):
    """Those of a command, as its arguments are declared."""
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument":
            yield from (arg.value for arg in call.args if isinstance(arg, ast.Constant))


def targets(statement):
    found = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target for target in found if target is not None]


def of_class(node, names):
    methods = {item.name: item for item in node.body if isinstance(item, FUNCTIONS)}
    names[node.name] = signature(methods["__init__"]) if "__init__" in methods else []
    for item in node.body:
        for target in targets(item):
            if isinstance(target, ast.Name) and is_public(target.id):
                names[f"{node.name}.{target.id}"] = None
                if isinstance(item.value, ast.Dict):
                    for key in item.value.keys:
                        names[f"{node.name}.{target.id}[{key.value}]"] = None
    for name, method in methods.items():
        is_property = any(getattr(it, "id", "") == "property" for it in method.decorator_list)
        if is_public(name):
            names[f"{node.name}.{name}"] = None if is_property else signature(method, methods)
        for statement in ast.walk(method):
            for target in targets(statement) if isinstance(statement, (ast.Assign, ast.AnnAssign)) else []:
                if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self":
                    if is_public(target.attr):
                        names.setdefault(f"{node.name}.{target.attr}", None)


def of_module(path, names):
    prefix = "" if path.stem == "__init__" else f"{path.stem}."
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and is_public(node.name):
            of_class(node, names)
        elif isinstance(node, FUNCTIONS) and is_public(node.name):
            names[prefix + node.name] = signature(node, own=False)
            for option in options(node):
                names[f"{prefix}{node.name}[{option}]"] = None
        else:
            for target in targets(node):
                # Every module has a logger; that of the package stands for all.
                is_logger = prefix and getattr(target, "id", "") == "logger"
                if isinstance(target, ast.Name) and is_public(target.id) and not is_logger:
                    names[prefix + target.id] = None


def main():
    names = {}
    for path in sorted(FOLDER.rglob("*.py")):
        of_module(path, names)
    names = {name: names[name] for name in sorted(names)}
    print(json.dumps({"version": importlib.metadata.version("kinto_http"), "names": names}, indent=1))


main()
