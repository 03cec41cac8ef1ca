"""The functions behind the commands, for use from Python: runs, recipes and searches.

::

    from agentlab.experiments import AgentPlan, TrainerPlan, open_run, resume, start

    result = start(AgentPlan.make("CartPole-v1", "pg", steps=20_000))
    plan, run = open_run(result.path)
    result = resume(plan.changed(steps=40_000), run)
    print(result.evaluation.mean)
    print(start(TrainerPlan.make(recipe="mnist-mlp", epochs=3)).metrics["accuracy"])
"""

from agentlab.experiments.agent_result import AgentResult
from agentlab.experiments.agent_run import AgentPlan
from agentlab.experiments.plan import Plan, Result, resume, start
from agentlab.experiments.resume_or_start import resume_or_start
from agentlab.experiments.runs import open_run
from agentlab.experiments.trainer_result import TrainerResult
from agentlab.experiments.trainer_run import TrainerPlan, cross_validate

__all__ = [
    "AgentPlan",
    "AgentResult",
    "Plan",
    "Result",
    "TrainerPlan",
    "TrainerResult",
    "cross_validate",
    "open_run",
    "resume",
    "resume_or_start",
    "start",
]
