"""Finds a handler: `package/module.function`."""

import importlib
import os
import sys

from .errors import Fault


def search_path():
    """What a function's imports look through, as on AWS: its own code before layers before what the runtime brings."""
    task = os.environ["LAMBDA_TASK_ROOT"]
    runtime = os.environ.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    # Layers lie beside the code where nothing is mounted, and are told by their own variable then.
    layers = os.environ.get("MOLN_LAYERS", "/opt")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    first = [task, f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    # Of a process that was started before it knew its function the interpreter has read another one.
    given = [os.path.abspath(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    own = [place for place in dict.fromkeys(given) if place not in first and place != runtime]
    standard = [place for place in sys.path if os.path.abspath(place) not in (*first, *given, runtime)]
    return [*first, *own, runtime, *standard]


def load(name):
    """The function that `_HANDLER` names; raises Fault or what the module raises."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    try:
        top = module_name.split(".")[0]
        if top in sys.builtin_module_names:
            raise Fault(
                "Runtime.BuiltInModuleConflict",
                f"Cannot use built-in module {module_name} as a handler module",
            )
        dotted = module_name.replace("/", ".")
        _forget_namesake(dotted.split(".")[0])
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        where = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [where]
        ) from error
    try:
        return getattr(module, function)
    except AttributeError as error:
        raise Fault(
            "Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'"
        ) from error


def _forget_namesake(top):
    """A module of the function's that is named like one this runtime has loaded is the function's."""
    loaded = sys.modules.get(top)
    if loaded is None:
        return
    place = os.path.join(os.environ["LAMBDA_TASK_ROOT"], top)
    if os.path.isfile(f"{place}.py") or os.path.isfile(os.path.join(place, "__init__.py")):
        del sys.modules[top]
