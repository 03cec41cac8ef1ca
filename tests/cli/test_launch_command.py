"""`agentlab launch` and `--strategy`: commands that several processes cannot run together."""

FIT = "fit --csv data.csv --target y --task classification --epochs 1"


def test_commands_that_cannot_run_in_several_processes_are_refused(refused):
    refused("launch --workers 2", "launch needs a command after --")
    refused("launch --workers 2 -- train --algo pg", "a command after --, fit or")
    refused("launch --workers 2 -- fit --recipe mnist-mlp", "needs --strategy multiworker")
    refused("launch --ps 1 -- fit --strategy multiworker", "needs --strategy ps")
    refused("launch --workers 0 -- fit --strategy multiworker", "workers=0")


def test_a_strategy_that_needs_other_processes_is_refused_without_them(refused, tmp_path):
    (tmp_path / "data.csv").write_text("x,y\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(40)))
    for strategy in ("multiworker", "ps"):
        refused(f"{FIT} --strategy {strategy}", "needs the environment variable TF_CONFIG")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_folds_are_refused_with_a_strategy(refused, tmp_path):
    (tmp_path / "data.csv").write_text("x,y\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(40)))
    refused(f"{FIT} --folds 2 --strategy mirrored", "cannot be combined with folds=2")


def test_a_trainer_whose_step_cannot_be_split_is_refused(refused, tmp_path):
    (tmp_path / "a.txt").write_text("to be or not to be " * 60)
    refused("fit --text a.txt --strategy mirrored", "not supported by 'language_model'")
