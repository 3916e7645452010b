"""`features.patients`: a table of the user's own keeps the images of a person in one fold."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pulmo.competition import find_competition
from pulmo.competitions.rsna import phantom as rsna_phantom
from pulmo.competitions.siim import phantom as siim_phantom
from pulmo.errors import UserError
from pulmo.pipeline.paths import RunPaths
from pulmo.pipeline.runner import Run, output, run_stages
from pulmo.pipeline.settings import load_settings
from pulmo.pipeline.stage import load

pytestmark = pytest.mark.slow

PHANTOMS: dict[str, Any] = {"rsna": rsna_phantom, "siim": siim_phantom}


def features(name: str, folder: Path, *overrides: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The image table and the manifest of the stage, run on `folder / "data"`."""
    competition = find_competition(name)
    overrides = ("features.folds=2", "features.pixels=32", *overrides)
    settings: Any = load_settings(competition.settings, competition.config, "demo", overrides)
    paths = RunPaths.of(name, "test", folder / "data", folder / "work", folder / "out")
    run = Run(competition, paths, settings, device="cpu")
    list(run_stages(run, [competition.stage("features")]))
    manifest = json.loads((paths.stage("features") / "manifest.json").read_text())
    return load(output(run, "features/image_table")), manifest


@pytest.mark.parametrize("name", PHANTOMS)
def test_a_table_of_patients_keeps_a_person_in_one_fold(name: str, tmp_path: Path) -> None:
    module = PHANTOMS[name]
    module.write_phantom(tmp_path / "data", tmp_path / "solution.csv", module.PhantomSettings(24, 4, 0, 64))
    column = "patientId" if name == "rsna" else "ImageId"
    pixels = "train_segmenter.depth=1"  # so that 32 pixels will do
    apart, _ = features(name, tmp_path, pixels)
    images = apart["image"].to_list()
    person = {image: f"p{number // 3}" for number, image in enumerate(images)}
    for path, rows in (("mine.csv", person), ("data/nih_patients.csv", dict.fromkeys(images, "everybody"))):
        lines = [f"{column},person", *(f"{image},{one}" for image, one in rows.items())]
        (tmp_path / path).write_text("\n".join(lines))
    table, manifest = features(name, tmp_path, pixels, f"features.patients={tmp_path / 'mine.csv'}")
    assert table["patient"].to_list() == [
        image if broken else person[image] for image, broken in zip(table["image"], table["error"].notna(), strict=True)
    ]
    folds = table[table["fold"] >= 0].groupby("patient")["fold"]
    assert (folds.min() == folds.max()).all()
    split = apart.assign(person=apart["image"].map(person)).query("fold >= 0").groupby("person")["fold"]
    assert (split.min() < split.max()).any()  # else the test would show nothing
    readable = int(table["error"].isna().sum())
    note = f"{readable} X-rays are of {table.loc[table['error'].isna(), 'patient'].nunique()} patients by mine.csv; "
    assert any(one.startswith(note) for one in manifest["notes"])
    (tmp_path / "mine.csv").write_text(f"{column},person\n{images[0]},a\n{images[0]},b\n")
    with pytest.raises(UserError, match=r"mine\.csv, row 3, person: .* is of patient 'b' here, of 'a' in an earlier"):
        features(name, tmp_path, pixels, f"features.patients={tmp_path / 'mine.csv'}")
    with pytest.raises(UserError, match=r"gone\.csv: a setting names this file, and it is not there"):
        features(name, tmp_path, pixels, f"features.patients={tmp_path / 'gone.csv'}")
