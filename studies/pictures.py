"""The pictures of the documentation, drawn from the world's own tables and from episodes of it.

    python studies/pictures.py                      # docs/pictures/*.svg, for light and for dark pages
    python studies/pictures.py --only network ideas

``network`` shows CC4's subnets with the hosts of one network, ``episode`` one episode twice, without a
defender and with ``guard``, ``ideas`` how the parts of Garrison work together, and ``soc`` a moment of an
episode of that world: what red holds, and what shows it to blue.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import jax
import numpy as np

import garrison
from garrison.core.files import write
from garrison.core.policy import act
from garrison.core.world import observed_by
from garrison.llm.names import ZONES
from garrison.worlds.cc4 import scene, topology
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.behavior import footholds
from garrison.worlds.cc4.options import default_options

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SEED = 7  #: of the network and of the episode
DEFENDERS = ("idle", "guard")
SHORT = ZONES[: T.NUM_ZONES]


@dataclass(frozen=True)
class Theme:
    """Colors of a picture."""

    name: str
    ink: str
    soft: str
    line: str
    card: str
    empty: str
    blue: str
    red: str
    root: str
    green: str
    tint: str  # behind blue's parts
    warm: str  # behind red's parts


THEMES = (
    Theme(
        "light", "#1f2328", "#59636e", "#d1d9e0", "#f6f8fa", "#ffffff", "#0969da", "#f0883e", "#cf222e",
        "#1a7f37", "#ddf4ff", "#ffebe9",
    ),
    Theme(
        "dark", "#f0f6fc", "#9198a1", "#3d444d", "#151b23", "#0d1117", "#4493f8", "#f0a35e", "#f85149",
        "#3fb950", "#12243d", "#3c1a1d",
    ),
)  # fmt: skip


@dataclass
class Canvas:
    """An SVG under construction. Coordinates are pixels from the upper left corner."""

    width: int
    height: int
    title: str
    theme: Theme
    parts: list[str] = field(default_factory=list)

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str,
        stroke: str = "none",
        r: float = 0.0,
        extra: str = "",
    ) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{r:g}" fill="{fill}" '
            f'stroke="{stroke}"{extra}/>'
        )

    def circle(self, x: float, y: float, r: float, fill: str, stroke: str = "none") -> None:
        self.parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}" stroke="{stroke}"/>')

    def path(
        self, d: str, stroke: str = "none", fill: str = "none", width: float = 1.5, extra: str = ""
    ) -> None:
        self.parts.append(f'<path d="{d}" fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"{extra}/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 12.0,
        color: str | None = None,
        anchor: str = "start",
        weight: int = 400,
    ) -> None:
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{color or self.theme.ink}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
        )

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">\n"
            f"<title>{escape(self.title)}</title>\n" + "\n".join(self.parts) + "\n</svg>\n"
        )


# ---------------------------------------------------------------- the network

CARD_W, CARD_H = 168, 132
#: Upper left corner of each subnet's card.
PLACES = {
    T.CON: (16, 118),
    T.RZA: (204, 118),
    T.RZB: (392, 118),
    T.PAZ: (674, 118),
    T.OZA: (204, 300),
    T.OZB: (392, 300),
    T.ADM: (580, 300),
    T.OFF: (768, 300),
}


def network(theme: Theme) -> str:
    """CC4's subnets, who defends and who attacks them, and the hosts of one network."""
    drawn = jax.tree.map(np.asarray, jax.jit(topology.generate)(jax.random.key(SEED), default_options()))
    picture = Canvas(952, 488, "The network of CAGE Challenge 4: eight subnets and the internet", theme)
    for a, b in sorted((b, a) for a, b in scene.links()):
        _link(picture, a, b)
    picture.rect(350, 24, 252, 46, theme.card, theme.line, 23)
    picture.text(476, 52, "internet", 14, anchor="middle", weight=600)
    for subnet, (x, y) in PLACES.items():
        _card(picture, subnet, x, y, drawn)
    _legend(picture, 16, 462)
    return picture.svg()


