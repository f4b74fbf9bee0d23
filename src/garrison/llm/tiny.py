"""A policy of a thousand weights that reads a seat's text and chooses its calls, and learns without torch.

It is trained as a language model is: on a teacher's turns by cross-entropy, then by GRPO on scores of games.
Words are hashed: the score of a call is a sum of weights, one for each pair of a tool and a word that the
text has about the call's target. Nothing but the text is read. With it tests and studies of training take
minutes of one core; what it learns says nothing about language models.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from garrison.llm.arena import ArenaBatch
from garrison.llm.names import AGENTS, ZONES
from garrison.llm.players import Action, Player, call, end
from garrison.llm.seat import Seat
from garrison.worlds.cc4 import tables as T

WEIGHTS = 1_024
MOST_CALLS, MOST_WORDS = 40, 10  # of a choice, and of a call
HOST_TOOLS = ("run_forensics", "disable_account", "restore_backup", "deploy_patch")
#: An agent's order: a tool and its target. Without a tool the agent sleeps.
Order = tuple[str, str]
SLEEP: Order = ("", "")
_TARGETS = {"execute_instruction": "id", "checkpoint_plan": "agent"} | dict.fromkeys(HOST_TOOLS, "host")


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class Choice:
    """The orders that one agent may give, and the hashed words of each: ``int32[MOST_CALLS, MOST_WORDS]``."""

    agent: str
    orders: list[Order]
    words: np.ndarray  # 0: no word


def choices(text: str) -> list[Choice]:
    """The choices of the free agents that a text names."""
    lines = text.splitlines()
    about: dict[str, list[str]] = {}
    for part in _line(lines, "HOSTS").split("|"):
        if found := re.fullmatch(r" *([A-Z]{3}-[su]\d) (.*)", part.rstrip()):
            about[found[1]] = [_word(word) for word in found[2].split()]
    for tool, host, result in re.findall(r"(\w+) ([A-Z]{3}-[su]\d): ([\w.]+)", _line(lines, "DONE")):
        about.setdefault(host, []).append(f"{tool} {result}")
    plans = dict(re.findall(r"^PLAN (B\d) .*?now #(\d+ \w+)", text, re.MULTILINE))
    unsealed = _line(lines, "CHECKPOINT").split()
    free = re.findall(r"B\d", _line(lines, "FREE").split("|")[-1])
    return [_choice(agent, about, plans.get(agent), agent in unsealed) for agent in free]


def _line(lines: list[str], name: str) -> str:
    """What follows a name, in the line that begins with it or behind a bar."""
    found = [line.split(name, 1)[1] for line in lines if line.startswith(name) or f"| {name} " in line]
    return found[0] if found else ""


def _word(text: str) -> str:
    """Evidence with its age in steps that double: ``source9`` becomes ``source 4``."""
    found = re.fullmatch(r"([a-z]+)(\d+)", text)
    return text if found is None else f"{found[1]} {int(found[2]).bit_length()}"


def _choice(agent: str, about: dict[str, list[str]], plan: str | None, unsealed: bool) -> Choice:
    zones = [ZONES[zone] for zone in T.BLUE_SUBNETS[AGENTS.index(agent)]]
    hosts = [host for host in about if host[:3] in zones]
    orders: list[tuple[Order, list[str]]] = [(SLEEP, [f"{min(len(hosts), 3)} hosts"])]
    if plan is not None:
        number, tool = plan.split()
        orders.append((("execute_instruction", number), [tool, f"{min(len(hosts), 3)} hosts"]))
    if unsealed:
        orders.append((("checkpoint_plan", agent), []))
    for host in hosts[: (MOST_CALLS - len(orders)) // len(HOST_TOOLS)]:
        orders += [((tool, host), [host[4], *about[host]]) for tool in HOST_TOOLS]
    words = np.zeros((MOST_CALLS, MOST_WORDS), np.int32)
    for row, ((tool, _), known) in zip(words, orders, strict=False):
        hashed = [_hash(tool), *(_hash(f"{tool} {word}") for word in known)][:MOST_WORDS]
        row[: len(hashed)] = hashed
    return Choice(agent, [order for order, _ in orders], words)


def _hash(text: str) -> int:
    return 1 + zlib.crc32(text.encode()) % (WEIGHTS - 1)


def _call(order: Order) -> dict[str, Any]:
    tool, target = order
    return call(tool, **{_TARGETS[tool]: target})


def logits(weights: Any, words: Any) -> Any:
    """Of the calls of choices: ``f32[..., call]``. Calls that there are not have minus infinity, almost."""
    there = words[..., 0] > 0
    return jnp.where(there, jnp.where(words > 0, weights[words], 0.0).sum(-1), -1e9)


# ---------------------------------------------------------------- playing


@dataclass
class Games:
    """Games that were played, and what was decided in them. Axes: [decision]."""

    scores: np.ndarray  # f32[game]
    words: np.ndarray  # int32[decision, call, word]
    taken: np.ndarray  # int32[decision]: number of the order
    game: np.ndarray  # int32[decision]
    orders: list[Order] = field(default_factory=list)

    @property
    def tools(self) -> Counter[str]:
        """How often each tool was chosen."""
        return Counter(tool for tool, _ in self.orders)

    @property
    def entropy(self) -> float:
        """Of the tools, in nats."""
        share = np.array(list(self.tools.values())) / len(self.orders)
        return float(-(share * np.log(share)).sum())

    @property
    def distinct(self) -> tuple[int, int]:
        """Different orders, and different choices in which they were made."""
        return len(set(self.orders)), len({one.tobytes() for one in self.words})

    @property
    def largest_shares(self) -> np.ndarray:
        """``f64[game]``: the share of the tool that a game used most; 1 for a game without decisions."""
        most = np.ones(len(self.scores))
        for game in range(len(most)):
            tools = Counter(self.orders[i][0] for i in np.flatnonzero(self.game == game))
            most[game] = max(tools.values()) / tools.total() if tools else 1.0
        return most


def joined(parts: Sequence[Games]) -> Games:
    """Several batches of games as one."""
    firsts = np.cumsum([0, *(len(one.scores) for one in parts[:-1])])
    game = [one.game + first for one, first in zip(parts, firsts, strict=True)]
    return Games(
        scores=np.concatenate([one.scores for one in parts]),
        words=np.concatenate([one.words for one in parts]),
        taken=np.concatenate([one.taken for one in parts]),
        game=np.concatenate(game),
        orders=[order for one in parts for order in one.orders],
    )


class TinyPlayer:
    """The policy as a player of one game, as of :class:`~garrison.llm.players.Player`.

    Args:
        weights: ``f32[WEIGHTS]``.
        view: returns the present text of the seat.
        seed: of the draws.
    """

    def __init__(self, weights: np.ndarray, view: Callable[[], str], seed: int) -> None:
        self.weights, self.view, self._rng = weights, view, np.random.default_rng(seed)

    def act(self, seat: Seat, rows: np.ndarray) -> Action:
        """Orders drawn by the weights; the rows are not read."""
        chosen = (one.orders[_drawn(self.weights, one, self._rng)] for one in choices(self.view()))
        return {"calls": [*(_call(order) for order in chosen if order != SLEEP), end()]}


def play(batch: ArenaBatch, seeds: Sequence[int], weights: np.ndarray, seed: int) -> Games:
    """A game per seed with orders drawn by the weights; ``seed`` is that of the draws."""
    rng = np.random.default_rng(seed)

    return _play(batch, seeds, lambda game, choice: _drawn(weights, choice, rng))


def _drawn(weights: np.ndarray, choice: Choice, rng: np.random.Generator) -> int:
    """The number of an order that is drawn by the weights."""
    scores = np.where(choice.words > 0, weights[choice.words], 0).sum(-1)[: len(choice.orders)]
    return int(np.argmax(scores + rng.gumbel(size=len(scores))))


def teach(batch: ArenaBatch, seeds: Sequence[int], make: Callable[[int], Player]) -> Games:
    """Games of a player that reads rows; agents whose order is none of the choices are left out."""
    players = [make(seed) for seed in seeds]
    actions: dict[int, Any] = {}

    def begin(game: int) -> Any:
        actions[game] = players[game].act(batch.games[game].seats["blue"], batch.rows(game))
        return actions[game]

    def decide(game: int, choice: Choice) -> int:
        given = {
            (one["tool_name"], str(next(iter(one["params"].values())))) for one in actions[game]["calls"]
        }
        return next((i for i, order in enumerate(choice.orders) if order in given), -1)

    return _play(batch, seeds, decide, begin)


def _play(
    batch: ArenaBatch,
    seeds: Sequence[int],
    decide: Callable[[int, Choice], int],
    begin: Callable[[int], Any] = lambda game: None,
) -> Games:
    """Whole games. ``begin`` may return an action, which is taken instead of what was decided."""
    views = batch.reset(seeds)
    words, taken, game_of, orders = [], [], [], []
    while not all(view.done for view in views):
        actions: list[Any] = [None] * len(seeds)
        for game, view in enumerate(views):
            if view.done:
                continue
            actions[game], calls = begin(game), []
            for choice in choices(view.text):
                number = decide(game, choice)
                if number < 0:
                    continue
                words.append(choice.words)
                taken.append(number)
                game_of.append(game)
                orders.append(choice.orders[number])
                if orders[-1] != SLEEP:
                    calls.append(_call(orders[-1]))
            actions[game] = actions[game] or {"calls": [*calls, end()]}
        views = batch.act(actions)
    scores = np.array([view.reward for view in views], np.float32)
    return Games(scores, np.array(words), np.array(taken), np.array(game_of), orders)


# ---------------------------------------------------------------- learning


def fit(games: Games, steps: int = 100, rate: float = 0.05) -> np.ndarray:
    """Weights of the decisions in games by cross-entropy."""
    optimizer = optax.adam(rate)

    @jax.jit
    def step(weights: Any, state: Any) -> tuple[Any, Any]:
        def loss(weights: Any) -> Any:
            chosen = jax.nn.log_softmax(logits(weights, words))
            return -jnp.take_along_axis(chosen, taken[:, None], 1).mean()

        changes, state = optimizer.update(jax.grad(loss)(weights), state)
        return optax.apply_updates(weights, changes), state

    words, taken = jnp.asarray(games.words), jnp.asarray(games.taken)
    weights = jnp.zeros(WEIGHTS)
    state = optimizer.init(weights)
    for _ in range(steps):
        weights, state = step(weights, state)
    return np.asarray(weights)


@dataclass(frozen=True)
class GRPO:
    """How the policy learns from scores; names as in papers on GRPO."""

    steps: int = 20
    seeds: int = 4  # groups of a step
    group: int = 8  # games of a group, which share their seed
    rate: float = 0.03
    epochs: int = 4
    clip: float = 0.2
    beta: float = 0.02  # of the KL divergence to the weights at the start
    entropy: float = 0.0
    penalty: float = 0.0  # λ of λ·max(0, share − τ) for the tool that a game used most
    share: float = 0.5  # τ


def advantages(scores: np.ndarray, group: int) -> np.ndarray:
    """Scores relative to the mean of their group, in its standard deviations."""
    rows = scores.reshape(-1, group)
    spread = rows - rows.mean(1, keepdims=True)
    return (spread / (rows.std(1, keepdims=True) + 1e-4)).reshape(-1)


@partial(jax.jit, static_argnums=0)
def _update(how: GRPO, carry: Any, start: Any, words: Any, taken: Any, advantage: Any) -> Any:
    """Epochs on the decisions of a step; those of an advantage that is not a number are padding."""
    optimizer = optax.adam(how.rate)
    there = ~jnp.isnan(advantage)
    advantage = jnp.where(there, advantage, 0.0)

    def logs(weights: Any) -> tuple[Any, Any]:
        every = jax.nn.log_softmax(logits(weights, words))
        return every, jnp.take_along_axis(every, taken[:, None], 1)[:, 0]

    old, reference = logs(carry[0])[1], logs(start)[1]

    def loss(weights: Any) -> Any:
        every, new = logs(weights)
        ratio = jnp.exp(new - old)
        gain = jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - how.clip, 1 + how.clip) * advantage)
        kl = jnp.exp(reference - new) - (reference - new) - 1
        entropy = -(jnp.exp(every) * jnp.where(every > -1e8, every, 0.0)).sum(-1)
        return -((gain - how.beta * kl + how.entropy * entropy) * there).sum() / there.sum()

    for _ in range(how.epochs):
        changes, state = optimizer.update(jax.grad(loss)(carry[0]), carry[1])
        carry = optax.apply_updates(carry[0], changes), state
    return carry


def learn(
    batch: ArenaBatch,
    start: np.ndarray,
    how: GRPO,
    seed: int = 0,
    watch: Callable[[int, Games], None] = lambda step, games: None,
) -> np.ndarray:
    """GRPO from weights on, on the games of train seeds; returns the new weights."""
    rng = np.random.default_rng(seed)
    carry: Any = (jnp.asarray(start), optax.adam(how.rate).init(jnp.asarray(start)))
    for step in range(how.steps):
        seeds = np.repeat(rng.integers(0, 100_000, how.seeds), how.group).tolist()
        games = play(batch, seeds, np.asarray(carry[0]), int(rng.integers(2**31)))
        advantage = advantages(rewards(games, how), how.group)[games.game]
        size = -(-len(games.taken) // 1_024) * 1_024  # few compiled sizes
        padded = [np.resize(one, (size, *one.shape[1:])) for one in (games.words, games.taken, advantage)]
        padded[2][len(games.taken) :] = np.nan
        carry = _update(how, carry, jnp.asarray(start), *padded)
        watch(step, games)
    return np.asarray(carry[0])


def rewards(games: Games, how: GRPO) -> np.ndarray:
    """Scores, less the penalty of games that use one tool too much, in deviations of their group."""
    if not how.penalty:
        return games.scores
    spread = np.repeat(games.scores.reshape(-1, how.group).std(1), how.group)
    return games.scores - how.penalty * spread * np.maximum(0, games.largest_shares - how.share)
