"""A scene and a look at it as one picture: an SVG without scripts, for notebooks, papers and web pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from garrison.core.scene import TONES, Host, Look, Mark, Scene, Zone

BOX, CELL, PER_ROW = 208, 26, 7  # width of a zone, distance of hosts, hosts in a row
_HEAD, _PAD, _GAP_X, _GAP_Y, _EMPTY, _LEGEND = 46, 12, 22, 44, 30, 22
_ORDER = {"server": 0, "user": 1, "router": 2}
#: ink, soft ink, lines, paper, and the tones; for light pages and for dark ones
_COLORS = {
    "light": ("#14181f", "#57606d", "#dfe3e8", "#ffffff", "#b3261e", "#9a5b00", "#2563c9", "#57606d"),
    "dark": ("#e8ebf0", "#9ba5b3", "#2c323c", "#181c23", "#ff8a80", "#f0a75c", "#6ea3f7", "#9ba5b3"),
}
_NAMES = ("ink", "soft", "line", "paper", *TONES)


class Picture(str):
    """The text of an SVG image. Notebooks show it; ``path.write_text(picture)`` saves it."""

    def _repr_svg_(self) -> str:
        return str(self)


def picture(scene: Scene, look: Look, view: str | None = None) -> Picture:
    """Draw a state as :class:`Picture`.

    Args:
        view: of ``scene.views``; the first by default.

    Raises:
        ValueError: for an unknown view.
    """
    view = next(iter(scene.views)) if view is None else view
    if view not in scene.views:
        raise ValueError(f"no view {view!r}; there are: {', '.join(scene.views)}")
    inside = [
        sorted((h for h, host in enumerate(scene.hosts) if host.zone == z), key=lambda h: _rank(scene, h))
        for z in range(len(scene.zones))
    ]
    rows = max(1, *(-(-len(hosts) // PER_ROW) for hosts in inside))
    high = _HEAD + rows * CELL + 22
    places = _places(scene.zones, inside, high)
    width = max(x for x, _ in places) + BOX + 4
    bottom = max(y + (high if hosts else _EMPTY) for (_, y), hosts in zip(places, inside, strict=True))
    top = min(y for _, y in places) - 4
    parts = [
        *(_link(places, inside, high, *pair) for pair in scene.links),
        *(
            part
            for z, zone in enumerate(scene.zones)
            for part in _zone(scene, look, view, z, zone, places[z], inside[z], high)
        ),
        _legend(scene.views[view], bottom + 28),
    ]
    height = bottom + 16 + _LEGEND * len(scene.views[view]) - top
    label = f"The network at phase {look.phase}, view: {view}"
    return Picture(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="garrison-picture" role="img" '
        f'aria-label="{escape(label)}" viewBox="0 {top:g} {width:g} {height:g}" '
        f'style="max-width: {width:g}px; width: 100%">\n<style>{_style()}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _rank(scene: Scene, host: int) -> tuple[int, int]:
    return _ORDER.get(scene.hosts[host].kind, len(_ORDER)), host


def _places(zones: Sequence[Zone], inside: Sequence[Sequence[int]], high: float) -> list[tuple[float, float]]:
    """The upper left corner of each zone; zones without hosts are low boxes at the bottom of their place."""
    left, top = min(zone.at[0] for zone in zones), min(zone.at[1] for zone in zones)
    return [
        (
            4 + (zone.at[0] - left) * (BOX + _GAP_X),
            4 + (zone.at[1] - top) * (high + _GAP_Y) + (0 if hosts else high - _EMPTY),
        )
        for zone, hosts in zip(zones, inside, strict=True)
    ]


def _link(
    places: Sequence[tuple[float, float]], inside: Sequence[Sequence[int]], high: float, a: int, b: int
) -> str:
    upper, lower = (a, b) if places[a][1] < places[b][1] else (b, a)
    (x1, y1), (x2, y2) = places[upper], places[lower]
    end = y1 + (high if inside[upper] else _EMPTY)
    if y2 > end:
        d = f"M{x1 + BOX / 2:g} {end:g}V{y2 - _GAP_Y / 2:g}H{x2 + BOX / 2:g}V{y2:g}"
    else:
        d = f"M{min(x1, x2) + BOX:g} {y1 + 20:g}H{max(x1, x2):g}"
    return f'<path d="{d}" class="g-link"/>'


def _zone(
    scene: Scene,
    look: Look,
    view: str,
    number: int,
    zone: Zone,
    place: tuple[float, float],
    hosts: Sequence[int],
    high: float,
) -> Iterator[str]:
    x, y = place
    height = high if hosts else _EMPTY
    yield f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="{height:g}" rx="8" class="g-zone"/>'
    yield f'<text x="{x + _PAD:g}" y="{y + 20:g}" class="g-name">{escape(zone.label)}</text>'
    if not hosts:
        return
    yield f'<text x="{x + _PAD:g}" y="{y + 36:g}" class="g-soft">{escape(zone.owner or "no defender")}</text>'
    blocked = [scene.zones[source].label for source, to in look.blocks if to == number]
    if blocked:
        short = ", ".join("".join(word[0] for word in label.split()).upper() for label in blocked)
        yield (
            f'<text x="{x + _PAD:g}" y="{y + high - 9:g}" class="g-soft">'
            f"<title>no traffic from {escape(', '.join(blocked))}</title>⊘ {escape(short)}</text>"
        )
    for n, host in enumerate(hosts):
        cx, cy = x + _PAD + 12 + n % PER_ROW * CELL, y + _HEAD + 12 + n // PER_ROW * CELL
        yield _host(scene.hosts[host], scene.views[view], look.marks[view].get(host, ""), cx, cy)


def _host(host: Host, known: Sequence[Mark], letters: str, x: float, y: float) -> str:
    marks = sorted((mark for mark in known if mark.letter in letters), key=lambda m: TONES.index(m.tone))
    tone = marks[0].tone if marks else "none"
    shape = {
        "server": '<rect x="-11" y="-9" width="22" height="18" rx="2"/>',
        "router": '<path d="M0 -10L10 0L0 10L-10 0Z"/>',
        "device": '<path d="M0 -11L11 8L-11 8Z"/>',
    }.get(host.kind, '<circle r="10"/>')
    words = ", ".join(mark.meaning for mark in marks) or "nothing to see"
    text = "".join(mark.letter for mark in marks)[:2]
    size = ' font-size="9.5"' if len(text) > 1 else ""
    return (
        f'<g transform="translate({x:g} {y:g})" class="g-host g-{tone}">'
        f"<title>{escape(f'{host.label}: {words}')}</title>{shape}"
        + (f'<text y="4" text-anchor="middle"{size}>{escape(text)}</text>' if text else "")
        + "</g>"
    )


def _legend(marks: Sequence[Mark], y: float) -> str:
    """Letters and meanings, a line each."""
    lines = "".join(
        f'<tspan x="8" y="{y + _LEGEND * n:g}" class="g-letter">{escape(mark.letter)}</tspan>'
        f'<tspan x="30">{escape(mark.meaning)}</tspan>'
        for n, mark in enumerate(marks)
    )
    return f"<text>{lines}</text>"


def _style() -> str:
    names = [f"--g-{name}" for name in _NAMES]
    themes = {
        theme: "; ".join(f"{name}: {color}" for name, color in zip(names, colors, strict=True))
        for theme, colors in _COLORS.items()
    }
    tones = "".join(
        f".garrison-picture .g-{tone} :is(rect, circle, path) {{ stroke: var(--g-{tone}); stroke-width: 2 }}"
        for tone in TONES
    )
    return (
        f".garrison-picture {{ {themes['light']}; font-family: system-ui, sans-serif; font-size: 12px }}"
        f"@media (prefers-color-scheme: dark) {{ .garrison-picture {{ {themes['dark']} }} }}"
        ".garrison-picture text { fill: var(--g-ink) }"
        ".garrison-picture .g-name { font-weight: 650; font-size: 13px }"
        ".garrison-picture .g-soft { fill: var(--g-soft); font-size: 11px }"
        ".garrison-picture .g-letter, .garrison-picture .g-host text { font-weight: 700 }"
        ".garrison-picture .g-zone { fill: var(--g-paper); stroke: var(--g-line) }"
        ".garrison-picture .g-link { fill: none; stroke: var(--g-soft); stroke-width: 1.2 }"
        ".garrison-picture .g-host :is(rect, circle, path) "
        "{ fill: var(--g-paper); stroke: var(--g-soft); stroke-width: 1.2 }"
        f"{tones}"
        ".garrison-picture .g-danger :is(rect, circle, path) { fill: var(--g-danger) }"
        ".garrison-picture .g-danger text { fill: var(--g-paper) }"
    )
