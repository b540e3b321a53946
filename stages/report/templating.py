"""Jinja templates in which every missing value is an error."""

from collections.abc import Callable
from pathlib import Path

import jinja2


def load_template(
    folder: Path, name: str, autoescape: bool, filters: dict[str, Callable] | None = None
) -> jinja2.Template:
    """A template of a folder.

    Args:
        folder: of the templates.
        name: of the file.
        autoescape: whether values are escaped as HTML.
        filters: by the names that the template uses.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name)
