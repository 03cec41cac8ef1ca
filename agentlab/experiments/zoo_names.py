"""Hyperparameters of RL Baselines3 Zoo, translated to agentlab settings.

The Zoo names them as Stable-Baselines3 does, and writes some as Python, such as
``dict(net_arch=[64, 64])``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from agentlab.errors import InvalidArgument

ON_POLICY = ("pg", "ppo", "a2c")
WITH_SDE = (*ON_POLICY, "sac")
# Names that differ; all others are the same in both.
RENAMED = {
    "n_timesteps": "steps",
    "exploration_initial_eps": "epsilon_start",
    "exploration_final_eps": "epsilon_end",
    "rms_prop_eps": "optimizer_epsilon",
}
SAME = (
    "batch_size",
    "buffer_size",
    "clip_range_vf",
    "ent_coef",
    "gae_lambda",
    "gamma",
    "gradient_steps",
    "learning_starts",
    "max_grad_norm",
    "n_envs",
    "n_epochs",
    "noise_std",
    "noise_type",
    "normalize_advantage",
    "policy_delay",
    "seed",
    "target_kl",
    "target_noise_clip",
    "target_policy_noise",
    "target_update_interval",
    "tau",
    "top_quantiles_to_drop_per_net",
    "vf_coef",
    "frame_stack",
)
# Stable-Baselines3's defaults, where they differ from agentlab's, for entries without a value.
DEFAULTS: dict[str, dict[str, Any]] = {
    "ppo": {"rollout_length": 2048, "batch_size": 64, "normalize_returns": False},
    "a2c": {"normalize_returns": False},
    "dqn": {
        "learning_rate": 1e-4,
        "buffer_size": 1_000_000,
        "target_update_interval": 10_000,
        "hidden": [64, 64],
    },
    "td3": {"hidden": [400, 300]},
    "ddpg": {"hidden": [400, 300]},
}
# Hyperparameters without a counterpart, which are reported and ignored.
LEFT_OUT = (
    "use_sde",
    "use_sde_at_warmup",
    "sde_sample_freq",
    "log_std_init",
    "clip_range",
    "ortho_init",
    "optimizer_class",
    "optimizer_kwargs",
    "env_wrapper",
    "vec_env_wrapper",
    "callback",
    "optimize_memory_usage",
    "share_features_extractor",
    "features_extractor_class",
    "enable_critic_lstm",
    "full_std",
    "use_expln",
)
# Names by which an entry of the Zoo is recognized.
ONLY_THERE = {
    *RENAMED,
    "policy",
    "policy_kwargs",
    "n_steps",
    "normalize",
    "env_wrapper",
    "exploration_fraction",
    "use_sde",
    "use_rms_prop",
}
POLICIES = {
    "MlpPolicy": {},
    "MultiInputPolicy": {},
    "CnnPolicy": {"net": "nature_cnn"},
    "MlpLstmPolicy": {"net": "lstm"},
}
ATARI = {
    "noop_max": 30,
    "frame_skip": 4,
    "max_pool": True,
    "life_loss": True,
    "clip_rewards": True,
    "grayscale": True,
    "resize": 84,
}


def is_zoo(content: Mapping[str, Any]) -> bool:
    """Return whether settings have names that only the Zoo uses, or values only it writes."""
    schedules = [v for v in content.values() if isinstance(v, str) and v.startswith("lin_")]
    return bool(ONLY_THERE & content.keys() or schedules)


def translate(entry: Mapping[str, Any], algo: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Translate one entry of the Zoo.

    Args:
        entry: hyperparameters under the names of the Zoo.
        algo: name of the algorithm in agentlab.

    Returns:
        Settings of agentlab, and the hyperparameters that have no counterpart. Names that are
        unknown to both stay among the settings.

    Raises:
        InvalidArgument: for a value that cannot be read or expressed.

    >>> translate({"n_timesteps": 1e5, "exploration_final_eps": 0.1, "n_envs": 8}, "sac")[0]
    {'steps': 100000, 'epsilon_end': 0.1, 'n_envs': 8}
    """
    rest = {name: value for name, value in entry.items() if value is not None}
    found = dict(DEFAULTS.get(algo, {}))
    for name, value in list(rest.items()):
        if name in RENAMED or name in SAME:
            found[RENAMED.get(name, name)] = _number(value)
            del rest[name]
    found.setdefault("n_envs", 1)
    translation = _Translation(found, rest, algo)
    for name in list(rest):
        if translate_one := getattr(translation, f"on_{name}", None):
            translate_one(rest.pop(name))
    translation.finish()
    unknown = {name: value for name, value in rest.items() if name not in LEFT_OUT}
    return {**found, **unknown}, {name: rest[name] for name in rest if name in LEFT_OUT}


