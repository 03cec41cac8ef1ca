"""The images of returns and of a supervised run's history."""

from pathlib import Path

import imageio.v3
import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.plots.curves import plot_history, plot_returns
from agentlab.plots.style import figure_to_array, new_figure, plain
from agentlab.runs import Run
from agentlab.runs.episode_log import EpisodeLog


def image_of(path: Path, **columns: list[float]) -> float:
    """Plot a run with the given metrics; return how much of the image is not white."""
    run = Run.create(path, "run", {})
    for i, mean in enumerate(columns["mean"]):
        metrics = {"return/mean": mean, "episodes": 5 * i}
        metrics |= {f"return/{name}": columns[name][i] for name in columns}
        run.log(1000 * (i + 1), metrics, {"seconds": 60.0 * i + 1})
    plot = plot_returns(run.path)
    assert plot == run.path / "plots" / "returns.png"
    image = imageio.v3.imread(plot)[..., :3]
    assert image.shape[0] > 500 and image.shape[1] > 1000
    return float((image < 250).any(-1).mean())


def test_curve_and_spread(tmp_path: Path) -> None:
    plain = image_of(tmp_path, mean=[-20, -10, 5])
    std = image_of(tmp_path, mean=[-20, -10, 5], std=[5, 5, 5])
    bounds = image_of(tmp_path, mean=[-20, -10, 5], min=[-21, -21, -21], max=[0, 10, 20])
    assert plain < 0.1 < std < bounds


def test_episodes_that_end_late_and_a_single_point(tmp_path: Path) -> None:
    image_of(tmp_path, mean=[float("nan"), 3.0])


def test_every_episode_and_the_evaluations_are_drawn(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    for step in (1000, 2000, 3000):
        run.log(step, {"return/mean": 1.0}, {})
    bare = imageio.v3.imread(plot_returns(run.path))[..., :3]
    log = EpisodeLog(run.path)
    log.add(1500, list(np.linspace(-50, 50, 400)), [1] * 400)
    log.flush()
    episodes = imageio.v3.imread(plot_returns(run.path))[..., :3]
    assert (episodes < 250).any(-1).sum() > (bare < 250).any(-1).sum() + 1000
    assert not has_color(episodes, (0xD1, 0x60, 0x1F))
    run.log_evaluation(2000, {"mean_return": 20.0, "std_return": 5.0})
    (run.path / "evaluation.json").write_text('{"mean": 30.0, "std": 2.0}')
    assert has_color(imageio.v3.imread(plot_returns(run.path))[..., :3], (0xD1, 0x60, 0x1F))
    (run.path / "evaluation.json").write_text('{"mean": []}')
    with pytest.raises(AgentlabError, match=r"evaluation.json cannot be read"):
        plot_returns(run.path)


def test_a_name_with_dollars_is_not_a_formula(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    run.log(10, {"return/mean": 1.0, "train/loss": 1.0}, {})
    run.close()
    path = run.path.rename(tmp_path / r"a$\frac{$b$")
    assert plot_returns(path).exists()
    assert plot_history(path).exists()


def test_a_run_without_returns(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    with pytest.raises(AgentlabError, match="no returns to plot"):
        plot_returns(run.path)
    run.log(10, {"return/mean": float("nan")}, {})
    with pytest.raises(AgentlabError, match="no returns to plot"):
        plot_returns(run.path)


def history_of(path: Path, rows: list[dict[str, float]]) -> np.ndarray:
    """Plot a supervised run with the given metrics; return the plot."""
    run = Run.create(path, "run", {})
    for epoch, row in enumerate(rows, 1):
        run.log(epoch, row, {})
    plot = plot_history(run.path)
    assert plot == run.path / "plots" / "history.png"
    return imageio.v3.imread(plot)[..., :3]


def has_color(image: np.ndarray, rgb: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - rgb) < 8).all(-1).sum() > 100)


def test_each_metric_has_a_subplot_with_both_splits(tmp_path: Path) -> None:
    row = {"train/loss": 1.0, "validation/loss": 1.2}
    rows = [{name: value / epoch for name, value in row.items()} for epoch in (1, 2, 3)]
    one = history_of(tmp_path, rows)
    two = history_of(tmp_path, [{**row, "train/accuracy": 0.5, "grad_norm": 3.0} for row in rows])
    four = history_of(
        tmp_path, [{**row, "train/a": 1.0, "train/b": 1.0, "validation/c": 1.0} for row in rows]
    )
    assert two.shape[0] == one.shape[0] and two.shape[1] > one.shape[1]
    assert four.shape[0] > 1.8 * one.shape[0]
    assert has_color(one, (0x1F, 0x6F, 0xB4)) and has_color(one, (0xD1, 0x60, 0x1F))


def test_a_history_without_validation_data_and_with_a_single_epoch(tmp_path: Path) -> None:
    image = history_of(tmp_path, [{"train/loss": 1.0}])
    assert has_color(image, (0x1F, 0x6F, 0xB4)) and not has_color(image, (0xD1, 0x60, 0x1F))


def test_a_run_without_history(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    run.log(1, {"return/mean": 1.0, "train/loss": float("nan")}, {})
    with pytest.raises(AgentlabError, match="no history to plot"):
        plot_history(run.path)


def test_a_figure_as_an_image() -> None:
    image = figure_to_array(new_figure(3, 2))
    assert image.shape == (200, 300, 3) and image.dtype == np.uint8 and (image == 255).all()


def test_long_texts_are_shortened_in_the_middle_and_dollars_escaped() -> None:
    assert plain("a  very\nlong name", 40) == "a very long name"
    assert plain("abcdefghij", 5) == "ab…ij"
    assert plain("abcdefghij", 6) == "abc…ij"
    assert plain("from $5 to $9", 40) == r"from \$5 to \$9"
