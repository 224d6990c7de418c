"""How can the system be shown and tested without a model? An OpenAI-compatible server that replays, and says so."""

from hil.replay_model.answer_request import TaskPlayer
from hil.replay_model.faults import Fault
from hil.replay_model.script import Rule, Script, ScriptedCall, load_script
from hil.replay_model.server import Received, ReplayModel

__all__ = ["Fault", "Received", "ReplayModel", "Rule", "Script", "ScriptedCall", "TaskPlayer", "load_script"]
