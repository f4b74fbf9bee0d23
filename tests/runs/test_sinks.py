"""TensorBoard files are read back here; W&B runs offline."""

import logging
import sys

import pytest

from garrison.core.extras import EXTRAS
from garrison.runs import directory as runs
from garrison.runs import sinks
from garrison.runs.sinks import Sinks, opened, scalars

CONFIG = {"world": "toy/network", "ippo": {"lanes": 4}}


@pytest.fixture
def run(tmp_path):
    return runs.create(tmp_path / "run", CONFIG)


def row(iteration, returns, **more):
    return {
        "iteration": iteration,
        "env_steps": 20 * iteration,
        "seconds": 0.5,
        "return": returns,
        **more,
    }


def events(run):
    """What was written: (file, step, tag or session status, value), in order."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found = []
    for number, file in enumerate(sorted((run.path / "tensorboard").iterdir())):
        data = file.read_bytes()
        while data:  # length: 8 bytes, its checksum: 4, the event, its checksum: 4
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            if event.HasField("session_log"):
                assert event.session_log.status == SessionLog.START
                found.append((number, event.step, "START", None))
            found += [(number, event.step, value.tag, value.simple_value) for value in event.summary.value]
    return found


def test_numbers_of_one_seed_keep_the_metrics_name():
    assert scalars(row(1, [-3.0])) == {"iteration": 1, "env_steps": 20, "seconds": 0.5, "return": -3}


def test_several_seeds_have_a_tag_each_and_the_mean():
    told = scalars({"return": [-3.0, -1.0]})
    assert told == {"return": -2, "return/seed0": -3, "return/seed1": -1}


def test_what_is_no_number_is_left_out():
    told = scalars({"return": [None, -1.0], "entropy": [None, None], "loss": float("nan"), "note": "x"})
    assert told == {"return": -1, "return/seed1": -1}


def test_tensorboard_has_every_row_and_the_configuration(run):
    with opened(("tensorboard",), run, done=0) as sink:
        sink.log(row(1, [-3.0, -1.0]))
        sink.log(row(2, [-2.0, None]))
    written = events(run)
    curves = [event[1:] for event in written if event[2].startswith("return")]
    assert curves == [
        (20, "return", -2),
        (20, "return/seed0", -3),
        (20, "return/seed1", -1),
        (40, "return", -2),
        (40, "return/seed0", -2),
    ]
    assert (0, 40, "seconds", 0.5) in written
    assert [event[2] for event in written if event[1] == 0] == ["config/text_summary"]


def test_tensorboard_goes_on_from_where_a_run_is_resumed(run):
    with opened(("tensorboard",), run, done=0) as sink:
        for iteration in (1, 2, 3):
            sink.log(row(iteration, [-float(iteration)]))
    for iteration in (1, 2):  # up to the checkpoint
        run.log(row(iteration, [-float(iteration)]))
    with opened(("tensorboard",), run, done=2) as sink:
        sink.log(row(3, [-3.0]))
    resumed = [event[1:] for event in events(run) if event[0] == 1]
    assert resumed[0] == (41, "START", None)  # readers drop what the first process wrote from there on
    assert (60, "return", -3) in resumed


def test_tensorboard_rows_are_on_disk_before_the_sink_is_closed(run):
    sink = opened(("tensorboard",), run, done=0)
    sink.log(row(1, [-3.0]))
    assert (0, 20, "return", -3) in events(run)
    sink.close()


class Recorded:
    def __init__(self):
        self.rows, self.closed = [], False

    def log(self, row):
        self.rows.append(row)

    def close(self):
        self.closed = True


class Failing(Recorded):
    def log(self, row):
        super().log(row)
        raise OSError("no space left")


def test_a_sink_that_fails_is_named_once_and_the_others_go_on(caplog):
    good, bad, both = Recorded(), Failing(), Sinks()
    both.add("bad", bad)
    both.add("good", good)
    with caplog.at_level(logging.WARNING), both:
        both.log(row(1, [0.0]))
        both.log(row(2, [0.0]))
    assert len(bad.rows) == 1
    assert len(good.rows) == 2
    assert good.closed
    (warning,) = caplog.messages
    assert "'bad'" in warning
    assert "no space left" in warning


def test_a_sink_that_fails_while_it_is_closed_does_no_harm(caplog):
    class Stuck(Recorded):
        def close(self):
            raise RuntimeError("lost the connection")

    both, good = Sinks(), Recorded()
    both.add("stuck", Stuck())
    both.add("good", good)
    both.close()
    assert good.closed
    assert "lost the connection" in caplog.text


def test_an_unknown_sink_is_an_error_that_lists_what_there_is(run):
    with pytest.raises(ValueError, match=r"no sink 'tensorbord'; sinks: tensorboard, wandb"):
        opened(("tensorbord",), run, 0)


@pytest.mark.parametrize(("sink", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb")])
def test_a_missing_package_is_an_error_with_the_remedy(run, sink, package, monkeypatch):
    for module in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=rf"sink '{sink}': .*pip install 'garrison\[{sink}\]'"):
        opened((sink,), run, 0)


def test_the_sinks_that_are_open_are_closed_if_another_does_not_open(run, monkeypatch):
    first = Recorded()

    def refuse(*args):
        raise RuntimeError("refused")

    for name in ("first", "second"):
        monkeypatch.setitem(EXTRAS, name, ())
    monkeypatch.setattr(sinks, "SINKS", {"first": lambda *args: first, "second": refuse})
    with pytest.raises(ValueError, match="sink 'second' does not open: refused"):
        opened(("first", "second"), run, 0)
    assert first.closed


def test_every_sink_has_an_extra():
    assert set(sinks.SINKS) <= set(EXTRAS)


def test_wandb_continues_the_same_run_offline(run, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="W&B is an extra that is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    init, begun = wandb.init, []
    monkeypatch.setattr(wandb, "init", lambda **settings: begun.append(init(**settings)) or begun[-1])
    for done in (0, 1):
        with opened(("wandb",), run, done) as sink:
            sink.log(row(done + 1, [-3.0, -1.0]))
            run.log(row(done + 1, [-3.0, -1.0]))
            summary = dict(begun[-1].summary)
    assert [one.offline for one in begun] == [True, True]
    assert begun[0].id == begun[1].id == (run.path / sinks.WANDB_ID).read_text()
    assert begun[1].config["ippo"] == {"lanes": 4}
    assert summary["env_steps"] == 40
    assert (summary["return"], summary["return/seed1"]) == (-2, -1)
    assert len(list((run.path / "wandb").glob("offline-run-*"))) == 2
