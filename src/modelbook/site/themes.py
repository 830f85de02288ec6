"""Templates: where they are, and the environment they are rendered in."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
)
from jinja2.compiler import CodeGenerator
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from markupsafe import Markup

from modelbook.errors import ModelbookError
from modelbook.pages import Page
from modelbook.site import escape
from modelbook.site.compiled import Compiled
from modelbook.site.parts import Parts

_SCHEME = re.compile(r"[^/?#]*:")


_PLAIN = frozenset((FunctionType, MethodType))


class TemplateFault(ModelbookError):
    """A template that cannot be rendered: almost always one of the project's own."""

    def __init__(self, template: str, line: int, message: str) -> None:
        place = f"{template}:{line}" if line else template
        super().__init__(
            f"{place}: {message}",
            hint="templates in site_templates/ of the project come before Modelbook's own",
        )


class NoTemplates(ModelbookError):
    """An installation without its templates."""

    def __init__(self) -> None:
        super().__init__("Modelbook's own templates are missing", hint="install it again")


def default_folder() -> Path:
    """Modelbook's own templates: those of the package, else those of the checkout it runs from.

    Raises:
        NoTemplates: there are none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "_templates", package.parents[1] / "site_templates"):
        if (folder / "page.md.j2").is_file():
            return folder
    raise NoTemplates


def assets(folders: list[Path]) -> dict[str, Path]:
    """Name -> file of every asset; a later folder's file replaces an earlier one's. Symlinks are left out."""
    found: dict[str, Path] = {}
    for folder in folders:
        found.update(
            (path.relative_to(folder / "assets").as_posix(), path) for path in _files(folder / "assets")
        )
    return dict(sorted(found.items()))


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files(path)
        elif path.is_file() and not path.is_symlink() and not path.name.startswith("."):
            yield path


class _Folder(FileSystemLoader):
    """Templates of one folder; one that a symlink leads out of it does not exist."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._root = folder.resolve()

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, object]:  # type: ignore[override]
        source = super().get_source(environment, template)
        if not Path(source[1]).resolve().is_relative_to(self._root):
            raise TemplateNotFound(template)
        return source


class _Code(CodeGenerator):
    """Leaves escaping to `finalize`, which gives markup: what it gave need not be escaped a second time."""

    def _output_child_pre(self, node: Any, frame: Any, finalize: Any) -> None:  # noqa: ARG002 - Jinja's
        self.write(finalize.src)

    def _output_child_post(self, node: Any, frame: Any, finalize: Any) -> None:  # noqa: ARG002 - Jinja's
        self.write(")")


class _OwnCode(_Code):
    """Asks for fields and calls parts as plain Python does: our own templates ask for what there is."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Any) -> None:  # noqa: N802 - Jinja's
        self.write("(")
        self.visit(node.node, frame)
        self.write(f").{node.attr}")

    def visit_Call(self, node: nodes.Call, frame: Any, forward_caller: bool = False) -> None:  # noqa: N802
        if not _is_part(node) or node.kwargs or node.dyn_args or node.dyn_kwargs:
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.visit(node.node, frame)
        self.write("(")
        for argument in node.args:
            self.visit(argument, frame)
            self.write(", ")
        self.write(")")

    def _output_child_pre(self, node: Any, frame: Any, finalize: Any) -> None:
        if _is_part(node):  # it is markup
            self.write("(")
        else:
            super()._output_child_pre(node, frame, finalize)


def _is_part(node: nodes.Node) -> bool:
    """Whether it is a call of one of the `Parts`."""
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name.startswith("part_")
    )


def _expand(macro: Macro, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """What calling a macro gives; at once where it is plain, as a page does that hundreds of times."""
    named.pop("_loop_vars", None)
    named.pop("_block_vars", None)
    left = macro._argument_count - len(arguments)
    if named or left < 0 or macro.caller or macro.catch_kwargs or macro.catch_varargs:
        return macro(*arguments, **named)
    return Markup(macro._func(*arguments, *(missing,) * left))  # noqa: S704 - what `finalize` escaped


class _Context(Context):
    """Calls macros and functions without the questions that other callables must be asked."""

    def call(self, obj: Any, *arguments: Any, **named: Any) -> Any:
        """What the call gives."""
        if type(obj) is Macro:
            return _expand(obj, arguments, named)
        if type(obj) in _PLAIN and not hasattr(obj, "jinja_pass_arg"):
            named.pop("_loop_vars", None)
            named.pop("_block_vars", None)
            return obj(*arguments, **named)
        return super().call(obj, *arguments, **named)


class _Quick(Environment):
    """Has settled its globals before the first template is loaded: they need not be looked up in layers."""

    code_generator_class = _Code

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The globals of a template."""
        return {**self.globals, **(d or {})}


class _Own(_Quick):
    """For our own templates alone, which nobody else wrote: they need no sandbox, and are quicker without."""

    context_class = _Context
    code_generator_class = _OwnCode


