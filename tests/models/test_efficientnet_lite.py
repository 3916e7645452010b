from typing import Any

import numpy as np
import pytest

from pulmo.models.efficientnet_lite import converted, efficientnet_lite

TOP = 1280 * 1000 + 1000
"""Parameters of the top that gives ImageNet's classes, which is left out."""


@pytest.fixture(scope="module")
def lite0() -> Any:
    return efficientnet_lite("efficientnet_lite0", 32)


@pytest.mark.parametrize(
    ("name", "trainable", "blocks"),
    [
        # With the top, as the authors publish them: 4.652, 5.417 and 6.092 million.
        ("efficientnet_lite0", 4_652_008, "1a 2ab 3ab 4abc 5abc 6abcd 7a"),
        ("efficientnet_lite1", 5_416_680, "1a 2abc 3abc 4abcd 5abcd 6abcde 7a"),
        ("efficientnet_lite2", 6_092_072, "1a 2abc 3abc 4abcd 5abcd 6abcde 7a"),
    ],
)
def test_parameters_and_blocks(name: str, trainable: int, blocks: str) -> None:
    network = efficientnet_lite(name, 64)
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) + TOP == trainable
    found = [layer.name.removesuffix("_dwconv") for layer in network.layers if layer.name.endswith("_dwconv")]
    assert found == [f"block{stage[0]}{block}" for stage in blocks.split() for block in stage[1:]]
    assert network.output_shape == (None, 2, 2, 1280)


def test_channels_of_the_stages_of_the_wider_variant() -> None:
    """1.1 times 16, 24, 40, 80, 112, 192 and 320, to multiples of 8."""
    network = efficientnet_lite("efficientnet_lite2", 32)
    found = [network.get_layer(f"block{stage}a_project_conv").filters for stage in range(1, 8)]
    assert found == [16, 24, 48, 88, 120, 208, 352]
    assert network.get_layer("stem_conv").filters == 32


def torch_tensors() -> dict[str, np.ndarray]:
    """Tensors of other values each, by the names and shapes of the PyTorch network."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"_conv_stem.weight": (32, 3, 3, 3), "_conv_head.weight": (1280, 320, 1, 1)}
    channels, expanded = 32, 1
    norms = {"_bn0": 32, "_bn1": 1280}
    stages = [(1, 3, 16), (2, 3, 24), (2, 5, 40), (3, 3, 80), (3, 5, 112), (4, 5, 192), (1, 3, 320)]
    block = 0
    for repeats, kernel, filters in stages:
        for _ in range(repeats):
            prefix, wide = f"_blocks.{block}", expanded * channels
            if expanded > 1:
                shapes[f"{prefix}._expand_conv.weight"] = (wide, channels, 1, 1)
                norms[f"{prefix}._bn0"] = wide
            shapes[f"{prefix}._depthwise_conv.weight"] = (wide, 1, kernel, kernel)
            shapes[f"{prefix}._project_conv.weight"] = (filters, wide, 1, 1)
            norms |= {f"{prefix}._bn1": wide, f"{prefix}._bn2": filters}
            channels, expanded, block = filters, 6, block + 1
    for name, length in norms.items():
        shapes |= {f"{name}.{part}": (length,) for part in ("weight", "bias", "running_mean", "running_var")}
    tensors = {name: rng.random(shape, np.float32) for name, shape in shapes.items()}
    return {**tensors, "_bn0.num_batches_tracked": np.array(9), "_fc.bias": np.zeros(1000, np.float32)}


def test_every_tensor_gets_its_place(lite0: Any) -> None:
    tensors = torch_tensors()
    lite0.set_weights(converted(lite0, tensors))
    for layer, name, axes in (
        ("stem_conv", "_conv_stem", (2, 3, 1, 0)),
        ("block3b_dwconv", "_blocks.4._depthwise_conv", (2, 3, 0, 1)),
        ("block7a_project_conv", "_blocks.15._project_conv", (2, 3, 1, 0)),
    ):
        (kernel,) = lite0.get_layer(layer).get_weights()
        np.testing.assert_array_equal(kernel, tensors[f"{name}.weight"].transpose(axes))
    for layer, name in (("top_bn", "_bn1"), ("block1a_bn", "_blocks.0._bn1"), ("block2a_expand_bn", "_blocks.1._bn0")):
        expected = [tensors[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
        for value, given in zip(lite0.get_layer(layer).get_weights(), expected, strict=True):
            np.testing.assert_array_equal(value, given)


def test_tensors_of_another_network_are_named(lite0: Any) -> None:
    tensors = torch_tensors()
    with pytest.raises(ValueError, match=r"the file has no tensor _bn0\.weight"):
        converted(lite0, {name: value for name, value in tensors.items() if name != "_bn0.weight"})
    with pytest.raises(ValueError, match=r"has a tensor _blocks\.16\._bn1\.weight, which the network lacks"):
        converted(lite0, {**tensors, "_blocks.16._bn1.weight": np.zeros(1, np.float32)})
    wrong = {**tensors, "_blocks.0._depthwise_conv.weight": np.zeros((16, 1, 3, 3), np.float32)}
    with pytest.raises(ValueError, match=r"_depthwise_conv\.weight has the shape \(16, 1, 3, 3\), not \(32, 1, 3, 3\)"):
        converted(lite0, wrong)
