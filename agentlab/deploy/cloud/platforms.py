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
USER = 1000  # the user in containers; numeric, so that Kubernetes can verify that it is not root
GRACE = 120  # seconds between SIGTERM and SIGKILL, for the last checkpoint
CPUS, MEMORY = 4, 16  # defaults: cores, and GiB
DAYS = 5  # time limit of a cloud job
N1_CPUS = (4, 8, 16, 32, 64, 96)  # of Vertex AI's n1-standard machines
N1_T4 = {4: (1, 2, 4), 8: (1, 2, 4), 16: (1, 2, 4), 32: (2, 4), 64: (4,), 96: (4,)}  # GPUs
VERTEX_GPUS = {  # by the prefix of the machine type; others have none
    "n1-": "NVIDIA_TESLA_T4",
    "g2-": "NVIDIA_L4",
    "a2-high": "NVIDIA_TESLA_A100",
    "a2-mega": "NVIDIA_TESLA_A100",
    "a2-ultra": "NVIDIA_A100_80GB",
    "a3-high": "NVIDIA_H100_80GB",
}
SAGEMAKER_MACHINES = {  # by the number of GPUs
    0: "ml.m5.xlarge",
    1: "ml.g5.xlarge",
    4: "ml.g5.12xlarge",
    8: "ml.g5.48xlarge",
}


@dataclass(frozen=True)
class Platform:
    """How to write and submit a job for a platform.

    Attributes:
        name: as on the command line.
        file: name of the file.
        content: returns its content.
        takes: the fields of a job that affect it, besides the command and the name.
        submit: command line that uses the file, with ``{file}``, ``{name}`` and ``{image}``.
    """

    name: str
    file: str
    content: Callable[[Job], str]
    takes: tuple[str, ...]
    submit: str

    def write(self, job: Job) -> str:
        """Return the content of the file.

        Raises:
            AgentlabError: for a job without a required field, or with one that has no effect.
        """
        job.check(self.name, self.takes)
        return self.content(job)


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
    && useradd --create-home --uid {USER} agentlab \\
    && mkdir {RUNS} \\
    && chown {USER} {RUNS}

USER {USER}
WORKDIR /home/agentlab
VOLUME ["{RUNS}"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["agentlab"]
CMD {json.dumps(job.words(RUNS))}
"""


def kubernetes(job: Job) -> str:
    """Return a Job and a PersistentVolumeClaim for its runs."""
    claim = job.storage or "agentlab-runs"
    memory = f"{job.memory or MEMORY}Gi"
    resources: dict[str, Any] = {
        "requests": {"cpu": str(job.cpus or CPUS), "memory": memory},
        "limits": {"memory": memory},
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
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER},
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
    pool = {
        "machineSpec": _vertex_machine(job),
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


def _vertex_machine(job: Job) -> dict[str, Any]:
    """Return a ``MachineSpec``."""
    if job.machine is not None and job.cpus is not None:
        raise AgentlabError(f"cpus={job.cpus} has no effect with machine={job.machine!r}")
    cpus = job.cpus or CPUS
    if cpus not in N1_CPUS:
        valid = ", ".join(map(str, N1_CPUS))
        raise AgentlabError(
            f"cpus={cpus} must be one of {valid}, the sizes of n1-standard machines; for other "
            "machines, pass --machine"
        )
    kind = job.machine or f"n1-standard-{cpus}"
    if not job.gpus:
        return {"machineType": kind}
    gpu = next((gpu for start, gpu in VERTEX_GPUS.items() if kind.startswith(start)), None)
    if gpu is None:
        raise AgentlabError(
            f"machine={kind!r} has no GPUs: pass one that begins with {', '.join(VERTEX_GPUS)}, "
            "or omit --machine for NVIDIA T4"
        )
    if job.machine is None and job.gpus not in N1_T4[cpus]:
        valid = ", ".join(map(str, N1_T4[cpus]))
        raise AgentlabError(f"gpus={job.gpus} must be one of {valid} with {cpus} CPU cores")
    return {"machineType": kind, "acceleratorType": gpu, "acceleratorCount": job.gpus}


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
            "InstanceType": _sagemaker_machine(job),
            "InstanceCount": 1,
            "VolumeSizeInGB": 50,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds, "MaxWaitTimeInSeconds": seconds},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"{bucket}/runs/{job.name}", "LocalPath": local},
        "RetryStrategy": {"MaximumRetryAttempts": 30},
    }
    return json.dumps(described, indent=2) + "\n"


def _sagemaker_machine(job: Job) -> str:
    """Return an instance type."""
    if job.machine is not None:
        if job.gpus:
            raise AgentlabError(f"gpus={job.gpus} has no effect with machine={job.machine!r}")
        return job.machine
    if job.gpus not in SAGEMAKER_MACHINES:
        valid = ", ".join(map(str, SAGEMAKER_MACHINES))
        raise AgentlabError(
            f"gpus={job.gpus} must be one of {valid}; for other machines, pass --machine"
        )
    return SAGEMAKER_MACHINES[job.gpus]


_ALL = (
    Platform(
        "docker",
        "Dockerfile",
        dockerfile,
        ("image", "gpus", "extras"),
        "docker build --file {file} --tag {image} AGENTLAB_FOLDER",
    ),
    Platform(
        "kubernetes",
        "job.yaml",
        kubernetes,
        ("image", "cpus", "memory", "gpus", "storage"),
        "kubectl apply --filename {file}",
    ),
    Platform(
        "vertex",
        "vertex-job.yaml",
        vertex,
        ("image", "cpus", "gpus", "storage", "machine"),
        "gcloud ai custom-jobs create --region REGION --display-name {name} --config {file}",
    ),
    Platform(
        "azure",
        "azure-job.yaml",
        azure,
        ("image", "storage", "machine"),
        "az ml job create --file {file}",
    ),
    Platform(
        "sagemaker",
        "sagemaker-job.json",
        sagemaker,
        ("image", "gpus", "storage", "machine", "role"),
        # The name of each submission must be new; the runs folder, which it resumes, stays.
        "aws sagemaker create-training-job --cli-input-json file://{file} "
        "--training-job-name {name}-$(date +%s)",
    ),
)
PLATFORMS = {platform.name: platform for platform in _ALL}
