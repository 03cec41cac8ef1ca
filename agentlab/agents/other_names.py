"""What to use for algorithms that are known by other names, or that agentlab does not have.

Consulted only for names that are not registered.
"""

from __future__ import annotations

_PPO = "use ppo"
_A2C = "use a2c"
_CONTINUOUS = "agentlab does not have it; use sac"
_MISSING = "agentlab does not have it; use ppo or dqn"

OTHER_NAMES = {
    "ppo2": _PPO,
    "trpo": _PPO,
    "recurrentppo": "use ppo with --net lstm",
    "ppolstm": "use ppo with --net lstm",
    "maskableppo": "use ppo, which uses action masks if there are any",
    "a3c": _A2C,
    "acktr": _A2C,
    "acer": _A2C,
    "actorcritic": _A2C,
    "reinforce": "use pg with --clip-range none --n-epochs 1 --n-minibatches 1 --gae-lambda 1",
    "vpg": "use pg with --clip-range none --n-epochs 1 --n-minibatches 1",
    "policygradient": "use pg",
    "deepq": "use dqn",
    "doubledqn": "use dqn with --double",
    "ddqn": "use dqn with --double",
    "duelingdqn": "use dqn with --dueling",
    "noisydqn": "use dqn with --noisy",
    "prioritizeddqn": "use dqn with --prioritized",
    "c51": "use dqn with --distribution c51",
    "qrdqn": "use dqn with --distribution quantile",
    "iqn": "use dqn with --distribution iqn",
    "qlearning": "use q_table, or q_linear for observations that are not discrete",
    "tabular": "use q_table",
    "sarsa": "use q_table with --method sarsa",
    "expectedsarsa": "use q_table with --method expected_sarsa",
    "tqc": "use sac with --n-quantiles 25",
    "droq": "use sac with --dropout 0.01 --layer-norm --gradient-steps 20",
    "crossq": "use sac with --crossq --policy-delay 3 --critic-hidden 1024 1024 "
    "--learning-rate 0.001",
    "her": _MISSING,
    "impala": _MISSING,
    "muzero": _MISSING,
    "dreamer": _MISSING,
    "dreamerv3": _MISSING,
    "ars": "use random_search",
    "cem": "use random_search",
    "es": "use random_search",
}
