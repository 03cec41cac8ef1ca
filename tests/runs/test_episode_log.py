"""One row for each episode, equal in equal runs, even if they are interrupted."""

from pathlib import Path

import numpy as np
import pytest

import agentlab
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.episode_log import EpisodeLog, read_episodes


def trained(folder, name, parts):
    run = Run.create(folder, name, {})
    run.close()
    for steps in parts:
        with agentlab.make_envs("CartPole-v1", 3) as envs, Run.open(run.path) as opened:
            agent = agentlab.make_agent("random", envs, 1)
            agentlab.train(
                agent, envs, steps, run=opened, seed=1, log_every=100,
                checkpoint_every=70 if len(parts) > 1 else 1000, quiet=True,
            )  # fmt: skip
    return run.path


def test_an_interrupted_run_has_the_same_episodes(tmp_path):
    whole, parts = trained(tmp_path, "whole", [600]), trained(tmp_path, "parts", [150, 300, 600])
    assert (whole / "episodes.csv").read_bytes() == (parts / "episodes.csv").read_bytes()
    rows = read_episodes(whole)
    assert len(rows) > 10
    assert (rows[:, 1] == rows[:, 2]).all()  # the reward of CartPole is 1 per step
    assert (np.diff(rows[:, 0]) >= 0).all() and rows[-1, 0] <= 600


def test_rows_after_a_checkpoint_are_discarded(tmp_path):
    log = EpisodeLog(tmp_path)
    log.add(4, [1.0], [2])
    size = log.flush()
    log.add(8, [2.5], [3])
    assert log.flush() > size
    log.add(9, [2.5], [3])
    log.rewind(size)
    log.flush()
    assert read_episodes(tmp_path).tolist() == [[4, 1, 2]]
    log.rewind(0)
    assert not log.path.exists()
    assert read_episodes(tmp_path).shape == (0, 3)


def test_half_a_row_is_left_out_and_nonsense_refused(tmp_path):
    path = tmp_path / "episodes.csv"
    path.write_text("step,return,length\n1,2.0,3\n4,5")
    assert read_episodes(tmp_path).tolist() == [[1, 2, 3]]
    for text in ("step,return,length\na,b,c\n", "a\n1\n2\n"):
        path.write_text(text)
        with pytest.raises(AgentlabError, match="cannot be read"):
            read_episodes(tmp_path)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("precious")
    Path(tmp_path / "episodes.csv").symlink_to(tmp_path / "mine")
    log = EpisodeLog(tmp_path)
    log.add(1, [1.0], [1])
    with pytest.raises(AgentlabError, match="it is a link"):
        log.flush()
    assert (tmp_path / "mine").read_text() == "precious"
