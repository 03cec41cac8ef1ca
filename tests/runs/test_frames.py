"""Images that a run logs over time, and their animation."""

import imageio.v2
import numpy as np

from agentlab.runs import Run
from agentlab.runs.frames import animate, log_frame


def test_frames_become_an_animation_in_the_order_of_their_steps(tmp_path):
    with Run.create(tmp_path, "run", {}) as run:
        for step in (10, 2, 1):
            log_frame(run, "samples", step, np.full((20, 30, 3), 20 * step, np.uint8))
        log_frame(run, "once", 1, np.zeros((4, 4, 3), np.uint8))
        log_frame(run, "samples", 2, np.full((20, 30, 3), 100, np.uint8))  # after a resume
    written = animate(run.path)
    assert [path.name for path in written] == ["samples.gif"]  # one frame is no animation
    frames = imageio.v2.mimread(written[0])
    shades = [int(np.asarray(frame)[0, 0].max()) for frame in frames]
    assert len(shades) == 3 and shades == sorted(shades)
    assert abs(shades[1] - 100) < 8
    assert animate(tmp_path) == []