def _link(picture: Canvas, a: int, b: int) -> None:
    upper, lower = (a, b) if a == T.INT or (a in PLACES and PLACES[a][1] < PLACES[b][1]) else (b, a)
    x2, y2 = PLACES[lower][0] + CARD_W / 2, PLACES[lower][1]
    x1, y1 = (476, 70) if upper == T.INT else (PLACES[upper][0] + CARD_W / 2, PLACES[upper][1] + CARD_H)
    middle = (y1 + y2) / 2
    picture.path(
        f"M{x1:g} {y1:g}V{middle:g}H{x2:g}V{y2:g}", picture.theme.soft, extra=' stroke-linejoin="round"'
    )


def _card(picture: Canvas, subnet: int, x: float, y: float, drawn: topology.Topology) -> None:
    """A subnet's name, hosts and agents; ``drawn`` is the network in NumPy arrays."""
    theme = picture.theme
    picture.rect(x, y, CARD_W, CARD_H, theme.card, theme.line, 8)
    picture.text(x + 12, y + 24, SHORT[subnet], 14, weight=700)
    picture.text(x + CARD_W - 10, y + 24, scene.LABELS[subnet], 11, theme.soft, "end")
    centers = {T.server_host(subnet, i): (x + 20 + 24 * i, y + 44) for i in range(T.MAX_SERVERS)}
    centers |= {T.user_host(subnet, i): (x + 19 + 14.5 * i, y + 66) for i in range(T.MAX_USERS)}
    for host, center in centers.items():
        _host(picture, host, *center, exists=bool(drawn.host_exists[host]))
    if (start := int(drawn.red_start[0])) in centers:
        _start(picture, *centers[start], 9)
    blue, red = int(T.SUBNET_BLUE[subnet]), int(T.SUBNET_RED[subnet])
    if blue == T.NO_AGENT:
        picture.text(x + 12, y + 101, "no defender", 11.5, theme.soft)
    else:
        _chip(picture, x + 12, y + 87, T.BLUE_AGENTS[blue], theme.blue, theme.tint)
    _chip(picture, x + 12, y + 107, T.RED_AGENTS[red], theme.root, theme.warm)


def _host(picture: Canvas, host: int, x: float, y: float, exists: bool) -> None:
    """A square for a server, a circle for a user; a line below means operational technology."""
    theme, server = picture.theme, bool(T.IS_SERVER[host])
    if server:
        picture.rect(x - 8, y - 6, 16, 12, theme.soft if exists else theme.empty, theme.line, 2)
    else:
        picture.circle(x, y, 5, theme.ink if exists else theme.empty, theme.line)
    if exists and T.HAS_OT[host]:
        half = 8 if server else 5
        picture.path(f"M{x - half:g} {y + (9 if server else 8.5):g}h{2 * half}", theme.green, width=2.5)


def _start(picture: Canvas, x: float, y: float, radius: float) -> None:
    picture.circle(x, y, radius, "none", picture.theme.root)
    picture.circle(x, y, radius - 4, picture.theme.root)


def _chip(picture: Canvas, x: float, y: float, text: str, color: str, fill: str) -> None:
    picture.rect(x, y, 88, 17, fill, r=8.5)
    picture.text(x + 44, y + 12.5, text, 11, color, "middle", 600)


def _legend(picture: Canvas, x: float, y: float) -> None:
    theme = picture.theme
    picture.rect(x, y - 10, 16, 12, theme.soft, theme.line, 2)
    picture.text(x + 24, y, "server, 1 to 6", 12, theme.soft)
    picture.circle(x + 133, y - 4, 5, theme.ink, theme.line)
    picture.text(x + 145, y, "user, 3 to 10", 12, theme.soft)
    picture.circle(x + 245, y - 4, 5, theme.empty, theme.line)
    picture.text(x + 257, y, "not in this episode", 12, theme.soft)
    picture.path(f"M{x + 390:g} {y - 4:g}h16", theme.green, width=2.5)
    picture.text(x + 414, y, "operational technology", 12, theme.soft)
    _start(picture, x + 573, y - 4, 8)
    picture.text(x + 588, y, "where red starts", 12, theme.soft)
    picture.path(f"M{x + 700:g} {y - 4:g}h16", theme.soft)
    picture.text(x + 724, y, "link between routers", 12, theme.soft)


