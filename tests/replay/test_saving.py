"""A replay that is saved and loaded goes on as if nothing had happened, and writes little."""

import json
import os
import shutil

import numpy as np
import pytest
from gymnasium import spaces

from agentlab.errors import AgentlabError
from agentlab.replay import ReplayBuffer
from tests.replay.worlds import ACTIONS, World, assert_equal_batches


def make(world, capacity=260, **options):
    options = {"frame_stack": world.stack, "n_step": 2, "gamma": 0.9, **options}
    return ReplayBuffer(world.observation_space, ACTIONS, capacity, world.n, **options)


def fill(replay, world, rows):
    for _ in range(rows):
        replay.add(world.step())


def inodes(folder):
    return {file.name: file.stat().st_ino for file in folder.glob("segment-*.npz")}


@pytest.mark.parametrize("rows", [0, 1, 50, 130, 300])
@pytest.mark.parametrize("alpha", [None, 0.6])
@pytest.mark.parametrize("compress", [False, True])
def test_a_loaded_buffer_behaves_like_the_saved_one_bit_for_bit(rows, alpha, compress, tmp_path):
    world = World(n=2, stack=3)
    one, other = (make(world, alpha=alpha, compress=compress) for _ in range(2))
    fill(one, world, rows)
    if alpha is not None and len(one):
        one.update_priorities(one.sample(9, world.rng).indices, world.rng.random(9) * 3)
    one.save(tmp_path)
    fill(other, world, 7)  # what it held before is gone
    other.load(tmp_path)
    assert len(one) == len(other)
    for i in range(140):  # more than there are rows
        if i % 50 == 0:
            one.cut()
            other.cut()
            world.reset()
        step = world.step()
        one.add(step)
        other.add(step)
        if len(one):
            mine, its = (r.sample(9, np.random.default_rng(i)) for r in (one, other))
            assert_equal_batches(mine, its)
            if alpha is not None:
                priorities = np.random.default_rng(i).random(9) + 0.1
                one.update_priorities(mine.indices, priorities)
                other.update_priorities(its.indices, priorities)
    assert one.nbytes == other.nbytes


def test_saving_changes_nothing(tmp_path):
    world = World()
    replay = make(world, alpha=0.5)
    fill(replay, world, 100)
    before = replay.sample(20, np.random.default_rng(0))
    replay.save(tmp_path)
    assert_equal_batches(before, replay.sample(20, np.random.default_rng(0)))


def test_nested_observations_are_saved_too(tmp_path):
    space = spaces.Dict({"x": spaces.Discrete(9), "y": spaces.Box(0, 1, (2,))})
    world = World(n=2, stack=1, risk=0.3)

    def nested(array):
        return {"x": array[:, 0, 0, 0] % 9, "y": array[:, 0, :, 0] / 256}

    one, other = (ReplayBuffer(space, ACTIONS, 60, 2) for _ in range(2))
    for _ in range(40):
        step = world.step()
        for name in ("observations", "next_observations", "final_observations"):
            setattr(step, name, nested(getattr(step, name)))
        one.add(step)
    one.save(tmp_path)
    other.load(tmp_path)
    mine, its = (r.sample(90, np.random.default_rng(0)) for r in (one, other))
    for name in ("observations", "next_observations"):
        for key in space:
            np.testing.assert_array_equal(getattr(mine, name)[key], getattr(its, name)[key])


@pytest.mark.parametrize("compress", [False, True])
def test_only_changed_segments_are_written_again(compress, tmp_path):
    world = World()
    replay = make(world, compress=compress)  # 130 rows: 44 segments of 3 rows, the last of 1
    fill(replay, world, 140)
    replay.save(tmp_path / "1")
    fill(replay, world, 2)  # rows 10 and 11 of the ring: segment 3
    replay.save(tmp_path / "2")
    fill(replay, world, 3)  # rows 12 to 14: segment 4
    replay.save(tmp_path / "3")
    first, second, third = (inodes(tmp_path / name) for name in "123")
    assert len(first) == len(second) == len(third) == 44
    changed = {name for name in first if first[name] != third[name]}
    assert changed == {"segment-03.npz", "segment-04.npz"}
    assert not set(first.values()) & set(second.values())


