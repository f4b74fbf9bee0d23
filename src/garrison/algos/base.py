"""The algorithm protocol, and algorithms by name.

    algorithm = algos.get("ippo")
    config = algorithm.Config(total_steps=100_000)
    algorithm.check(config, world)
    state = jax.jit(algorithm.init)(config, world, key)
    step = jax.jit(algorithm.iteration, donate_argnames="state")
    for _ in range(algorithm.num_iterations(config, world)):
        state, metrics = step(config, world, state)
    policy = algorithm.policy(state, world)

An algorithm is a module, or an object, with the members of :class:`Algorithm`. Training, sweeps, resuming,
evaluation and exports use these members alone. Other packages add theirs with :func:`register`, or, so that
the command line sees them too, with an entry point in the group ``garrison.algorithms``.

``config`` and ``world`` are pytrees: pass both to ``jax.jit`` as ordinary arguments. The numbers of a config
that are not static are leaves, so that ``vmap`` over them is a sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from garrison.core.plugins import Plugins

if TYPE_CHECKING:
    import jax

    from garrison.core.policy import Policy
    from garrison.core.world import World

_ALGORITHMS = Plugins(
    "algorithm",
    "garrison.algorithms",
    {
        "ippo": "garrison.algos.ippo",
        "mappo": "garrison.algos.mappo",
        "qmix": "garrison.algos.qmix",
        "maddpg": "garrison.algos.maddpg",
        "pqn": "garrison.algos.pqn",
        "self-ippo": "garrison.algos.self_play:IPPO",
        "self-mappo": "garrison.algos.self_play:MAPPO",
    },
)

names = _ALGORITHMS.names
get = _ALGORITHMS.get
register = _ALGORITHMS.register

#: Fields of configurations written before version 0.2, and their present names.
RENAMED = {
    "lanes": "num_envs",
    "hidden": "hidden_sizes",
    "policies": "sharing",
    "anneal": "anneal_lr",
    "clip": "clip_eps",
    "normalise_rewards": "normalize_rewards",
    "normalise_values": "normalize_values",
}


class Algorithm(Protocol):
    """What every algorithm offers.

    All functions but :meth:`check`, :meth:`policy` and the planning ones are pure and may be compiled.

    **Metrics** of an iteration are scalars. All algorithms give:

    - ``return``: mean undiscounted return of the episodes that ended in the iteration, NaN if none did. It is
      the team's true return: the sum of ``info["team_reward"]`` where the world reports it, else of the mean
      reward over agents; never of shaped or intrinsic rewards;
    - ``episodes``: number of episodes that ended;
    - ``grad_norm``: norm of the gradients before clipping, mean over gradient steps;
    - names ending in ``_loss``: the parts of the loss; training has diverged if one is not finite;
    - ``nonfinite_inputs``: number of observations and rewards that were not finite; 0 in a healthy run;
    - ``finite_updates``: number of gradient steps before the first whose gradients were not finite.

    **Optional**: ``RESUME_ONLY``, names of the fields of the train state that only further training needs, as
    a replay is. Of a run's checkpoints only the latest holds them. They are None in states of the others,
    from which :meth:`policy` has to work as well.
    """

    #: Hyperparameters: a frozen struct (:func:`garrison.core.struct.struct`) with a default for each field.
    #: ``total_steps`` and ``num_envs`` are among them.
    Config: type

    def check(self, config: Any, world: World) -> None:
        """Validate every hyperparameter, before anything is created.

        Raises ``ValueError`` naming the field, its value and its range. Traced values are not checked.
        """

    def init(self, config: Any, world: World, key: jax.Array) -> Any:
        """The first train state: a pytree of all that changes during training, saved whole."""
        ...

    def iteration(self, config: Any, world: World, state: Any) -> tuple[Any, dict[str, jax.Array]]:
        """Collect experience and learn from it. Returns the next state and metrics."""
        ...

    def policy(self, state: Any, world: World, greedy: bool = False) -> Policy:
        """The policy that was learned. ``greedy`` takes the most probable action instead of sampling."""
        ...

    def steps_per_iteration(self, config: Any, world: World) -> int:
        """Environment steps of one iteration, over all environments."""
        ...

    def num_iterations(self, config: Any, world: World) -> int:
        """Iterations that make up ``total_steps``, rounded up."""
        ...

    def footprint(self, config: Any, world: World) -> int:
        """Bytes of what one iteration keeps, such as its rollout. Nothing is computed."""
        ...

    def placed(self, state: Any) -> Any:
        """``state`` with per-environment arrays spread over the devices, and the rest on each of them.

        Does nothing outside :func:`garrison.learn.shard.devices`.
        """
        ...

    def holds_environments(self, config: Any, world: World) -> bool:
        """Whether the train state holds the environments between iterations.

        It does not where rollouts are whole episodes; only then can several hosts share a training.
        """
        ...
