"""Elements of pages. Text from outside is escaped here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


class Html(str):
    """Text that is already markup."""


def markup(value: Any) -> Html:
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(parts: Iterable[Any], separator: str = "") -> Html:
    return Html(separator.join(markup(part) for part in parts))


def tag(name: str, *content: Any, **attributes: str) -> Html:
    """An element. Write ``class_`` for ``class``; empty attributes are left out."""
    written = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items() if value)
    return Html(f"<{name}{written}>{join(content)}</{name}>")


def table(
    head: Sequence[Any], rows: Iterable[Sequence[Any]], marked: str | None = None, class_: str = ""
) -> Html:
    """Cells are text or results of :func:`cell`. The row whose first cell is ``marked`` stands out."""
    top = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = [
        tag("tr", *(one if _is_cell(one) else tag("td", one) for one in row), class_=_row_class(row, marked))
        for row in rows
    ]
    whole = tag("table", tag("thead", top), tag("tbody", *body), class_=class_)
    return tag("div", whole, class_="scroll")


def cell(content: Any, class_: str, size: float | None = None) -> Html:
    """A cell of a kind: ``bar`` and ``heat`` show a ``size`` within 0 .. 1."""
    style = {} if size is None else {"style": f"--size:{100 * size:.1f}%"}
    return tag("td", content, class_=class_, **style)


def _row_class(row: Sequence[Any], marked: str | None) -> str:
    return "marked" if row[0] == marked else ""


def _is_cell(value: Any) -> bool:
    return isinstance(value, Html) and value.startswith("<td")


def section(title: str, *content: Any) -> Html:
    return tag("section", tag("h2", title), *content)


def details(summary: Any, *content: Any) -> Html:
    return tag("details", tag("summary", summary), *content)


def figure(svg: str, caption: str | None = None) -> Html:
    below = () if caption is None else (tag("figcaption", caption, class_="note"),)
    return tag("figure", tag("div", Html(svg), class_="scroll"), *below)


def note(text: Any) -> Html:
    return tag("p", text, class_="note")


def strips(rows: Mapping[str, Mapping[str, float]], colors: int) -> Html:
    """Bars of full length, one per row, of colored parts: shares by label."""
    labels = list(next(iter(rows.values())))
    lines = []
    for name, shares in rows.items():
        parts = [
            tag(
                "i",
                style=f"width:{100 * share:.2f}%;background:{_color(i, colors)}",
                title=f"{label} {share:.1%}",
            )
            for i, (label, share) in enumerate(shares.items())
        ]
        lines += [tag("div", name, class_="name"), tag("div", *parts, class_="strip")]
    keys = [
        tag("span", tag("i", style=f"background:{_color(i, colors)}"), label)
        for i, label in enumerate(labels)
    ]
    return join([tag("div", *lines, class_="stack"), tag("div", *keys, class_="legend")])


def _color(number: int, colors: int) -> str:
    return f"var(--c{number % colors})"


def document(title: str, css: str, *content: Any) -> str:
    """A page that needs nothing from elsewhere."""
    head = join(
        [
            Html('<meta charset="utf-8">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            tag("title", title),
            tag("style", Html(css)),
        ]
    )
    body = tag("body", tag("main", *content))
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>{body}</html>\n'