def test_two_saves_in_a_row_share_no_file_that_could_damage_both(tmp_path):
    world = World()
    replay, other = make(world), make(world)
    fill(replay, world, 140)
    for number in range(5):
        replay.save(tmp_path / str(number))
        fill(replay, world, 1)
    replay.save(tmp_path / "5")
    spoiled = tmp_path / "5" / "segment-20.npz"
    spoiled.write_bytes(spoiled.read_bytes()[:-100])
    with pytest.raises(AgentlabError, match="no readable replay buffer"):
        other.load(tmp_path / "5")
    other.load(tmp_path / "4")


def test_only_rows_in_use_are_written(tmp_path):
    world = World()
    replay = make(world)
    fill(replay, world, 7)
    replay.save(tmp_path)
    assert sorted(inodes(tmp_path)) == [f"segment-{i:02d}.npz" for i in range(3)]
    with np.load(tmp_path / "segment-02.npz") as arrays:
        assert arrays["rewards"].shape == (1, 2)


def test_links_are_made_after_the_folder_was_renamed(tmp_path):
    world = World()
    replay = make(world)
    fill(replay, world, 30)
    replay.save(tmp_path / ".tmp" / "replay")
    (tmp_path / ".tmp").rename(tmp_path / "whole")
    replay.save(tmp_path / "between")
    replay.save(tmp_path / "next")
    assert inodes(tmp_path / "whole" / "replay") == inodes(tmp_path / "next")


def test_a_loaded_buffer_links_to_the_files_it_was_loaded_from(tmp_path):
    world = World()
    one, other = make(world), make(world)
    fill(one, world, 30)
    one.save(tmp_path / "1")
    other.load(tmp_path / "1")
    other.add(world.step())  # row 30, which begins segment 10
    other.save(tmp_path / "between")
    other.save(tmp_path / "2")
    first, second = inodes(tmp_path / "1"), inodes(tmp_path / "2")
    assert all(second[name] == inode for name, inode in first.items())
    assert second.keys() - first.keys() == {"segment-10.npz"}


def test_a_cut_is_a_change(tmp_path):
    world = World(risk=0.0)
    one, other = make(world), make(world)
    fill(one, world, 30)
    one.save(tmp_path / "1")
    one.cut()
    one.save(tmp_path / "2")
    other.load(tmp_path / "2")
    world.reset()
    for _ in range(5):
        step = world.step()
        one.add(step)
        other.add(step)
    mine, its = (replay.sample(99, np.random.default_rng(0)) for replay in (one, other))
    assert_equal_batches(mine, its)
    assert set(np.round(mine.discounts, 4)) == {np.float32(0.9), np.float32(0.81)}


def test_files_of_an_older_save_are_never_changed(tmp_path):
    world = World()
    replay, other = make(world), make(world)
    fill(replay, world, 30)
    replay.save(tmp_path / "1")
    expected = replay.sample(50, np.random.default_rng(0))
    replay.save(tmp_path / "2")
    fill(replay, world, 200)
    replay.save(tmp_path / "2")  # over the links
    replay.save(tmp_path / "2")
    other.load(tmp_path / "1")
    assert_equal_batches(other.sample(50, np.random.default_rng(0)), expected)
    other.load(tmp_path / "2")
    assert_equal_batches(*(r.sample(50, np.random.default_rng(0)) for r in (replay, other)))


@pytest.mark.parametrize("fate", ["gone", "overwritten"])
def test_all_is_written_again_if_the_last_files_are_gone(fate, tmp_path):
    world = World()
    replay, foreign, other = make(world), make(world), make(world)
    fill(replay, world, 30)
    replay.save(tmp_path / "1")
    if fate == "gone":
        shutil.rmtree(tmp_path / "1")
    else:
        fill(foreign, world, 30)
        foreign.save(tmp_path / "1")
    replay.save(tmp_path / "between")
    replay.save(tmp_path / "2")
    other.load(tmp_path / "2")
    assert_equal_batches(*(r.sample(50, np.random.default_rng(0)) for r in (replay, other)))