class _Sandbox(_Quick, ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with a short way to the fields of our own contexts: frozen, and public by intent."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The attribute, if a template may have it."""
        kind: type = type(obj)
        return getattr(obj, attribute) if attribute in _fields(kind) else super().getattr(obj, attribute)

    def call(self, context: Context, obj: Any, *arguments: Any, **named: Any) -> Any:
        """What the call gives, if a template may make it."""
        if type(obj) is Macro:
            return _expand(obj, arguments, named)
        return super().call(context, obj, *arguments, **named)


@cache
def _fields(kind: type) -> frozenset[str]:
    if not kind.__module__.startswith("modelbook."):
        return frozenset()
    names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    names += getattr(kind, "__struct_fields__", ())
    return frozenset(name for name in names if not name.startswith("_"))


class Theme:
    """Renders pages: the project's templates first, then the default ones.

    A project's template may extend what it replaces by naming it with its prefix, `default:page.md.j2`.

    Attributes:
        folders: of templates, the project's last.
        digest: of all that decides how a page comes to look, besides what stands on it: templates, our own
            source, and the libraries that it renders with.
    """

    def __init__(self, default: Path, project: Path | None = None, cache: Path | None = None) -> None:
        """`cache`: where compiled templates are kept."""
        self.folders = [default, *([project] if project else [])]
        own: list[BaseLoader] = [_Folder(project)] if project else []
        ours = _Folder(default)
        self._root = ""
        self._loader = ChoiceLoader([*own, PrefixLoader({"default": ours}, delimiter=":"), ours])
        self._kind = _Sandbox if project else _Own
        self.digest = _digest(self.folders)
        self._for_markdown = self._environment("markdown", escape.text, escape.plain, cache)
        self._for_html = self._environment("html", escape.html, escape.html_plain, cache)

    def _environment(
        self,
        name: str,
        markup: Callable[[object], Markup],
        text: Callable[[str], str],
        cache: Path | None,
    ) -> Environment:
        """One that escapes in this way: as markup, and the same as a string."""
        made = self._kind(
            loader=self._loader,
            bytecode_cache=Compiled(cache, f"{self._kind.__name__} {name}", self.digest) if cache else None,
            auto_reload=False,
            undefined=StrictUndefined,
            autoescape=True,
            finalize=markup,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        made.filters.update(md=markup, prose=escape.prose, drawing=escape.drawing, json=escape.script_json)
        made.filters["report"] = lambda raw, page: escape.report(
            raw, page.source, page.resolve, self._url, page.numbers
        )
        made.filters["dashed"] = lambda word: word.replace("_", "-")  # as a part of a CSS class
        made.tests["web"] = lambda href: escape.is_web(str(href))
        made.globals.update(Parts(text).by_name, url=self._url)
        return made

    def render(self, page: Page, suffix: str, *, stamped: bool = False, **more: object) -> str:
        """A page's Markdown (suffix `md`) or HTML (suffix `html`).

        Args:
            stamped: the HTML goes on the site as it is, not through Markdown, which is simpler to escape for.

        Raises:
            TemplateFault: a template is missing, malformed, or asks for what is not there.
        """
        self._root = "../" * page.path.count("/")
        name = f"{page.template}.{suffix}.j2"
        environment = self._for_html if stamped else self._for_markdown
        try:
            return environment.get_template(name).render(page=page.context, title=page.title, **more)
        except TemplateSyntaxError as error:
            raise TemplateFault(error.name or name, error.lineno, error.message or "syntax error") from error
        except TemplateNotFound as error:
            raise TemplateFault(name, 0, f"there is no template {error.name!r}") from error
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise TemplateFault(*_place(error, name), str(error)) from error

    def load(self, names: Iterable[str]) -> None:
        """Compile the templates of stamped pages, so that processes forked from this one need not, each."""
        for name in (*names, "macros"):
            with suppress(TemplateError):  # it is told when a page is rendered
                self._for_html.get_template(f"{name}.html.j2")

    def _url(self, href: str) -> str:
        """An address from the site's root as one from the page that is being rendered."""
        if ":" not in href and not href.startswith(("#", "/", "\\")):  # what it nearly always is
            return self._root + href
        if escape.is_web(href) or href.startswith("#"):
            return href
        return "#" if _SCHEME.match(href) or href.startswith(("/", "\\")) else self._root + href


_LIBRARIES = ("jinja2", "markupsafe", "msgspec", "markdown-it-py", "grandalf", "ruamel.yaml")


def _digest(folders: list[Path]) -> str:
    found = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    found.update(" ".join(version(name) for name in _LIBRARIES).encode())
    package = Path(__file__).parents[1]
    for folder, pattern in (*((folder, "*.j2") for folder in folders), (package, "*.py")):
        for path in sorted(folder.rglob(pattern)):
            if path.is_file():
                found.update(f"\0{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _place(error: BaseException, name: str) -> tuple[str, int]:
    trace, found = error.__traceback__, (name, 0)
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if path.suffix == ".j2":
            found = (path.name, trace.tb_lineno)
        trace = trace.tb_next
    return found
