# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML of a report's parts: tables, tiles, sections with a figure, the page around them.

Owns the tags. Pure. Every text that comes in is escaped here; only what is made by these functions may be joined as
HTML (`Html`), so that no name of a scene and no word of a log can become a tag or a script.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape as _escaped
from typing import Any, NewType

from . import wording

Html = NewType("Html", str)
"""Text that is HTML already."""

MOST_ROWS = 200
"""Rows of a table; what comes after them is counted."""


def escape(text: str) -> str:
    """The only way in which a text comes into the page."""
    return _escaped(wording.clean(text))


def join(parts: Iterable[Html]) -> Html:
    return Html("\n".join(part for part in parts if part))


def head(title: str, said: str, mood: str, under: str) -> Html:
    """The page's head; ``said``: one sentence on how it went, ``mood``: ``good``, ``bad`` or empty."""
    sentence = f'<p class="audit {escape(mood)}">{escape(said)}</p>\n' if said else ""
    return Html(f"<header><h1>{escape(title)}</h1>\n{sentence}<p>{escape(under)}</p></header>")


def foot(words: str) -> Html:
    return Html(f"<footer>{escape(words)}</footer>")


def tile(label: str, value: str, more: str = "") -> Html:
    """A figure to be seen at a glance."""
    small = f"<small>{escape(more)}</small>" if more else ""
    return Html(f'<div class="tile"><span>{escape(label)}</span><b>{escape(value)}</b>{small}</div>')


def tiles(parts: Sequence[Html]) -> Html:
    return Html(f'<div class="tiles">{"".join(parts)}</div>')


def note(label: str, words: str) -> Html:
    """One sentence set off from the rest; empty where there is nothing to say."""
    return Html(f'<p class="note"><b>{escape(label)}</b> {escape(words)}</p>' if words else "")


def paragraph(words: str) -> Html:
    return Html(f"<p>{escape(words)}</p>" if words else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Iterable[int] = ()) -> Html:
    """A table that scrolls by itself where the page is narrow; ``numbers``: columns that are set to the right."""
    right = set(numbers)

    def row(cells: Sequence[str], tag: str) -> str:
        sides = (' class="n"' if place in right else "" for place in range(len(cells)))
        return "".join(f"<{tag}{side}>{escape(cell)}</{tag}>" for side, cell in zip(sides, cells, strict=True))

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows[:MOST_ROWS])
    more = f"<p>{len(rows) - MOST_ROWS:,} more are not shown.</p>" if len(rows) > MOST_ROWS else ""
    return Html(
        f'<div class="scroll"><table><thead><tr>{row(head, "th")}</tr></thead><tbody>{body}</tbody></table></div>{more}'
    )


def facts(pairs: Sequence[tuple[str, str]]) -> Html:
    """Names and values; those without a value are left out."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value)
    return Html(f"<dl>{rows}</dl>")


def figure(name: str) -> Html:
    """The place of a figure; the page's script draws it there."""
    words = "This figure needs JavaScript."
    return Html(f'<div class="figure" data-figure="{escape(name)}"><noscript>{words}</noscript></div>')


def section(title: str, *parts: Html) -> Html:
    """A part of the page; empty where it has nothing in it."""
    inner = join(parts)
    return Html(f"<section><h2>{escape(title)}</h2>\n{inner}\n</section>" if inner else "")


def page(
    title: str,
    body: Html,
    drawn: Mapping[str, Any],
    *,
    style: str,
    scripts: Sequence[str],
    nonce: str,
) -> str:
    """Return a whole page that loads nothing from anywhere: its own policy forbids it.

    ``drawn``: figures by name. ``nonce``: only scripts that carry it run, whatever stands in the texts.
    """
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    data = json.dumps(drawn, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    code = "\n".join(
        f'<script nonce="{nonce}">{script.replace("</script", "<" + chr(92) + "/script")}</script>'
        for script in scripts
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
<script type="application/json" id="figures">{data}</script>
{code}
</body>
</html>
"""
