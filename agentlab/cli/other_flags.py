"""Hints for unknown flags: what to use instead of other libraries' flags, or why none is needed."""

from __future__ import annotations

from collections.abc import Collection

# The corresponding flags of agentlab; the first that a command has is suggested.
SYNONYMS = {
    "--lr": ("--learning-rate",),
    "--alpha": ("--learning-rate",),
    "--step-size": ("--learning-rate",),
    "--total-timesteps": ("--steps",),
    "--n-timesteps": ("--steps",),
    "--timesteps": ("--steps",),
    "--num-timesteps": ("--steps",),
    "--max-steps": ("--steps",),
    "--total-steps": ("--steps",),
    "--frames": ("--steps",),
    "--n-steps": ("--rollout-length", "--n-step"),
    "--num-steps": ("--rollout-length", "--steps"),
    "--nsteps": ("--rollout-length", "--n-step"),
    "--update-epochs": ("--n-epochs",),
    "--num-minibatches": ("--n-minibatches",),
    "--num-envs": ("--n-envs",),
    "--env-id": ("--env",),
    "--env-name": ("--env",),
    "--environment": ("--env",),
    "--gym-id": ("--env",),
    "--agent": ("--algo",),
    "--algorithm": ("--algo",),
    "--model": ("--net", "--algo"),
    "--policy": ("--net",),
    "--network": ("--net",),
    "--architecture": ("--net",),
    "--net-arch": ("--hidden",),
    "--layers": ("--hidden",),
    "--units": ("--hidden",),
    "--activation-fn": ("--activation",),
    "--batch": ("--batch-size",),
    "--bs": ("--batch-size",),
    "--minibatch-size": ("--n-minibatches", "--batch-size"),
    "--discount": ("--gamma",),
    "--lambda": ("--gae-lambda",),
    "--clip": ("--clip-range", "--max-grad-norm"),
    "--clip-coef": ("--clip-range",),
    "--entropy-coef": ("--ent-coef",),
    "--value-coef": ("--vf-coef",),
    "--grad-clip": ("--max-grad-norm",),
    "--clipnorm": ("--max-grad-norm",),
    "--replay-size": ("--buffer-size",),
    "--memory": ("--buffer-size",),
    "--warmup": ("--learning-starts", "--warmup-steps"),
    "--target-network-frequency": ("--target-update-interval",),
    "--exploration-fraction": ("--epsilon-steps",),
    "--exploration-final-eps": ("--epsilon-end",),
    "--eval-freq": ("--eval-every",),
    "--n-eval-episodes": ("--eval-episodes",),
    "--eval-envs": ("--eval-episodes",),
    "--save-freq": ("--checkpoint-every",),
    "--save-every": ("--checkpoint-every",),
    "--log-interval": ("--log-every",),
    "--log-dir": ("--runs-dir",),
    "--logdir": ("--runs-dir",),
    "--output": ("--runs-dir", "--out"),
    "--tensorboard-log": ("--runs-dir",),
    "--exp-name": ("--name",),
    "--run-name": ("--name",),
    "--load": ("--resume",),
    "--checkpoint": ("--resume",),
    "--trained-agent": ("--resume",),
    "--continue": ("--resume",),
    "--capture-video": ("--video",),
    "--record": ("--video",),
    "--render": ("--human", "--video"),
    "--render-mode": ("--human", "--video"),
    "--watch": ("--human",),
    "--n-episodes": ("--episodes", "--steps"),
    "--num-episodes": ("--episodes", "--steps"),
    "--max-episodes": ("--steps",),
    "--deterministic": ("--explore",),
    "--stochastic": ("--explore",),
    "--max-episode-steps": ("--eval-steps",),
    "--num-workers": ("--workers",),
    "--n-jobs": ("--workers",),
    "--n-trials": ("--trials",),
    "--framestack": ("--frame-stack",),
    "--frameskip": ("--frame-skip",),
    "--wrappers": ("--wrapper",),
    "--env-wrapper": ("--wrapper",),
    "--early-stopping": ("--patience",),
    "--dataset": ("--recipe",),
    "--data": ("--csv",),
    "--label": ("--target",),
    "--dtype": ("--precision",),
    "--mixed-precision": ("--precision",),
    "--weight-decay": ("--l2",),
    "--random-seed": ("--seed",),
    "--conf-file": ("--config",),
    "--n-seeds": ("--seeds",),
}
_GPU = (
    "TensorFlow uses a GPU automatically if it finds one; the environment variable "
    "CUDA_VISIBLE_DEVICES=-1 hides it"
)
_MONITOR = "every run writes TensorBoard files; `tensorboard --logdir runs` shows them"
EXPLAINED = {
    "--device": _GPU,
    "--gpu": _GPU,
    "--gpus": _GPU,
    "--cuda": _GPU,
    "--cpu": _GPU,
    "--no-cuda": _GPU,
    "--tensorboard": _MONITOR,
    "--wandb": "--track wandb logs to Weights & Biases",
    "--verbose": "progress and settings are always printed",
    "--quiet": "redirect the progress line with 2>/dev/null",
    "--hyperparams": "all hyperparameters are flags (--algo NAME --help), or read by --config FILE",
    "--deterministic-torch": "runs with equal seeds always give equal results",
    "--torch-deterministic": "runs with equal seeds always give equal results",
}


def advice(flag: str, known: Collection[str]) -> str:
    """Return a hint for an unknown flag, given the ``known`` flags; empty if there is none.

    >>> advice("--lr", ["--learning-rate", "--l2"])
    'did you mean --learning-rate?'
    >>> advice("--lr", ["--steps", "--help"])
    'its name is --learning-rate, which this command or algorithm does not have'
    """
    flag = flag.lower().replace("_", "-")
    if flag in EXPLAINED:
        return EXPLAINED[flag]
    same = [other for other in (flag, *SYNONYMS.get(flag, ())) if other in known]
    if not same and flag in SYNONYMS:
        return f"its name is {SYNONYMS[flag][0]}, which this command or algorithm does not have"
    return f"did you mean {same[0]}?" if same else ""