def test_saving_works_on_a_disk_without_links(tmp_path, monkeypatch):
    world = World()
    replay, other = make(world), make(world)
    fill(replay, world, 30)
    replay.save(tmp_path / "1")

    def refuse(*args, **kwargs):
        raise OSError("no links here")

    replay.save(tmp_path / "between")
    monkeypatch.setattr(os, "link", refuse)
    replay.save(tmp_path / "2")
    other.load(tmp_path / "2")
    assert_equal_batches(*(r.sample(50, np.random.default_rng(0)) for r in (replay, other)))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts what Linux lists")
def test_saving_leaves_nothing_open(tmp_path):
    world = World()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        replay = make(world)
        fill(replay, world, 30)
        for i in range(5):
            replay.save(tmp_path / str(i))
        assert len(os.listdir("/proc/self/fd")) == before + 2
        del replay
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 400}, "its rows is 130, not 200"),
        ({"n_step": 3}, "its n_step is 2, not 3"),
        ({"gamma": 0.5}, "its gamma is 0.9, not 0.5"),
        ({"alpha": 0.5}, "its alpha is None, not 0.5"),
        ({"compress": True}, "its compress is False, not True"),
    ],
)
def test_files_of_another_buffer_are_refused(options, message, tmp_path):
    world = World()
    replay = make(world)
    fill(replay, world, 30)
    replay.save(tmp_path)
    with pytest.raises(AgentlabError, match=message):
        make(world, **options).load(tmp_path)


def test_frames_of_another_shape_are_refused(tmp_path):
    replay = make(World(side=2))
    replay.save(tmp_path)
    with pytest.raises(AgentlabError, match="holds another replay buffer: its observations"):
        make(World(side=3)).load(tmp_path)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", ["segment-02.npz", "extra.npz", "replay.json"])
@pytest.mark.parametrize("harm", ["missing", "short", "altered", "foreign"])
def test_damaged_files_are_refused_and_leave_the_buffer_empty(name, harm, compress, tmp_path):
    world = World()
    replay = make(world, compress=compress, alpha=0.5)
    fill(replay, world, 130)
    replay.save(tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    path.unlink()
    if harm == "short":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "altered":
        # A byte of the first array, behind its header of 128; or of JSON's first name.
        middle = content.index(b"\x93NUMPY") + 128 if name.endswith("npz") else 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    elif harm == "foreign":
        if name.endswith("npz"):
            with path.open("wb") as file:
                np.savez(file, rewards=np.zeros(3))
        else:
            path.write_text("[]")
    with pytest.raises(
        AgentlabError, match=r"no readable replay buffer|is damaged|no replay\.json"
    ) as e:
        replay.load(tmp_path)
    assert "\n" not in str(e.value)
    if name != "replay.json":  # which is read before anything is touched
        assert len(replay) == 0
    fill(replay, world, 20)
    replay.sample(5, np.random.default_rng(0))
    replay.save(tmp_path / "again")


def test_no_code_in_the_files_is_run(tmp_path):
    world = World()
    replay = make(world)
    fill(replay, world, 30)
    replay.save(tmp_path)
    with np.load(tmp_path / "segment-00.npz") as arrays:
        content = dict(arrays)
    content["rewards"] = content["rewards"].astype(object)
    with (tmp_path / "segment-00.npz").open("wb") as file:
        np.savez(file, **content)
    with pytest.raises(AgentlabError, match="no readable replay"):
        replay.load(tmp_path)


def test_a_negative_count_is_refused(tmp_path):
    replay = make(World())
    replay.save(tmp_path)
    described = json.loads((tmp_path / "replay.json").read_text())
    (tmp_path / "replay.json").write_text(json.dumps({**described, "count": -1}))
    with pytest.raises(AgentlabError, match="damaged"):
        replay.load(tmp_path)
