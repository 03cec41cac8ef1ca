"""``agentlab nets``: lists, summaries and diagrams."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from agentlab.nets import TORSOS

ROOT = Path(__file__).parents[2]


def test_the_list_has_a_line_for_each_net_with_its_inputs_and_parameters(call):
    result = call("nets")
    assert result.code == 0
    lines = {line.split()[0]: line for line in result.out.splitlines() if line}
    assert set(TORSOS) | {"siamese", "seq2seq", "transformer"} < set(lines)
    assert re.search(r"images +\[28, 28, 1\] +3,274,634 ", lines["lenet"])
    assert re.search(r"images +\[32, 32, 3\] +2,159,114 ", lines["vgg"])
    assert re.search(r"ids +\[100\] +1,480,842 ", lines["text_cnn"])
    assert re.search(r"sequences +\[40, 1\] +67,850 ", lines["lstm"])


def test_a_net_is_shown_layer_by_layer_with_its_total(call):
    out = call("nets lenet").out
    assert out.startswith("lenet: two 5x5 convolutions")
    assert "inputs: images [height, width, channels] or [height, width]" in out
    assert re.search(r"torso/conv_1 +Conv2D 5x5 relu +\[·, 14, 14, 64\] +51,264", out)
    assert out.splitlines()[-1].split() == ["total", "3,274,634"]


@pytest.mark.parametrize(
    ("words", "total"),
    [
        ("nets lenet --input-shape 32,32 --outputs 3", 52_096 + 4_194_304 + 1_024 + 3_075),
        ("nets mlp --input-shape 4", 4 * 64 + 64 + 64 * 64 + 64 + 650),
        ("nets text_cnn --vocabulary 50", 50 * 128 + 12 * 128 * 128 + 384 + 3_850),
        ("nets gru --vocabulary 65", 65 * 64 + 3 * (64 * 128 + 128 * 128 + 128) + 384 + 1_290),
        ("nets siamese", 3_264_384 + 2_050),
    ],
)
def test_flags_change_the_net_that_is_shown(call, words, total):
    assert call(words).out.splitlines()[-1].split() == ["total", f"{total:,}"]


@pytest.mark.parametrize("name", ["seq2seq", "transformer"])
def test_nets_for_pairs_of_texts_are_shown_too(call, name):
    result = call(f"nets {name} --vocabulary 40")
    assert result.code == 0
    assert re.search(r"output +\[·, ·, 40\]", result.out)


def test_images_are_written(call, tmp_path):
    result = call("nets lenet --diagram lenet.png")
    assert result.out.splitlines()[-1].split() == ["saved", "lenet.png"]
    width, height = Image.open(tmp_path / "lenet.png").size
    assert height > width > 400
    assert call("nets --activations a.svg").out.split() == ["saved", "a.svg"]
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_what_is_there_is_never_overwritten(refused, tmp_path):
    (tmp_path / "a.png").write_text("mine")
    refused("nets lenet --diagram a.png", "diagram='a.png' already exists")
    refused("nets --activations a.png", "activations='a.png' already exists")
    assert (tmp_path / "a.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("nets lent", "net='lent' is unknown; did you mean 'lenet'"),
        ("nets lenet --input-shape 4", "needs images"),
        (
            "nets lenet --input-shape 0,4",
            "each item of input_shape=(0, 4) must be between 1 and 100,000",
        ),
        ("nets lenet --outputs 0", "outputs=0 must be between 1 and 1,000,000"),
        ("nets lenet --vocabulary 5", "net='lenet' has no argument 'vocabulary'"),
        ("nets lenet --diagram lenet.doc", "diagram='lenet.doc' must end in .png, .pdf, .svg"),
        ("nets --diagram lenet.png", "--diagram lenet.png needs NET"),
        ("nets lenet --diagram no/such/folder.png", "cannot be written"),
        ("nets lenet vgg", "'vgg' is unexpected"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(refused, words, says):
    refused(words, says)


def test_help_does_not_load_tensorflow():
    code = (
        "import sys; from agentlab.cli.nets import run; run(['--help']); "
        "sys.exit(str({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules) or ''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stderr.strip() == ""
    assert "--diagram" in done.stdout
