"""What to use for algorithms that are known by other names, or that agentlab does not have.

Consulted only for names that are not registered.
"""

from __future__ import annotations

_PG = "use pg, policy gradients with PPO's clipping"
_ACTOR_CRITIC = "use pg with --clip-range none --n-epochs 1 --n-minibatches 1"
_CONTINUOUS = "agentlab does not have it; use pg, which takes continuous actions too"
_MISSING = "agentlab does not have it; use pg or dqn"

OTHER_NAMES = {
    "ppo": _PG,
    "ppo2": _PG,
    "trpo": _PG,
    "recurrentppo": "use pg with --net lstm",
    "ppolstm": "use pg with --net lstm",
    "maskableppo": _PG,
    "a2c": _ACTOR_CRITIC,
    "a3c": _ACTOR_CRITIC,
    "acktr": _ACTOR_CRITIC,
    "acer": _ACTOR_CRITIC,
    "actorcritic": _ACTOR_CRITIC,
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
    "qlearning": "use q_table, or q_linear for observations that are not discrete",
    "tabular": "use q_table",
    "sarsa": "use q_table with --method sarsa",
    "expectedsarsa": "use q_table with --method expected_sarsa",
    "sac": _CONTINUOUS,
    "td3": _CONTINUOUS,
    "ddpg": _CONTINUOUS,
    "tqc": _CONTINUOUS,
    "crossq": _CONTINUOUS,
    "her": _MISSING,
    "impala": _MISSING,
    "muzero": _MISSING,
    "dreamer": _MISSING,
    "dreamerv3": _MISSING,
    "ars": "use random_search",
    "cem": "use random_search",
    "es": "use random_search",
}
