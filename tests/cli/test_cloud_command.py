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
    refused(f"cloud docker -- {TRAIN}", "out='Dockerfile' already exists", "--overwrite")
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


def test_gpus_are_requested_from_every_platform(call, tmp_path):
    for platform, (flags, file) in PLATFORMS.items():
        assert call(f"cloud {platform} {flags} --gpus 2 -- {TRAIN}").code == 0
        text = (tmp_path / file).read_text()
        wanted = {
            "docker": "tensorflow[and-cuda]",
            "kubernetes": "nvidia.com/gpu: '2'",
            "vertex": "acceleratorCount: 2",
            "azure": "azureml:cluster",  # the cluster's machines decide
            "sagemaker": "ml.g5.xlarge",
        }
        assert wanted[platform] in text
