"""Kaggle's chest-imaging competitions, from raw files to a validated submission and an honest score.

Each competition is an attribute of its name, a `CompetitionApi`:

    import pulmo

    pulmo.osic.score(solution, submission, "Patient_Week")      # Kaggle's number
    run = pulmo.osic.train("data/osic-pulmonary-fibrosis-progression")
    forecast = pulmo.predict(run.model, new_visits).submission  # any competition's model, one call

CT scans and masks:

    volume = pulmo.read_volume("scan/")                         # Hounsfield units, (slices, rows, columns)
    lungs = pulmo.segment_lungs(volume)
    litres = pulmo.lung_statistics(volume, lungs)["lung_litres"]
    mask = pulmo.rle_to_mask("30 2 1022 3", (1024, 1024))

docs/python.md has more examples. Names are loaded when they are first used, so that `import pulmo` is fast.
For research and competitions, not for clinical use.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
NOT_FOR_CLINICAL_USE = "For research and competitions, not for clinical use."

if TYPE_CHECKING:
    from pulmo.api import CompetitionApi as CompetitionApi
    from pulmo.api import Prediction as Prediction
    from pulmo.api import predict as predict
    from pulmo.competition import competition_names as competition_names
    from pulmo.errors import UserError as UserError
    from pulmo.imaging.headers import header_table as header_table
    from pulmo.imaging.lungs import LungMask as LungMask
    from pulmo.imaging.lungs import segment_lungs as segment_lungs
    from pulmo.imaging.radiograph import read_radiograph as read_radiograph
    from pulmo.imaging.reading import read_volume as read_volume
    from pulmo.imaging.resample import resample as resample
    from pulmo.imaging.statistics import lung_statistics as lung_statistics
    from pulmo.imaging.volume import Volume as Volume
    from pulmo.scoring.rle import mask_to_rle as mask_to_rle
    from pulmo.scoring.rle import rle_to_mask as rle_to_mask

    def __getattr__(name: str) -> CompetitionApi: ...

else:
    _MODULES = {
        "CompetitionApi": "pulmo.api",
        "LungMask": "pulmo.imaging.lungs",
        "Prediction": "pulmo.api",
        "UserError": "pulmo.errors",
        "Volume": "pulmo.imaging.volume",
        "competition_names": "pulmo.competition",
        "header_table": "pulmo.imaging.headers",
        "lung_statistics": "pulmo.imaging.statistics",
        "mask_to_rle": "pulmo.scoring.rle",
        "predict": "pulmo.api",
        "read_radiograph": "pulmo.imaging.radiograph",
        "read_volume": "pulmo.imaging.reading",
        "resample": "pulmo.imaging.resample",
        "rle_to_mask": "pulmo.scoring.rle",
        "segment_lungs": "pulmo.imaging.lungs",
    }
    __all__ = list(_MODULES)

    def __getattr__(name):
        # PEP 562: called for names that are not here yet.
        from importlib import import_module

        if name in _MODULES:
            globals()[name] = value = getattr(import_module(_MODULES[name]), name)
            return value
        if not name.startswith("_"):
            declared = import_module("pulmo.competition")
            if name in declared.competition_names():
                return import_module("pulmo.api").CompetitionApi(declared.find_competition(name))
        raise AttributeError(f"module 'pulmo' has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *_MODULES, *__getattr__("competition_names")()})
