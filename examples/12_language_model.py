"""Fine-tune a language model on games of a scripted player, then train it by GRPO in the game itself.

Needs a GPU for models that can learn, and ``pip install 'garrison[llm]'``.
"""

from pathlib import Path

from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from garrison.llm import ArenaBatch, compare, export
from garrison.llm.chat import Chat
from garrison.llm.environment import BlueSeat, tasks
from garrison.llm.local import Transformers
from garrison.llm.players import player

MODEL, SCENARIO, OUT = "Qwen/Qwen3-4B", "small", Path("runs/language-model")
GAMES, TASKS, EPISODES = 500, 1_000, 64
SFT = {"num_train_epochs": 1, "max_length": 8_192, "per_device_train_batch_size": 2}
GRPO = {"num_generations": 8, "max_completion_length": 8_192, "per_device_train_batch_size": 8, "beta": 0.02}

# What the scripted player did in games that it won, turn by turn.
lines = list(export.examples(export.Export(SCENARIO, "guard+plan"), range(GAMES)))
rows = Dataset.from_list([{name: line[name] for name in ("messages", "tools")} for line in lines])
tuned = SFTTrainer(MODEL, args=SFTConfig(str(OUT / "sft"), **SFT), train_dataset=rows)
tuned.train()
tuned.save_model(str(OUT / "sft" / "model"))

# Rollouts of a group play the same episode; the reward is the score of the game.
rows = Dataset.from_list(tasks(range(GAMES, GAMES + TASKS), SCENARIO))
trained = GRPOTrainer(
    str(OUT / "sft" / "model"),
    args=GRPOConfig(str(OUT / "grpo"), **GRPO),
    train_dataset=rows,
    environment_factory=BlueSeat,
)
trained.train()
trained.save_model(str(OUT / "grpo" / "model"))

# Before and after, on games that none has met.
made = {"guard+plan": compare.Contestant(lambda game: player("guard+plan", game.seed))}
for stage in ("sft", "grpo"):
    model = Transformers(OUT / stage / "model")
    made[stage] = compare.Contestant(lambda game, model=model: Chat(model, game))
batch, seeds = ArenaBatch(min(8, EPISODES), SCENARIO), range(1_000_000, 1_000_000 + EPISODES)
played = {name: compare.play(batch, one, seeds) for name, one in made.items()}
found = compare.compare(played, "blue", {})
for name, row in found.items():
    print(name, row["score"], "more than guard+plan:", row["difference"])
