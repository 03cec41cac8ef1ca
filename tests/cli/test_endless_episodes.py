"""Commands in environments whose episodes need not end."""

import json
from pathlib import Path

WALK = "train --env CliffWalking-v1 --algo random --steps 40 --n-envs 2"


def test_a_run_that_never_ends_an_episode_is_evaluated_recorded_and_played(call):
    result = call(f"{WALK} --eval-episodes 3 --eval-steps 30 --name walk")
    assert result.code == 0, result.err
    assert "3 of 3 episodes did not end and were truncated after 30 steps" in result.out
    written = json.loads(Path("runs/walk/evaluation.json").read_text())
    assert (written["cut"], written["lengths"]) == (3, [30, 30, 30])
    assert Path("runs/walk/videos/episode.mp4").stat().st_size > 1000
    played = call("play runs/walk --episodes 1")
    assert "length 30  cut by --eval-steps" in played.out
    assert "length 20  cut" in call("play runs/walk --episodes 1 --eval-steps 20").out
    resumed = call("train --resume runs/walk --eval-steps 25")
    assert "truncated after 25 steps" in resumed.out