# ---------------------------------------------------------------- the episode


@dataclass(frozen=True)
class Played:
    """One episode; axes [step, ...]."""

    held: np.ndarray  # int[step, subnet]: hosts with a session of red
    rooted: np.ndarray  # int[step, subnet]: hosts with root
    restores: np.ndarray  # bool[step, subnet]: a Restore ended
    reward: np.ndarray  # f32[step]
    phase: np.ndarray  # int[step]


def played(name: str) -> Played:
    """The episode of :data:`SEED` against the stock red, with the scripted blue policy ``name``."""
    world = garrison.make("cc4")
    policy = world.policies()[name]
    world = observed_by(world, [policy])

    def episode(key: jax.Array):
        reset_key, memory_key, play_key = jax.random.split(key, 3)
        obs, state = world.reset(reset_key)

        def one(carry, key):
            obs, state, memory = carry
            act_key, step_key = jax.random.split(key)
            actions, memory = act(policy, act_key, obs, state, world.legal(state), memory)
            obs, state, step = world.step(step_key, state, actions)
            events = step.info["events"]
            seen = (
                *footholds(state.state),
                events.blue_kind,
                events.blue_host,
                step.reward[0],
                state.state.phase,
            )
            return (obs, state, memory), seen

        first = obs, state, policy.init(memory_key, world.num_agents)
        return jax.lax.scan(one, first, jax.random.split(play_key, world.max_steps))[1]

    held, rooted, kind, host, reward, phase = map(np.asarray, jax.jit(episode)(jax.random.key(SEED)))
    of_zone = T.HOST_SUBNET[None] == np.arange(T.NUM_ZONES)[:, None]  # [subnet, host]
    restored = np.where(kind == T.Blue.RESTORE, host, T.NO_HOST)
    restores = (restored[:, :, None] == np.arange(T.NUM_HOSTS)).any(1)
    counts = (hosts.astype(int) @ of_zone.T for hosts in (held, rooted, restores))
    held, rooted, restores = counts
    return Played(held, rooted, restores > 0, reward, phase)


STRIP_H, STRIP_GAP, LEFT, TOP, PANEL_W, PANEL_GAP = 30, 7, 60, 62, 416, 36


def episode(theme: Theme, episodes: dict[str, Played]) -> str:
    """The episodes side by side: red's hosts in each subnet, Restores, and the rewards so far."""
    rewards_y = TOP + T.NUM_ZONES * (STRIP_H + STRIP_GAP) + 10
    picture = Canvas(
        952, rewards_y + 128, "One episode of CAGE Challenge 4, without and with a defender", theme
    )
    lowest = min(one.reward.sum() for one in episodes.values())
    for column, (name, one) in enumerate(episodes.items()):
        x = LEFT + column * (PANEL_W + PANEL_GAP)
        _panel(picture, x, name, one, rewards_y, float(lowest))
    for row in range(T.NUM_ZONES):
        picture.text(16, TOP + row * (STRIP_H + STRIP_GAP) + 20, SHORT[row], 12, weight=600)
    picture.text(16, rewards_y + 40, "reward", 11, weight=600)
    picture.text(16, rewards_y + 56, "so far", 11, weight=600)
    _episode_legend(picture, LEFT, rewards_y + 118)
    return picture.svg()


