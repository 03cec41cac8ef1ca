"""The code and the commands of the README run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_five_lines_train_evaluate_and_save_an_agent(tmp_path):
    code = next(block for block in blocks("python") if "make_envs" in block)
    lines = [line for line in code.splitlines() if line and not line.startswith("import")]
    assert len(lines) == 5
    # No __main__ guard, as a person would type it; fewer steps, as a test must end.
    script = tmp_path / "five_lines.py"
    script.write_text(code.replace("100_000", "2_000"))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 5
    assert (tmp_path / "my_agent" / "arrays.npz").exists()


def test_a_trained_agent_is_used_as_shown(tmp_path):
    code = next(block for block in blocks("python") if "agent.predict" in block)
    train = "import agentlab; envs = agentlab.make_envs('CartPole-v1', 2)\n"
    save = "agentlab.make_agent('random', envs).save('my_agent')\n"
    done = subprocess.run(
        [sys.executable, "-c", train + save + code], cwd=tmp_path, capture_output=True, text=True
    )
    assert float(done.stdout) > 5, done.stderr


def test_the_replay_buffer_samples_as_shown():
    code = next(block for block in blocks("python") if "ReplayBuffer" in block)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(32, 4) ")


def test_the_classifier_learns_and_is_saved_as_shown(tmp_path):
    code = next(block for block in blocks("python") if "Classifier" in block)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert float(done.stdout.split()[-1]) > 0.85
    assert (tmp_path / "my_classifier" / "net.keras").exists()


def test_the_callback_and_the_run_in_python_work_as_shown(tmp_path):
    shown = [block for block in blocks("python") if "Callback" in block or "AgentPlan" in block]
    assert len(shown) == 2
    code = "\n".join(shown)
    for long in ("100_000", "40_000", "20_000"):  # a test must end
        code = code.replace(long, f"{int(long) // 10}")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    best, mean, learning_rate = map(float, done.stdout.split()[-3:])
    assert min(best, mean) > 5 and learning_rate > 0
    assert (tmp_path / "runs" / "CartPole-v1-pg" / "learner").is_dir()


def test_the_custom_agent_shown_is_the_example_and_has_at_most_forty_lines():
    example = (ROOT / "examples" / "tabular.py").read_text()
    assert example in blocks("python")
    assert len(example.splitlines()) <= 40


def test_the_custom_agent_conforms_as_shown():
    code = next(block for block in blocks("python") if "check_agent" in block)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "examples", check=True)


def test_the_custom_agent_learns_from_the_command_line(tmp_path):
    shutil.copy(ROOT / "examples" / "tabular.py", tmp_path)
    words = "train --env FrozenLake-v1 --algo tabular:Tabular --steps 150000 --no-video"
    done = subprocess.run(
        [sys.executable, "-m", "agentlab", *words.split()],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(re.search(r"return mean ([\d.]+)", done.stdout)[1]) > 0.5


def test_every_script_and_folder_that_it_names_exists():
    for path in re.findall(r"`((?:scripts|examples|agentlab|agents|docs)/[\w/.-]*)`", README):
        found = [ROOT / path, ROOT / "agentlab" / path]
        built = path == "docs/_build"  # by make docs
        assert built or any(candidate.exists() for candidate in found), path


def test_the_test_command_of_ci_is_the_readmes():
    ci = (ROOT / ".ci" / "run").read_text()
    assert any("python -m pytest" in block for block in blocks("sh"))
    assert "\npython -m pytest\n" in ci
