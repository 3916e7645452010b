"""Comparison of a run's cross-validation with its stages: the same settings and inputs, or which differ."""

from pulmo.competition import ALL_SETTINGS
from pulmo.pipeline.manifest import Manifest, load_manifest
from pulmo.pipeline.runner import Run

CV_DIFFERS = "cv_differs_from_run"


def differing_from_cv(run: Run) -> list[str]:
    """Inputs and settings in which cross-validation differs from the run's stages as they are now.

    Returns:
        Names: `seed`, settings as `section.key`, inputs as `stage/output`. Empty where nothing differs or one is not
        there.
    """
    spec = run.competition.cv
    cv = load_manifest(run.paths.stage(spec.name))
    if cv is None:
        return []
    names: dict[str, None] = {}
    for stage in run.competition.stages:
        made = load_manifest(run.paths.stage(stage.name))
        if made is None:
            continue
        everything = spec.section == ALL_SETTINGS and stage.section != ALL_SETTINGS
        settings = cv.settings.get(stage.section, {}) if everything else {}
        names |= dict.fromkeys(_differing(cv, settings, made, stage.name, stage.section))
    return list(names)


def _differing(cv: Manifest, settings: dict[str, object], made: Manifest, stage: str, section: str) -> list[str]:
    names = ["seed"] if cv.seed != made.seed else []
    names += [f"{section}.{key}" for key, value in settings.items() if made.settings.get(key, value) != value]
    outputs = {f"{stage}/{name}": digest for name, digest in made.outputs.items()}
    return names + [name for name, digest in outputs.items() if cv.inputs.get(name, digest) != digest]