def _panel(picture: Canvas, x: float, name: str, one: Played, rewards_y: float, lowest: float) -> None:
    theme, steps = picture.theme, len(one.reward)
    scale = PANEL_W / steps
    total = f"{one.reward.sum():,.0f}".replace("-", "−")
    who = "nobody defends (idle)" if name == "idle" else f"blue plays {name}"
    picture.text(x, 22, who, 14, weight=700)
    picture.text(x + PANEL_W, 22, f"return {total}", 14, anchor="end", weight=700)
    bounds = [0, *(int(t) + 1 for t in np.flatnonzero(np.diff(one.phase))), steps]
    for phase, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
        picture.text(x + scale * (start + end) / 2, 46, f"phase {phase}", 11.5, theme.soft, "middle")
    for row in range(T.NUM_ZONES):
        y = TOP + row * (STRIP_H + STRIP_GAP)
        picture.rect(x, y, PANEL_W, STRIP_H, theme.card, r=3)
        _area(picture, x, y, one.held[:, row], theme.red, scale)
        _area(picture, x, y, one.rooted[:, row], theme.root, scale)
        marks = "".join(f"M{x + scale * t:g} {y + STRIP_H:g}v7" for t in np.flatnonzero(one.restores[:, row]))
        if marks:
            picture.path(marks, theme.blue, width=2)
    for start in bounds[1:-1]:
        picture.path(
            f"M{x + scale * start:g} {TOP - 8}V{rewards_y + 90:g}",
            theme.soft,
            width=1,
            extra=' stroke-dasharray="3 3"',
        )
    picture.rect(x, rewards_y, PANEL_W, 90, theme.card, r=3)
    sums = np.concatenate([[0.0], np.cumsum(one.reward)])
    points = " ".join(
        f"{x + scale * t:.1f},{rewards_y + 4 + 82 * s / lowest:.1f}" for t, s in enumerate(sums) if t % 3 == 0
    )
    picture.parts.append(f'<polyline points="{points}" fill="none" stroke="{theme.ink}" stroke-width="1.8"/>')


def _area(picture: Canvas, x: float, y: float, hosts: np.ndarray, color: str, scale: float) -> None:
    """Number of hosts over time, from the bottom of a strip up; a full strip is a subnet's 16 hosts."""
    changes = [0, *(int(t) + 1 for t in np.flatnonzero(np.diff(hosts)))]
    d = f"M{x:g} {y + STRIP_H:g}"
    for t in changes:
        d += f"H{x + scale * t:.1f}V{y + STRIP_H * (1 - min(1.0, hosts[t] / 16)):.1f}"
    picture.path(d + f"H{x + scale * len(hosts):.1f}V{y + STRIP_H:g}Z", fill=color, width=0)


def _episode_legend(picture: Canvas, x: float, y: float) -> None:
    theme = picture.theme
    picture.rect(x, y - 10, 14, 12, theme.red, r=2)
    picture.text(x + 21, y, "hosts where red has a session", 12, theme.soft)
    picture.rect(x + 212, y - 10, 14, 12, theme.root, r=2)
    picture.text(x + 233, y, "hosts where red is root", 12, theme.soft)
    picture.path(f"M{x + 388:g} {y - 9:g}v11", theme.blue, width=2.5)
    picture.text(x + 397, y, "blue restores a host", 12, theme.soft)
    picture.text(x + 868, y, "height: 16 hosts; width: 499 steps", 12, theme.soft, "end")


# ---------------------------------------------------------------- the parts of Garrison


