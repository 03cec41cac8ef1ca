"""A Dockerfile, and job files for Kubernetes, Vertex AI, Azure ML and SageMaker.

The fields follow the platforms' references: docs.docker.com/reference/dockerfile, Kubernetes'
``batch/v1`` Job, Vertex AI's ``CustomJobSpec``, Azure ML's command job schema and SageMaker's
``CreateTrainingJob``.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentlab.deploy.cloud.job import Job
from agentlab.errors import AgentlabError
from agentlab.lazy import LazyModule

yaml: Any = LazyModule("yaml")
RUNS = "/runs"  # the runs folder in containers
GRACE = 120  # seconds between SIGTERM and SIGKILL, for the last checkpoint
DAYS = 5  # time limit of a cloud job
VERTEX_GPU = "NVIDIA_TESLA_T4"


@dataclass(frozen=True)
class Platform:
    """How to write and submit a job for a platform.

    Attributes:
        file: name of the file.
        write: returns its content.
        submit: command line that uses the file, with ``{file}``, ``{name}`` and ``{image}``.
    """

    file: str
    write: Callable[[Job], str]
    submit: str


def dockerfile(job: Job) -> str:
    """Return a Dockerfile that installs agentlab from its source folder."""
    extras = f"[{','.join(job.extras)}]" if job.extras else ""
    packages = [f'".{extras}"', *(['"tensorflow[and-cuda]==2.21.*"'] if job.gpus else [])]
    return f"""# Build in agentlab's source folder. Mount a volume at {RUNS} to keep the runs.
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1
WORKDIR /agentlab
COPY . .
RUN python -m pip install --no-cache-dir {" ".join(packages)} \\
    && useradd --create-home agentlab \\
    && mkdir {RUNS} \\
    && chown agentlab {RUNS}

USER agentlab
WORKDIR /home/agentlab
VOLUME ["{RUNS}"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["agentlab"]
CMD {json.dumps(job.words(RUNS))}
"""


def kubernetes(job: Job) -> str:
    """Return a Job and a PersistentVolumeClaim for its runs."""
    claim = job.storage or "agentlab-runs"
    resources: dict[str, Any] = {
        "requests": {"cpu": str(job.cpus), "memory": f"{job.memory}Gi"},
        "limits": {"memory": f"{job.memory}Gi"},
    }
    if job.gpus:
        resources["limits"]["nvidia.com/gpu"] = str(job.gpus)
    labels = {"app.kubernetes.io/name": "agentlab", "app.kubernetes.io/instance": job.name}
    container = {
        "name": "agentlab",
        "image": job.image,
        "args": [word.replace("$(", "$$(") for word in job.words(RUNS)],  # escapes variables
        "resources": resources,
        "volumeMounts": [{"name": "runs", "mountPath": RUNS}],
    }
    pod = {
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": GRACE,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
        "containers": [container],
        "volumes": [{"name": "runs", "persistentVolumeClaim": {"claimName": claim}}],
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "20Gi"}},
        },
    }
    described = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job.name, "labels": labels},
        "spec": {
            "backoffLimit": 100,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    text: str = yaml.safe_dump_all([volume, described], sort_keys=False)
    return text


def vertex(job: Job) -> str:
    """Return a ``CustomJobSpec``; the runs are written to a bucket, mounted under /gcs."""
    bucket = job.required("storage", "gs://BUCKET").removeprefix("gs://").strip("/")
    machine: dict[str, Any] = {"machineType": job.machine or f"n1-standard-{job.cpus}"}
    if job.gpus:
        machine |= {"acceleratorType": VERTEX_GPU, "acceleratorCount": job.gpus}
    pool = {
        "machineSpec": machine,
        "replicaCount": 1,
        "diskSpec": {"bootDiskType": "pd-ssd", "bootDiskSizeGb": 100},
        "containerSpec": {"imageUri": job.image, "args": job.words(f"/gcs/{bucket}/runs")},
    }
    described = {
        "workerPoolSpecs": [pool],
        "scheduling": {"timeout": f"{DAYS * 86_400}s", "restartJobOnWorkerRestart": True},
        "baseOutputDirectory": {"outputUriPrefix": f"gs://{bucket}/{job.name}"},
    }
    text: str = yaml.safe_dump(described, sort_keys=False)
    return text


def azure(job: Job) -> str:
    """Return a command job; the runs are written to a datastore of the workspace."""
    words = job.words("RUNS")
    if any("${{" in word for word in words):
        raise AgentlabError("the command must not contain ${{, which starts an Azure ML expression")
    words[words.index("RUNS")] = "${{outputs.runs}}"  # must not be quoted
    command = " ".join(word if word.startswith("${{") else shlex.quote(word) for word in words)
    store = (job.storage or "azureml://datastores/workspaceblobstore/paths/agentlab").rstrip("/")
    described = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json",
        "type": "command",
        "display_name": job.name,
        "experiment_name": "agentlab",
        "command": f"agentlab {command}",
        "environment": {"image": job.image},
        "compute": f"azureml:{job.required('machine', 'CLUSTER').removeprefix('azureml:')}",
        "resources": {"instance_count": 1},
        "outputs": {"runs": {"type": "uri_folder", "mode": "rw_mount", "path": f"{store}/runs"}},
        "limits": {"timeout": DAYS * 86_400},
    }
    text: str = yaml.safe_dump(described, sort_keys=False, width=1_000)
    return text


def sagemaker(job: Job) -> str:
    """Return the input of ``CreateTrainingJob``; the runs are synced as its checkpoints."""
    bucket = job.required("storage", "s3://BUCKET").rstrip("/")
    if not bucket.startswith("s3://"):
        raise AgentlabError(f"storage={bucket!r} must be an S3 URI such as s3://BUCKET")
    local, seconds = "/opt/ml/checkpoints", DAYS * 86_400
    described = {
        "TrainingJobName": job.name,
        "AlgorithmSpecification": {
            "TrainingImage": job.image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["agentlab"],
            "ContainerArguments": job.words(local),
        },
        "RoleArn": job.required("role", "arn:aws:iam::123456789012:role/SageMaker"),
        "OutputDataConfig": {"S3OutputPath": f"{bucket}/output"},
        "ResourceConfig": {
            "InstanceType": job.machine or ("ml.g5.xlarge" if job.gpus else "ml.m5.xlarge"),
            "InstanceCount": 1,
            "VolumeSizeInGB": 50,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds, "MaxWaitTimeInSeconds": seconds},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"{bucket}/runs/{job.name}", "LocalPath": local},
        "RetryStrategy": {"MaximumRetryAttempts": 30},
    }
    return json.dumps(described, indent=2) + "\n"


PLATFORMS = {
    "docker": Platform(
        "Dockerfile", dockerfile, "docker build --file {file} --tag {image} AGENTLAB_FOLDER"
    ),
    "kubernetes": Platform("job.yaml", kubernetes, "kubectl apply --filename {file}"),
    "vertex": Platform(
        "vertex-job.yaml",
        vertex,
        "gcloud ai custom-jobs create --region REGION --display-name {name} --config {file}",
    ),
    "azure": Platform("azure-job.yaml", azure, "az ml job create --file {file}"),
    "sagemaker": Platform(
        "sagemaker-job.json",
        sagemaker,
        "aws sagemaker create-training-job --cli-input-json file://{file}",
    ),
}
