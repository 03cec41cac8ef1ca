import agentlab
from agentlab.envs import Preprocessing


def test_a_mask_that_nobody_reads_is_reported_once(capsys):
    for _ in range(2):
        with agentlab.make_envs("Taxi-v4", 2) as envs:
            envs.reset(seed=0)
    said = capsys.readouterr().err
    assert said.count("env='Taxi-v4': info['action_mask'] is not used") == 1
    assert "--action-masks" in said and len(said.splitlines()) == 1


def test_a_mask_that_is_used_is_not_reported(capsys):
    with agentlab.make_envs("Taxi-v4", 1, preprocessing=Preprocessing(action_masks=True)) as envs:
        envs.reset(seed=0)
    assert capsys.readouterr().err == ""
