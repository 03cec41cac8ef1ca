"""Run folders: the records of training runs of agents and trainers."""

from agentlab.runs.checkpoint import Checkpoint
from agentlab.runs.follower import FollowingRun
from agentlab.runs.progress import Progress
from agentlab.runs.run import Run
from agentlab.runs.seeds import derive_seed, seed_everything
from agentlab.runs.stopping import Hung, Stop, stop_signals
from agentlab.runs.task import Task, this_task
from agentlab.runs.video import open_video

__all__ = [
    "Checkpoint",
    "FollowingRun",
    "Hung",
    "Progress",
    "Run",
    "Stop",
    "Task",
    "derive_seed",
    "open_video",
    "seed_everything",
    "stop_signals",
    "this_task",
]
