"""All that pip needs to know about agentlab."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'^__version__ = "(.+)"', (here / "agentlab/__init__.py").read_text(), re.M)
assert version is not None

compress = ["lz4>=4"]  # replay memories that keep observations compressed
box2d = ["gymnasium[box2d]"]  # LunarLander and its like
mujoco = ["gymnasium[mujoco]"]  # HalfCheetah and its like
minigrid = ["minigrid>=3"]  # such as MiniGrid-DoorKey-5x5-v0
minatar = ["minatar>=1.0.15"]  # such as MinAtar/Breakout-v1
deploy = ["ai-edge-litert>=2", "onnx>=1.17", "tf2onnx>=1.16", "onnxruntime>=1.20"]  # export
ray = ["ray>=2.50"]  # --ray: environments and trials on several machines
serve = ["starlette>=0.40", "uvicorn>=0.30", "httptools>=0.6"]  # httptools parses requests in C
wandb = ["wandb>=0.19"]  # --track wandb
mlflow = ["mlflow>=2.20"]  # --track mlflow
docs = ["sphinx>=8", "furo>=2024.8", "myst-parser>=4"]  # make docs
test = [
    *compress,
    *box2d,
    *mujoco,
    *deploy,
    *serve,
    *docs,
    "pytest>=8",
    "pytest-xdist",  # two processes, a file of tests at a time
    "hypothesis>=6",
    "gym==0.26.2",  # the old package itself, to test the adapter of its environments
    "ruff>=0.12",
    "mypy>=1.17",
]

setup(
    name="agentlab",
    version=version[1],
    description="Reinforcement learning on TensorFlow 2 and Keras 3: train, watch, resume, extend",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="agentlab developers",
    license="MIT",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["agentlab", "agentlab.*"]),
    package_data={"agentlab": ["py.typed"]},
    install_requires=[
        "tensorflow>=2.21,<2.22",
        "keras>=3.15",
        "gymnasium[classic-control,toy-text]>=1.4,<2",  # the extras draw CartPole, FrozenLake, ...
        "ale-py>=0.12",
        "numpy>=2",
        "tensorboard",
        "cloudpickle",
        "threadpoolctl",
        "tqdm",
        "matplotlib",
        "imageio",
        "imageio-ffmpeg",
        "pillow",
        "pandas",
        "pooch>=1.8",
        "scikit-learn",
        "sentencepiece",
        "sacrebleu",
        "optuna>=5",
        "pyyaml",
    ],
    extras_require={
        "compress": compress,
        "box2d": box2d,
        "mujoco": mujoco,
        "minigrid": minigrid,
        "minatar": minatar,
        "deploy": deploy,
        "serve": serve,
        "ray": ray,
        "wandb": wandb,
        "mlflow": mlflow,
        "docs": docs,
        "test": test,
        "dev": [*test, "build", "pre-commit"],
    },
    entry_points={"console_scripts": ["agentlab = agentlab.cli:run_process"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
