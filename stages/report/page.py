"""The page itself: one HTML file without scripts that asks nothing of any server."""

import base64
import hashlib
import itertools
from pathlib import Path

import jinja2
from markupsafe import Markup

from stages.report.captions import caption

TEMPLATE, STYLE = "report.html", "report.css"


def environment(templates: Path) -> jinja2.Environment:
    """Jinja with every value escaped and every missing one an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(templates: Path, **content) -> str:
    """The page's HTML.

    A content security policy names the one style sheet by its hash and admits nothing but
    embedded images, so that a browser would refuse what slipped through the escaping.

    Args:
        templates: folder of the template and its style sheet.
        **content: what the template uses.
    """
    style = (Path(templates) / STYLE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    counter = itertools.count(1)
    return (
        environment(templates)
        .get_template(TEMPLATE)
        .render(
            style=Markup(style),  # our own file
            style_hash=digest,
            caption=caption,
            number=lambda: next(counter),
            **content,
        )
    )