def ideas(theme: Theme) -> str:
    """World, policies, algorithm, run, evaluation and result."""
    picture = Canvas(952, 330, "World, policies, algorithm, run, evaluation, result", theme)
    picture.rect(16, 16, 456, 210, theme.card, theme.line, 10)
    picture.text(34, 44, "episode", 14, weight=700)
    picture.text(100, 44, "one world, one policy for each side", 12, theme.soft)
    _box(picture, 34, 100, 108, 76, "policy", "of one side", theme.blue, theme.tint)
    _box(picture, 184, 100, 120, 76, "world", "reset, step, legal", theme.ink, theme.empty)
    _box(picture, 346, 100, 108, 76, "opponent", "the other side", theme.root, theme.warm)
    for outer, inner in ((142, 184), (346, 304)):
        _arrow(picture, outer, 128, inner, 128)
        _arrow(picture, inner, 150, outer, 150)
        middle = (outer + inner) / 2
        picture.text(middle, 92, "actions", 11.5, theme.soft, "middle")
        picture.text(middle, 196, "observations, masks", 11.5, theme.soft, "middle")
    _box(picture, 556, 30, 150, 70, "algorithm", "improves policies", theme.green, theme.empty)
    _box(picture, 800, 30, 136, 70, "run", "a directory", theme.green, theme.empty)
    _box(picture, 556, 142, 150, 70, "evaluation", "the same episodes", theme.ink, theme.empty)
    _box(picture, 800, 142, 136, 70, "result", "figures, report", theme.ink, theme.empty)
    _arrow(picture, 472, 65, 556, 65)
    picture.text(514, 57, "rollouts", 11.5, theme.soft, "middle")
    _arrow(picture, 706, 65, 800, 65)
    picture.text(753, 57, "checkpoints", 11.5, theme.soft, "middle")
    _arrow(picture, 472, 177, 556, 177)
    picture.text(514, 169, "episodes", 11.5, theme.soft, "middle")
    _arrow(picture, 706, 177, 800, 177)
    picture.text(753, 169, "tables", 11.5, theme.soft, "middle")
    picture.path("M936 65H944V264H88V182", theme.soft, extra=' stroke-dasharray="4 4"')
    picture.path("M83 186L88 176L93 186Z", fill=theme.soft, width=0)
    picture.text(
        470,
        282,
        "a run gives policies: of either side, to be judged, or as opponents of others",
        12,
        theme.soft,
        "middle",
    )
    picture.text(
        470,
        310,
        "garrison.make  ·  garrison.train  ·  garrison.load_run  ·  garrison.evaluate",
        12.5,
        theme.ink,
        "middle",
        600,
    )
    return picture.svg()


def _box(
    picture: Canvas, x: float, y: float, w: float, h: float, title: str, note: str, color: str, fill: str
) -> None:
    picture.rect(x, y, w, h, fill, color, 8, ' stroke-width="1.5"')
    picture.text(x + w / 2, y + h / 2 - 2, title, 14, color, "middle", 700)
    picture.text(x + w / 2, y + h / 2 + 17, note, 11.5, picture.theme.soft, "middle")


def _arrow(picture: Canvas, x1: float, y1: float, x2: float, y2: float) -> None:
    step = 9 if x2 > x1 else -9
    picture.path(f"M{x1:g} {y1:g}H{x2 - step:g}", picture.theme.soft)
    picture.path(f"M{x2:g} {y2:g}l{-step:g} -5v10Z", fill=picture.theme.soft, width=0)


# ---------------------------------------------------------------- files


SOC_SEED, SOC_STEP = 1_000_009, 300


def soc() -> str:
    """A moment of an episode that ``analyst`` defends; it adapts to light and dark pages by itself."""
    world = garrison.make("soc")
    result = garrison.evaluate(world, ["analyst"], episodes=1, seed=SOC_SEED, record="analyst")
    assert result.recording is not None
    state = jax.tree.map(lambda x: x[SOC_STEP], result.recording.state)
    head, line, rest = world.render(state, "difference").partition("\n")
    return f"{head}{line}<title>soc: what red holds, and what shows it to blue</title>{line}{rest}"


def pictures(names: Iterable[str]) -> dict[str, Callable[[Theme], str]]:
    """What draws each picture."""
    known: dict[str, Callable[[Theme], str]] = {"network": network, "ideas": ideas}
    if "episode" in names:
        episodes = {name: played(name) for name in DEFENDERS}
        known["episode"] = lambda theme: episode(theme, episodes)
    if "soc" in names:
        drawn = soc()
        known["soc"] = lambda theme: drawn
    return {name: known[name] for name in names}


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ("network", "episode", "ideas", "soc")
    arguments.add_argument("--only", nargs="+", choices=names, default=names)
    arguments.add_argument("--out", type=Path, default=FOLDER)
    given = arguments.parse_args()
    for name, draw in pictures(given.only).items():
        for theme in THEMES:
            path = given.out / f"{name}-{theme.name}.svg"
            write(path, draw(theme).encode())
            print(path)


if __name__ == "__main__":
    main()
