"""Settings of the stage that reads X-rays into a training set."""

from pydantic import Field

from pulmo.pipeline.settings import Section


class ImageSettings(Section):
    """X-rays at network size, and folds.

    Attributes:
        pixels: of an image's side at network size.
        clahe_clip_limit: of the contrast equalisation; 0: none.
        folds: by patient.
    """

    pixels: int = Field(default=512, ge=32)
    clahe_clip_limit: float = Field(default=2.0, ge=0)
    folds: int = Field(default=5, ge=2)
