"""``agentlab cloud``: write a Dockerfile or a job file to train in a container or the cloud."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.cli.report import show
from agentlab.config import Options, option
from agentlab.deploy.cloud import PLATFORMS, Job
from agentlab.deploy.cloud.job import job_name
from agentlab.deploy.cloud.platforms import CPUS, MEMORY
from agentlab.errors import AgentlabError
from agentlab.experiments.plan import fill
from agentlab.runs.files import reporting, write_text
from agentlab.runs.permission import check_output

DESCRIPTION = """Write a file that runs an agentlab command on PLATFORM: docker, kubernetes,
vertex (Google), azure or sagemaker (Amazon). The command follows --:

  agentlab cloud docker -- train --env CartPole --algo ppo

The platform may preempt and restart the job: SIGTERM saves a checkpoint, and the restarted command
resumes the run (--resume-or-start)."""


@dataclass(frozen=True)
class CloudOptions(Options):
    """Options of the job."""

    out: str | None = option(None, "file to write; none for the platform's default name")
    overwrite: bool = option(False, "replace the file if it exists")
    name: str | None = option(
        None, "name of the job and of the run; none to derive it from the command"
    )
    image: str = option("agentlab:latest", "container image, built from the Dockerfile")
    cpus: int | None = option(
        None, f"CPU cores (kubernetes, vertex); none for {CPUS}", ge=1, le=1_024
    )
    memory: int | None = option(
        None, f"memory in GiB (kubernetes); none for {MEMORY}", ge=1, le=100_000
    )
    gpus: int = option(0, "number of GPUs; on azure, set by the compute cluster", ge=0, le=64)
    storage: str | None = option(
        None,
        "where runs are stored: a volume claim (kubernetes), gs://BUCKET (vertex), an azureml:// "
        "path (azure) or s3://BUCKET (sagemaker)",
    )
    machine: str | None = option(
        None, "machine type (vertex, sagemaker) or name of the compute cluster (azure)"
    )
    role: str | None = option(None, "ARN of the IAM role of the job (sagemaker)")
    extras: tuple[str, ...] = option((), "extras of agentlab to install, such as mujoco (docker)")


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("cloud"), DESCRIPTION, words="PLATFORM [flags] -- COMMAND")
    parser.add_argument("platform", nargs="?", help=", ".join(PLATFORMS))
    parser.add_fields(CloudOptions, "job")
    place = words.index("--") if "--" in words else len(words)
    given, command = parser.given(words[:place]), words[place + 1 :]
    if given.get("help"):
        parser.print_help()
        return 0
    platform = PLATFORMS.get(given.get("platform", ""))
    if platform is None:
        named = given.get("platform")
        raise AgentlabError(
            f"PLATFORM{'' if named is None else f'={named!r}'} must be one of "
            f"{', '.join(PLATFORMS)}"
        )
    options: CloudOptions = fill(CloudOptions, {}, given)
    own = {name: value for name, value in vars(options).items() if name not in ("out", "overwrite")}
    job = Job(tuple(command), **{**own, "name": job_name(command, options.name)})
    text, out = platform.write(job), Path(options.out or platform.file)
    check_output("--out", out, options.overwrite)
    with reporting(f"out={str(out)!r} cannot be written"):
        write_text(out, text)
    show("wrote", out)
    quoted = {"file": shlex.quote(str(out)), "name": job.name, "image": shlex.quote(job.image)}
    show("use it", platform.submit.format(**quoted))
    return 0
