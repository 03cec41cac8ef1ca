"""``RatingsRBM``: recommendations by a restricted Boltzmann machine for ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option, override
from agentlab.data import Arrays, Batch, Batches, split_indices
from agentlab.data.batches import Array
from agentlab.data.ratings import check_levels, check_ratings, check_size
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.optimization import Optimization
from agentlab.training.trainer import Trainer
from agentlab.unsupervised.bias_baseline import BiasBaseline, KnownRatings
from agentlab.unsupervised.recommending import Recommending

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RatingsRBMConfig(Optimization):
    """Hyperparameters of ``ratings_rbm``."""

    units: int = option(100, "number of hidden units", ge=1)
    by: Literal["item", "user"] = option(
        "item", "what a training case is: an item (one unit per user) or a user (one per item)"
    )
    prior: bool = option(
        True, "learn the deviation from the bias baseline instead of the ratings themselves"
    )
    conditional: bool = option(False, "let the hidden units depend on which ratings exist")
    cd_steps: int = option(1, "Gibbs steps per update", ge=1)
    penalty: float = option(
        5.0, "L2 penalty of the baseline's biases, as a number of ratings", ge=0
    )
    epochs: int = override(Optimization, "epochs", 20)
    optimizer: str = override(Optimization, "optimizer", "sgd")
    momentum: float | None = override(Optimization, "momentum", 0.8)
    learning_rate: float = override(Optimization, "learning_rate", 0.1)
    l2: float = override(Optimization, "l2", 5e-3)


class RatingsRBM(Recommending, Trainer):
    """Predicts ratings from a user's or an item's other ratings (Salakhutdinov et al. 2007).

    Missing ratings are ignored, not treated as zeros. Also reports the error of the bias baseline
    and of a blend of both, whose weight is chosen on the validation split.

    Attributes:
        users, items: the ids, as strings.
        titles: titles of items by id.
        values: the distinct ratings, in increasing order.
        blend: weight of the RBM in the blend with the baseline.
    """

    name = "ratings_rbm"
    component_names = ("net", "optimizer", "baseline", "known")
    Config: ClassVar[type] = RatingsRBMConfig
    score_metric = "rmse"
    config: RatingsRBMConfig

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        titles: Mapping[str, str] | None = None,
        rated: Any = None,
        validation_data: Any = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on ratings.

        Args:
            x: the user and the item of each rating, numbers or strings, ``[n, 2]``.
            y: the ratings ``[n]``, of at most 20 different values.
            titles: titles of items by id, for recommendations.
            rated: users and items of other ratings, ``[n, 2]``, such as those of a test split,
                which are not recommended either.
            validation_data: ``(x, y)``; ``None`` holds out the fraction ``validation_split``.
            run: saves metrics and checkpoints; training resumes from its newest checkpoint.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            InvalidArgument: for malformed data, a single user or item, or duplicate ratings.
        """
        if y is None:
            raise InvalidArgument("y=None must be the ratings of the users and items in x")
        x, y = check_ratings(x, y)
        if validation_data is None and self.config.validation_split:
            split = self.config.validation_split
            rows, held = split_indices(len(y), (1 - split, split), self.seed)
            validation_data = x[held], y[held]
            x, y = x[rows], y[rows]
        self.values = check_levels(y).tolist()
        self.users, self.items = (np.unique(x[:, side]).tolist() for side in (0, 1))
        self.titles = dict(titles or {})
        self._check_sides()
        self._remember(x, y)
        for pairs in (rated, None if validation_data is None else validation_data[0]):
            if pairs is not None and len(pairs):
                self.known.hold(*self.indices(check_ratings(pairs)[0]))
        train = self._cases(self.known.users, self.known.items, self.known.levels)
        held_out = None if validation_data is None else self._held_out(*validation_data)
        self.train(train, held_out, run, quiet, callbacks)
        self.blend = self._best_blend(validation_data)
        return self

    def _check_sides(self) -> None:
        for side, names in (("user", self.users), ("item", self.items)):
            if len(names) < 2:
                raise InvalidArgument(f"x has only the {side} {names[0]!r}; at least 2 are needed")
        check_size(len(self.users), len(self.items))

    def _remember(self, x: Array, y: Array) -> None:
        """Store the training ratings as indices, and fit the baseline on them."""
        users, items = self.indices(x)
        cells = users.astype(np.int64) * len(self.items) + items
        order = np.sort(cells)
        if (twice := order[1:][order[1:] == order[:-1]]).size:
            user, item = divmod(int(twice[0]), len(self.items))
            raise InvalidArgument(
                f"user {self.users[user]!r} rates item {self.items[item]!r} twice; keep one rating"
            )
        self.known = KnownRatings()
        self.known.users, self.known.items = users, items
        self.known.levels = np.searchsorted(self.values, y).astype(np.int32)
        self.baseline = BiasBaseline(len(self.users), len(self.items), self.config.penalty)
        self.baseline.fit(users, items, y, self.config.by)
        self._levels = self.known.matrix(len(self.users), len(self.items), self.by_item)

    def _cases(self, users: Array, items: Array, levels: Array) -> Arrays:
        """Return cases: the known ratings, those to predict, and the number of the latter."""
        wanted = np.full(self._levels.shape, -1, np.int8)
        cases, units = (items, users) if self.by_item else (users, items)
        wanted[cases, units] = levels
        some = np.flatnonzero((wanted >= 0).any(1))
        counts = (wanted[some] >= 0).sum(1).astype(np.float32)
        return Arrays(self._levels[some], wanted[some], counts)

    def _held_out(self, x: Any, y: Any) -> Batches | None:
        """Return the held-out ratings of known users and items, rounded to levels, as cases."""
        x, y = check_ratings(x, y)
        users, items = self.indices(x)
        both = (users >= 0) & (items >= 0)
        if not both.any():
            raise InvalidArgument("no validation rating has a known user and a known item")
        nearest = np.abs(y[both, None] - np.array(self.values)).argmin(1)
        return self._cases(users[both], items[both], nearest)

    def build(self, data: Batches) -> None:
        """Build the network, with the baseline's biases."""
        from agentlab.nets.ratings import RatingsNet

        config, shape = self.config, self._levels.shape
        self.net = RatingsNet(
            config.units,
            self.values,
            config.prior,
            config.conditional,
            config.penalty,
            self.seed,
            name=self.name,
        )
        self.net.build((None, shape[1]))
        known = [(self._levels == level).sum(0) for level in range(len(self.values))]
        counts = np.stack(known, 1)  # [units, values]
        bias = self.baseline.user_bias if self.by_item else self.baseline.item_bias
        self.net.start(counts, bias, self.baseline.mean)

    @property
    def uses_xla(self) -> bool:
        """False, since XLA generates random numbers slowly on CPUs."""
        return False

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss``, the mean squared error of each case's target ratings, ``[b]``."""
        net = self.net
        rows, mask, machine = net.machine(batch.inputs)  # [b, units * values]
        hidden = tf.sigmoid(machine.hidden_logits(rows))
        expected = net.expected(machine.means(machine.visible_logits(hidden)))  # [b, units]
        wanted = tf.cast(batch.targets, tf.int32)
        there = tf.cast(wanted >= 0, tf.float32)
        truth = tf.gather(tf.constant(self.values, tf.float32), tf.maximum(wanted, 0))
        count = tf.maximum(tf.reduce_sum(there, -1), 1.0)
        errors = tf.square(tf.clip_by_value(expected, *self._range) - truth) * there
        found = {"loss": tf.reduce_sum(errors, -1) / count}
        if training:
            divergence = machine.free_energy(rows) - machine.free_energy(
                tf.stop_gradient(self._samples(machine, rows, mask))
            )
            # Metrics weight cases by their number of ratings, but the objective does not.
            cases, ratings = tf.cast(tf.shape(count)[0], tf.float32), tf.reduce_sum(batch.weights)
            found["objective"] = divergence * ratings / (cases * count)
        return found

    def _samples(self, machine: Any, rows: Any, mask: Any) -> Any:
        """Return the visible states after ``cd_steps`` Gibbs steps; missing ones stay missing."""
        states, step = rows, tf.cast(self.optimizer.iterations, tf.int32)
        for i in range(self.config.cd_steps):
            hidden = machine.sample_hidden(states, tf.stack([self.seed + i, step]))
            states = machine.means(machine.visible_logits(hidden)) * mask
        return states

    @property
    def _range(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    def reduce_metrics(self, means: dict[str, float]) -> dict[str, float]:
        """Return the means, and the root mean squared error as ``rmse``."""
        return {**means, "rmse": float(np.sqrt(means["loss"]))}

    def _best_blend(self, validation: Any) -> float:
        """Return the weight of the RBM with the smallest error on the validation ratings."""
        if validation is None or self.interrupted:
            return 1.0 if self.config.prior else 0.5
        x, y = check_ratings(*validation)
        own, base = self.predict(x), self.baseline.predict(*self.indices(x))
        weights = np.linspace(0, 1, 21)
        errors = [np.mean(np.square(w * own + (1 - w) * base - y)) for w in weights]
        return float(weights[int(np.argmin(errors))])

    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return the errors on ratings ``y`` of the users and items in ``x``.

        Returns:
            ``rmse`` and ``mae`` of the RBM, ``baseline_rmse`` and ``blended_rmse``, and ``blend``,
            the weight of the RBM in the blend.
        """
        if y is None:
            raise InvalidArgument("y=None must be the ratings of the users and items in x")
        x, y = check_ratings(x, y)
        own = self.predict(x)
        base = self.baseline.predict(*self.indices(x)).clip(*self._range)

        def rmse(predicted: Array) -> float:
            return float(np.sqrt(np.mean(np.square(predicted - y))))

        return {
            "rmse": rmse(own),
            "mae": float(np.mean(np.abs(own - y))),
            "baseline_rmse": rmse(base),
            "blended_rmse": rmse(self.blend * own + (1 - self.blend) * base),
            "blend": self.blend,
        }

    def score(self, *data: Any) -> float:
        """Return the negative root mean squared error."""
        return -self.evaluate(*data)["rmse"]

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Plot the distribution of the predicted ratings for each true rating."""
        from agentlab.plots.predictions import predicted_ratings

        x, y = check_ratings(x, y)
        return {"ratings": predicted_ratings(y, self.predict(x))}

    def inference_model(self) -> Any:
        """Return a Keras model from levels ``[n, units]`` to all expected ratings.

        Its input is the network's: the index of each rating in ``values``, or -1 if it is missing;
        the units are the users (or items) in their order. Its output is ``ratings``.
        """
        self.check_fitted()
        raw = keras.Input((self.levels().shape[1],), dtype="int32", name="levels")
        return keras.Model(raw, {"ratings": self.net(raw)}, name=self.name)

    def specification(self) -> dict[str, Any]:
        """Return ids, titles and the blend."""
        own = ("users", "items", "titles", "values", "blend")
        return {**super().specification(), **{name: getattr(self, name) for name in own}}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make a trainer from its ``specification``."""
        trainer = super().from_specification(specification, config, seed, models)
        trainer.users, trainer.items = list(specification["users"]), list(specification["items"])
        trainer.titles, trainer.values = dict(specification["titles"]), specification["values"]
        trainer.blend = float(specification["blend"])
        check_size(len(trainer.users), len(trainer.items))
        trainer.known = KnownRatings()
        trainer.baseline = BiasBaseline(len(trainer.users), len(trainer.items), config.penalty)
        return trainer
