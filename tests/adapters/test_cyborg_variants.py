"""Options of cc4 as attributes in CybORG, and the columns played there."""

from types import SimpleNamespace as Fake

import numpy as np
import pytest

from garrison.adapters.cyborg import engine, variants
from garrison.worlds.cc4 import tables as T
from garrison.worlds.cc4.columns import COLUMNS


def test_attributes_of_the_columns():
    found = {name: variants.attributes(options) for name, options in COLUMNS.items()}
    nothing = {"green": {}, "red": {}}
    assert found["base"] == {"generator": {}, "actions": nothing}
    sizes = {
        f"{end}_{kind}_HOSTS": size for kind, size in (("USER", 10), ("SERVER", 6)) for end in ("MIN", "MAX")
    }
    assert found["constant"] == {"generator": sizes, "actions": nothing}
    work, access = "GreenLocalWork", "GreenAccessService"
    assert found["phishing"]["actions"] == nothing | {"green": {work: {"phishing_error_rate": 0.75}}}
    scans = ("AggressiveServiceDiscovery", "StealthServiceDiscovery")
    assert found["stealthy"]["actions"] == {
        "green": {kind: {"fp_detection_rate": 0.75} for kind in (work, access)},
        "red": {kind: {"detection_rate": 0.01} for kind in scans},
    }
    assert found["aggressive"]["actions"]["red"] == {name: {"duration": 1} for name in T.RED_NAMES}
    assert variants.attributes({"users": [4, 5]})["generator"] == {"MIN_USER_HOSTS": 4, "MAX_USER_HOSTS": 5}


def test_what_cyborg_does_not_have():
    with pytest.raises(ValueError, match="CybORG has no option red_sees_roles; leave it out, or evaluate on"):
        variants.attributes({"red_sees_roles": 1})
    with pytest.raises(ValueError, match="one range of users for all subnets"):
        variants.attributes({"users": [[3, 4]] * 7 + [[3, 5]]})
    with pytest.raises(ValueError, match="'green_phishing' must be numbers in 0..1"):
        variants.attributes({"green_phishing": 2})


class Controller:
    """What of CybORG's checks a choice: here everything is valid but Withdraw."""

    def replace_action_if_invalid(self, action, agent):
        return type("InvalidAction", (), {"duration": 1})() if type(action).__name__ == "Withdraw" else action


def test_chosen_actions_have_them():
    def chosen(agent, kind):
        action = type(kind, (), {"duration": 3})()
        return engine._chosen(Controller(), wanted, action, Fake(agent_name=agent)).duration

    wanted = {"red": {"Impact": {"duration": 1}, "InvalidAction": {"duration": 4}}}
    assert chosen("red_agent_3", "Impact") == 1
    assert chosen("blue_agent_0", "Impact") == chosen("green_agent_12", "Impact") == 3
    assert chosen("red_agent_0", "Exploit") == 3
    assert chosen("red_agent_0", "Withdraw") == 4
    assert chosen("blue_agent_0", "Withdraw") == 1


# ---------------------------------------------------------------- with CybORG


def played(column, steps=40):
    """An episode with random actions: the controller, and the actions that were in progress at each step."""
    rng = np.random.default_rng(3)
    running = engine.CybORGSession(seed=5, steps=steps, attributes=variants.attributes(COLUMNS[column]))
    running.reset()
    going = []
    masks = [np.flatnonzero(running.wrapper.action_mask(agent)) for agent in engine.BLUE_AGENTS]
    for _ in range(steps - 1):
        actions = {
            agent: int(rng.choice(mask)) for agent, mask in zip(engine.BLUE_AGENTS, masks, strict=True)
        }
        running.step(actions)
        going += [
            (agent, entry["action"])
            for agent, entry in running.controller.actions_in_progress.items()
            if entry is not None
        ]
    return running.controller, going


@pytest.mark.cyborg
@pytest.mark.parametrize("column", COLUMNS)
def test_columns_on_cyborg(column):
    controller, going = played(column)
    red = [action for agent, action in going if agent.startswith("red")]
    users = sum("user_host" in host for host in controller.state.hosts)
    servers = sum("server_host" in host for host in controller.state.hosts)
    assert ((users, servers) == (80, 48)) == (column == "constant")
    assert (not red) == (column == "aggressive")
    assert any(agent.startswith("blue") for agent, _ in going)
    scans = {action.detection_rate for action in red if type(action).__name__ == "StealthServiceDiscovery"}
    assert scans <= {0.01 if column == "stealthy" else 0.25}
    sessions = sum(
        len(table) for agent, table in controller.state.sessions.items() if agent.startswith("red")
    )
    assert sessions > 20 if column == "phishing" else sessions < 60
