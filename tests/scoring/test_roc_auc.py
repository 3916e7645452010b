import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pulmo.errors import ParticipantVisibleError, UserError
from pulmo.scoring import roc_auc

COLUMNS = ("nodule", "effusion")
score, score_parts = partial(roc_auc.score, columns=COLUMNS), partial(roc_auc.score_parts, columns=COLUMNS)
SOLUTION = pd.DataFrame({"id": list("abcd"), "nodule": [1, 0, 1, 0], "effusion": [0, 0, 0, 1]})
SUBMISSION = pd.DataFrame({"id": list("dcba"), "nodule": [0.1, 0.35, 0.4, 0.8], "effusion": [0.5, 0.5, 0.2, 0.1]})


def test_the_mean_of_the_labels_areas_by_hand() -> None:
    # nodule: of the pairs (0.8, 0.35) × (0.4, 0.1), 0.35 < 0.4 is in the wrong order. effusion: 0.5 against 0.1, 0.2
    # and 0.5: two in order, one tie.
    assert score_parts(SOLUTION, SUBMISSION, "id") == pytest.approx({"nodule": 0.75, "effusion": 2.5 / 3})
    assert score(SOLUTION, SUBMISSION, "id") == pytest.approx((0.75 + 2.5 / 3) / 2)


def test_scikit_learn_s_mean_over_labels() -> None:
    rng = np.random.default_rng(0)
    label, probability = rng.integers(0, 2, (50, 2)), rng.random((50, 2)).round(1)
    ids = np.arange(50)
    solution, submission = (pd.DataFrame(x, columns=list(COLUMNS)).assign(id=ids) for x in (label, probability))
    assert score(solution, submission, "id") == pytest.approx(roc_auc_score(label, probability, average="macro"))


def test_a_label_of_one_class_has_no_area_and_is_left_out_of_the_mean() -> None:
    solution = SOLUTION.assign(effusion=0)
    assert math.isnan(score_parts(solution, SUBMISSION, "id")["effusion"])
    assert score(solution, SUBMISSION, "id") == 0.75
    with pytest.raises(UserError, match="one class alone in each of nodule, effusion"):
        score(solution.assign(nodule=1), SUBMISSION, "id")


@pytest.mark.parametrize(
    ("submission", "words"),
    [
        (SUBMISSION.drop(columns="effusion"), "has no column 'effusion'"),
        (SUBMISSION.assign(effusion=np.array([0.5, 1.5, 0.2, 0.1])), "row 3, effusion: '1.5' is no probability"),
        (SUBMISSION.assign(nodule=np.array([0.5, 0.5, 0.2, math.nan])), "row 5, nodule: 'nan'"),
        (SUBMISSION.assign(id=np.array(list("dcbb"))), "has no row for id 'a'"),
    ],
)
def test_each_mistake_of_the_participant_is_named(submission: pd.DataFrame, words: str) -> None:
    with pytest.raises(ParticipantVisibleError, match=words.replace("'", ".")):
        score(SOLUTION, submission, "id")


def test_a_wrong_solution_is_our_mistake() -> None:
    with pytest.raises(ValueError, match=r"row 2, nodule: .2. is neither 0 nor 1"):
        score(SOLUTION.assign(nodule=np.array([2, 0, 1, 0])), SUBMISSION, "id")
