"""The picture of returns."""

from pathlib import Path

import imageio.v3
import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import Run, plot_returns


def picture_of(path: Path, **columns: list[float]) -> float:
    """Plot a run with the given metrics; return how much of the picture is not white."""
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
    plain = picture_of(tmp_path, mean=[-20, -10, 5])
    std = picture_of(tmp_path, mean=[-20, -10, 5], std=[5, 5, 5])
    bounds = picture_of(tmp_path, mean=[-20, -10, 5], min=[-21, -21, -21], max=[0, 10, 20])
    assert plain < 0.1 < std < bounds


def test_episodes_that_end_late_and_a_single_point(tmp_path: Path) -> None:
    picture_of(tmp_path, mean=[float("nan"), 3.0])


def test_a_run_without_returns(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    with pytest.raises(AgentlabError, match="no returns to plot"):
        plot_returns(run.path)
    run.log(10, {"return/mean": float("nan")}, {})
    with pytest.raises(AgentlabError, match="no returns to plot"):
        plot_returns(run.path)