class _Translation:
    """Settings found so far, and a method for each hyperparameter that needs a conversion."""

    def __init__(self, found: dict[str, Any], rest: dict[str, Any], algo: str) -> None:
        self.found, self.rest, self.algo = found, rest, algo

    def on_policy(self, value: Any) -> None:
        if str(value) not in POLICIES:
            raise InvalidArgument(f"policy={value!r} must be one of {', '.join(POLICIES)}")
        self.found.update(POLICIES[value])

    def on_n_steps(self, value: Any) -> None:
        self.found["rollout_length" if self.algo in ON_POLICY else "n_step"] = value

    def on_learning_rate(self, value: Any) -> None:
        self.found["learning_rate"], decays = _schedule(value)
        if decays:
            self.found["decay_steps"] = self.found.get("steps", 1_000_000)

    def on_clip_range(self, value: Any) -> None:
        self.found["clip_range"], decays = _schedule(value)
        if decays:
            self.found["decay_clip_range"] = True

    def on_exploration_fraction(self, value: Any) -> None:
        self.found["epsilon_steps"] = round(value * self.found.get("steps", 1_000_000))

    def on_use_rms_prop(self, value: Any) -> None:
        self.found["optimizer"] = "rmsprop" if value else "adam"

    def on_use_sde(self, value: Any) -> None:
        if value:
            (self.found if self.algo in WITH_SDE else self.rest)["use_sde"] = value

    def on_train_freq(self, value: Any) -> None:
        """Translate calls to ``env.step``; agentlab counts steps summed over the environments."""
        if not isinstance(value, int):
            raise InvalidArgument(f"train_freq={value!r} must be a number of steps")
        self.found["train_freq"] = value * int(self.found["n_envs"])

    def on_normalize(self, value: Any) -> None:
        given = value if isinstance(value, bool) else _literal("normalize", value)
        parts = given if isinstance(given, dict) else {"norm_obs": given, "norm_reward": given}
        self.found["normalize_observations"] = bool(parts.get("norm_obs", True))
        self.found["normalize_returns"] = bool(parts.get("norm_reward", True))

    def on_env_wrapper(self, value: Any) -> None:
        names, others = value if isinstance(value, list) else [value], []
        for name in names:
            if str(name).endswith("AtariWrapper"):
                self.found.update(ATARI)
            elif isinstance(name, str) and name.startswith("gymnasium."):
                module, _, cls = name.rpartition(".")
                self.found.setdefault("wrapper", []).append(f"{module}:{cls}")
            else:
                others.append(name)
        if others:
            self.rest["env_wrapper"] = others

    def on_policy_kwargs(self, value: Any) -> None:
        """Translate the policy's arguments; those without a counterpart are kept."""
        parts = dict(_literal("policy_kwargs", value))
        if (arch := parts.pop("net_arch", None)) is not None:
            if isinstance(arch, list) and len(arch) == 1 and isinstance(arch[0], dict):
                arch = arch[0]  # the form of older versions
            kinds = list(arch.values()) if isinstance(arch, dict) else [arch]
            if self.algo == "sac" and isinstance(arch, dict) and arch.keys() == {"pi", "qf"}:
                kinds, self.found["critic_hidden"] = [arch["pi"]], arch["qf"]
            if any(kind != kinds[0] for kind in kinds):
                raise InvalidArgument(
                    f"net_arch={arch} must be the same for all networks, such as [64, 64]"
                )
            self.found["hidden"] = kinds[0]
        if (activation := parts.pop("activation_fn", None)) is not None:
            self.found["activation"] = str(activation).rpartition(".")[2].lower()
        if "log_std_init" in parts and self.algo in WITH_SDE:
            self.found["log_std_init"] = parts.pop("log_std_init")
        for name in ("n_critics", "n_quantiles"):
            if name in parts and self.algo == "sac":
                self.found[name] = parts.pop(name)
        if "n_quantiles" in parts and self.algo == "dqn":
            self.found.update(distribution="quantile", n_atoms=parts.pop("n_quantiles"))
        if (width := parts.pop("lstm_hidden_size", None)) is not None:
            self.found["hidden"] = [width]
        self.rest.update(parts)

    def finish(self) -> None:
        """Translate settings that depend on several hyperparameters."""
        found = self.found
        if found.get("use_sde") and (freq := self.rest.pop("sde_sample_freq", -1)):
            # Without a number of steps, noise is sampled when a rollout starts.
            each = found.get("rollout_length", 5)  # Stable-Baselines3's for A2C
            if self.algo == "sac":
                each = max(1, found.get("train_freq", 1) // int(found["n_envs"]))
            found["sde_sample_freq"] = freq if freq > 0 else each
        text = str(found.get("ent_coef", ""))
        if text.startswith("auto_"):
            found.update(ent_coef="auto", ent_coef_start=float(text[5:]))
        if found.get("gradient_steps") == -1:
            found["gradient_steps"] = found.get("train_freq", found["n_envs"])
        if self.algo not in ON_POLICY and "learning_starts" in found:
            # Learning can start only when there are enough transitions for a minibatch.
            least = found.get("batch_size", 256)
            found["learning_starts"] = max(found["learning_starts"], least)
        if self.algo in ON_POLICY and (batch := found.pop("batch_size", None)) is not None:
            steps = found.get("rollout_length", 2048) * found["n_envs"]
            if steps % batch and steps > batch:
                raise InvalidArgument(
                    f"batch_size={batch} must divide the {steps} steps of a rollout"
                )
            found["n_minibatches"] = max(steps // batch, 1)
        if found.get("decay_clip_range") and "decay_steps" not in found:
            # It can decay only together with the learning rate, so here it is constant.
            del found["decay_clip_range"]
            self.rest["clip_range"] = "the decay to 0"


def _number(value: Any) -> Any:
    """Return a number that YAML reads as a string or whole float; others are returned as is."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() and value > 1 else value


def _schedule(value: Any) -> tuple[Any, bool]:
    """Return a number, and whether it decays linearly to 0, as ``lin_3e-4`` does."""
    text = str(value)
    return (_number(text.removeprefix("lin_")), text.startswith("lin_"))


def _literal(name: str, value: Any) -> Any:
    """Return the value of a Python literal; ``dict(...)`` is allowed, and names become strings.

    Nothing is executed.
    """
    if not isinstance(value, str):
        return value
    try:
        return _value(ast.parse(value.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        shown = re.sub(r"\s+", " ", value)
        raise InvalidArgument(f"{name}={shown!r} must be a dictionary, such as dict(a=1)") from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {_value(key): _value(value) for key, value in pairs if key is not None}
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Attribute | ast.Name):
        return ast.unparse(node)
    return ast.literal_eval(node)
