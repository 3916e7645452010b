"""pulmo: Kaggle's chest-imaging competitions, from raw files to a validated submission and an honest score."""

__version__ = "0.1.0"
NOT_FOR_CLINICAL_USE = "For research and competitions, not for clinical use."
