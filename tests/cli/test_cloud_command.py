"""`agentlab cloud`: files for containers and clouds, whose command may be restarted."""

import json
import shlex

import pytest
import yaml

TRAIN = "train --env CartPole-v1 --algo ppo --steps 1000"
PLATFORMS = {  # the flags that each needs, and the file that it writes
    "docker": ("", "Dockerfile"),
    "kubernetes": ("", "job.yaml"),
    "vertex": ("--storage gs://bucket", "vertex-job.yaml"),
    "azure": ("--machine cluster", "azure-job.yaml"),
    "sagemaker": ("--storage s3://bucket --role arn:aws:iam::1:role/R", "sagemaker-job.json"),
}


def command_in(platform, text):
    """Return the agentlab command line arguments in a file."""
    if platform == "docker":
        lines = text.splitlines()
        return json.loads(next(line for line in lines if line.startswith("CMD ")).split(" ", 1)[1])
    if platform == "kubernetes":
        job = [*yaml.safe_load_all(text)][1]
        return job["spec"]["template"]["spec"]["containers"][0]["args"]
    content = yaml.safe_load(text)
    if platform == "vertex":
        return content["workerPoolSpecs"][0]["containerSpec"]["args"]
    if platform == "azure":
        return shlex.split(content["command"])[1:]
    return content["AlgorithmSpecification"]["ContainerArguments"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_command_is_the_users_and_can_be_restarted(call, tmp_path, platform):
    flags, file = PLATFORMS[platform]
    result = call(f"cloud {platform} {flags} -- {TRAIN}")
    assert result.code == 0 and file in result.out
    words = command_in(platform, (tmp_path / file).read_text())
    assert words[:7] == TRAIN.split()
    assert words[7:10] == ["--name", "cartpole-v1-ppo", "--runs-dir"]
    assert words[-1] == "--resume-or-start"


def test_arguments_with_spaces_quotes_and_dollars_are_passed_unchanged(call, tmp_path):
    awkward = ["fit", "--csv", "my data.csv", "--target", 'a"b', "--name", "x$(HOME)y"]
    for platform, (flags, file) in PLATFORMS.items():
        assert call(["cloud", platform, *flags.split(), "--", *awkward]).code == 0
        words = command_in(platform, (tmp_path / file).read_text())
        expected = [w.replace("$(", "$$(") if platform == "kubernetes" else w for w in awkward]
        assert words[:7] == expected


def test_a_file_is_overwritten_only_on_request(call, refused, tmp_path):
    (tmp_path / "Dockerfile").write_text("mine")
    refused(f"cloud docker -- {TRAIN}", "--out 'Dockerfile' exists", "--overwrite")
    assert (tmp_path / "Dockerfile").read_text() == "mine"
    assert call(f"cloud docker --overwrite --out Dockerfile -- {TRAIN}").code == 0


def test_missing_options_of_a_platform_are_named(refused):
    refused(f"cloud mars -- {TRAIN}", "PLATFORM='mars'", "docker, kubernetes, vertex")
    refused(f"cloud vertex -- {TRAIN}", "--storage is missing", "gs://BUCKET")
    refused(f"cloud azure -- {TRAIN}", "--machine is missing")
    refused(f"cloud sagemaker --storage s3://b -- {TRAIN}", "--role is missing")
    refused(f"cloud sagemaker --storage b --role r -- {TRAIN}", "storage='b' must be an S3")


def test_a_command_that_cannot_be_restarted_is_refused(refused):
    refused("cloud docker", "cloud needs a command after --")
    refused("cloud docker -- play runs/x", "one of train, fit")
    refused("cloud docker -- train --resume runs/x", "leave out --resume")
    refused(f"cloud docker -- {TRAIN} --seeds 3", "leave out --seeds")


def test_gpus_are_requested(call, tmp_path):
    wanted = {
        "docker": "tensorflow[and-cuda]",
        "kubernetes": "nvidia.com/gpu: '4'",
        "vertex": "acceleratorCount: 4",
        "sagemaker": "ml.g5.12xlarge",
    }
    for platform, text in wanted.items():
        flags, file = PLATFORMS[platform]
        assert call(f"cloud {platform} {flags} --gpus 4 -- {TRAIN}").code == 0
        assert text in (tmp_path / file).read_text()


def test_every_submission_to_sagemaker_has_a_new_name(call):
    flags, _ = PLATFORMS["sagemaker"]
    shown = call(f"cloud sagemaker {flags} -- {TRAIN}").out
    assert "--training-job-name cartpole-v1-ppo-$(date +%s)" in shown


@pytest.mark.parametrize(
    ("platform", "flags", "part"),
    [
        ("docker", "--cpus 8", "cpus=8 has no effect on docker; the options there are --image"),
        ("docker", "--memory 8", "memory=8 has no effect on docker"),
        ("kubernetes", "--machine m", "machine='m' has no effect on kubernetes"),
        ("vertex", "--memory 8", "memory=8 has no effect on vertex: --machine determines it"),
        ("vertex", "--cpus 6", "cpus=6 must be one of 4, 8, 16, 32, 64, 96"),
        ("vertex", "--gpus 3", "gpus=3 must be one of 1, 2, 4 with 4 CPU cores"),
        ("vertex", "--gpus 1 --cpus 96", "gpus=1 must be one of 4 with 96 CPU cores"),
        ("vertex", "--machine n2-standard-4 --gpus 1", "machine='n2-standard-4' has no GPUs"),
        ("vertex", "--machine n1-standard-4 --cpus 8", "no effect with machine='n1-standard-4'"),
        ("azure", "--cpus 8", "cpus=8 has no effect on azure: --machine determines it"),
        ("azure", "--gpus 2", "gpus=2 has no effect on azure"),
        ("sagemaker", "--cpus 8", "cpus=8 has no effect on sagemaker: --machine determines it"),
        ("sagemaker", "--memory 64", "memory=64 has no effect on sagemaker"),
        ("sagemaker", "--gpus 2", "gpus=2 must be one of 0, 1, 4, 8"),
        ("sagemaker", "--machine ml.g5.xlarge --gpus 1", "has no effect with machine="),
        ("sagemaker", "--extras mujoco", "extras=('mujoco',) has no effect on sagemaker"),
    ],
)
def test_options_that_a_platform_does_not_have_are_refused(refused, platform, flags, part):
    refused(f"cloud {platform} {PLATFORMS[platform][0]} {flags} -- {TRAIN}", part)
