import numpy as np

from pulmo.training.image_settings import SegmenterSettings
from tests.models.support import pictures, say

SETTINGS = SegmenterSettings.model_validate(
    {
        **{"batch": 8, "epochs": 3, "steps": 0, "learning_rate": 0.01, "warm_up_epochs": 1, "weight_decay": 0.0},
        **{"averaging": 0.5, "patience": 3, "flip": True, "rotation": 5.0, "zoom": 0.1, "shift": 0.2, "gain": 0.3},
        **{"offset": 4.0, "network": "unet", "start": 2, "depth": 2, "momentum": 0.9, "rate": 1.5, "dropout": 0.0},
        **{"shrink": 1, "head": True, "blocks": 1, "short_head": True, "cross_entropy": 1.0, "focal": 2.0},
        **{"dice": 3.0, "iou": 4.0, "any": 5.0, "encoder": "mobilenet_v2"},
    }
)


def test_a_recipe_goes_through_all_pictures_once_an_epoch_unless_told_otherwise() -> None:
    recipe = SETTINGS.recipe(pictures=50)
    assert (recipe.plan.steps, recipe.batch) == (7, 8)
    assert SETTINGS.model_copy(update={"steps": 5}).recipe(50).plan.steps == 5
    moves = recipe.moves
    assert (moves.flip_left_right, moves.flip_up_down, moves.rotation, moves.zoom) == (True, False, 5.0, 0.1)
    assert (moves.shift, moves.gain, moves.offset) == (0.2, 0.3, 4.0)


def test_every_network_is_built_for_the_pictures() -> None:
    notes: list[str] = []
    for network, name in (("unet", "unet"), ("resnet", "resnet_segmenter"), ("encoder", "mobilenet_v2_unet")):
        built = SETTINGS.model_copy(update={"network": network}).builder(32, notes.append)()
        assert built.name == name
        said = say(built, pictures(1, 32))
        assert said["mask"].shape == (1, 32, 32)
        assert ("any" in said) == (network != "resnet")
    assert notes == ["The encoder mobilenet_v2 starts from random weights: no file of pretrained ones was given"]


def test_the_objective_has_the_weights() -> None:
    terms = SETTINGS.objective().terms
    np.testing.assert_array_equal(terms[:5], [1, 2, 3, 4, 5])
