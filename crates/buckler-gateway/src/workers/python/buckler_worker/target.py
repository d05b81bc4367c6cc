"""From `module:attribute` to the ASGI app, as uvicorn finds it."""

import difflib
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any, cast

from buckler_worker.applications import STARLETTE, is_a
from buckler_worker.edge import App, Receive, Scope, Send
from buckler_worker.reports import StartError

USUAL_NAMES = ("app", "application", "api", "create_app")
NOT_IN_A_NAME = re.compile(r"[\s/\\():\"']")


def split_target(target: str) -> tuple[str, str, bool]:
    """Split `module:attribute` or `module:factory()`; the last part tells which it is."""
    module, colon, attribute = target.partition(":")
    called = attribute.endswith("()")
    attribute = attribute.removesuffix("()")
    parts = module.split(".") + attribute.split(".")
    named = all(part and not NOT_IN_A_NAME.search(part) for part in parts)
    if colon and named and not module.endswith(".py"):
        return module, attribute, called
    path = re.split(r"[/\\.]+", module.strip().removesuffix(".py"))
    guess = ".".join(part for part in path if part.isidentifier()) or "main"
    raise StartError(
        "target_syntax",
        f"`{target}` is not of the form `module:attribute` or `module:factory()`",
        f"write `{guess}:{attribute if attribute.isidentifier() else 'app'}`",
    )


def import_target(module_name: str, attribute: str, app_dir: Path) -> object:
    """Import the module and give its attribute; what fails inside is told from what is missing."""
    try:
        found: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            message = f"there is no module `{error.name}` in `{app_dir}` or among the packages"
            hint = where_else(module_name, attribute, app_dir)
            raise StartError("module_not_found", message, hint) from None
        package = (error.name or "").partition(".")[0]
        hint = f"install what is missing, perhaps: {sys.executable} -m pip install {package}"
        message = f"importing `{module_name}` failed: {error}"
        raise StartError("import_error", message, hint, error) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit at import is a failed import too
        message = f"importing `{module_name}` raised {described(error)}"
        raise StartError("import_error", message, cause=error) from None
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            message = f"the module `{module_name}` has no attribute `{attribute}`"
            hint = which_else(vars(sys.modules[module_name]), module_name, attribute)
            raise StartError("attribute_not_found", message, hint) from None
    return found


def described(error: BaseException) -> str:
    """Give the kind of an error and what it says."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def where_else(module_name: str, attribute: str, app_dir: Path) -> str:
    """Look for the module in the folders beside."""
    path = Path(*module_name.split("."))
    try:
        folders = sorted(entry for entry in app_dir.iterdir() if entry.is_dir())
    except OSError as error:
        return f"`--app-dir` names the folder that holds the module; this one: {error.strerror}"
    for folder in folders:
        wanted = folder / path
        if wanted.with_suffix(".py").is_file() or (wanted / "__init__.py").is_file():
            if (folder / "__init__.py").is_file():
                return f"did you mean `{folder.name}.{module_name}:{attribute}`?"
            return f"add `--app-dir {folder}`"
    return "`--app-dir` names the folder that holds the module"


def which_else(names: dict[str, object], module_name: str, attribute: str) -> str:
    """Name an app that the module has, or the attribute that was probably meant."""
    meant = [name for name, value in names.items() if is_a(type(value), STARLETTE)]
    called = [name for name, value in names.items() if callable(value)]
    meant += difflib.get_close_matches(attribute, called)
    meant += [name for name in USUAL_NAMES if name in called]
    return f"did you mean `{module_name}:{meant[0]}`?" if meant else ""


def make_app(found: object, target: str, called: bool) -> App:
    """Give the ASGI app: the object or, as uvicorn does, what a call without arguments returns."""
    if not callable(found):
        kind = "module" if inspect.ismodule(found) else type(found).__name__
        message = f"`{target}` is a {kind}, not an ASGI application"
        raise StartError("not_callable", message, "name the variable that holds the `FastAPI()`")
    try:
        made: object = found()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a factory raises is reported
        # Without a frame of its own the error came from the call: the object wants arguments,
        # so it is the app itself.
        inside = error.__traceback__ is not None and error.__traceback__.tb_next is not None
        if called or inside or not isinstance(error, TypeError):
            message = f"the factory `{target}` raised {described(error)}"
            raise StartError("factory_failed", message, cause=error) from None
        made = found
    if inspect.iscoroutine(made):
        made.close()
        message = f"`{target}` is an async function; a factory has to be an ordinary one"
        raise StartError("not_callable", message)
    if not callable(made):
        message = f"the factory `{target}` returned a {type(made).__name__}, not an application"
        raise StartError("not_callable", message)
    return cast("App", made) if is_asgi3(made) else as_asgi3(made)


def is_asgi3(app: object) -> bool:
    """Decide as uvicorn does."""
    if inspect.isclass(app):
        return hasattr(app, "__await__")
    call = app if inspect.isfunction(app) else getattr(app, "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(call)


def as_asgi3(app: Any) -> App:  # noqa: ANN401 - an application of ASGI 2 has no type here
    """Adapt an application of ASGI 2: two calls where there is one."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return called
