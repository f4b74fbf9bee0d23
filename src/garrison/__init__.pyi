from garrison.api import load_run as load_run
from garrison.api import resume as resume
from garrison.api import train as train
from garrison.core.registry import available_worlds as available_worlds
from garrison.core.registry import make as make
from garrison.core.registry import register as register
from garrison.judge.api import compare as compare
from garrison.judge.api import evaluate as evaluate
from garrison.judge.api import policies as policies

__version__: str
