"""Data checks that X-ray competitions share: training images joined with their labels, test images with the sample."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pulmo.competition import DataCheck
from pulmo.pipeline.data_check import ImageTable, check_images
from pulmo.radiographs.files import ImageFolder, image_files, no_image
from pulmo.radiographs.reading import Reader, read_image
from pulmo.scoring.sample import read_sample_ids


def check_training_images(
    ids: Sequence[str], table: Path, folder: ImageFolder, reader: Reader = read_image
) -> DataCheck:
    """Join the labelled images (`ids` of `table`) with their files, and read some of these; see `check_images`."""
    return check_images(
        ImageTable(
            "training images",
            lambda: ids,
            lambda: image_files(folder),
            reader,
            lambda wanted: no_image(folder, wanted, table),
        )
    )


def check_test_images(
    sample: Path,
    row_id: str,
    folder: ImageFolder,
    column_aliases: Mapping[str, str] | None = None,
    reader: Reader = read_image,
) -> DataCheck:
    """Join the sample submission with the test images; without that file, check every image in the folder."""
    return check_images(
        ImageTable(
            "test images",
            lambda: read_sample_ids(sample, row_id, column_aliases) if sample.is_file() else list(image_files(folder)),
            lambda: image_files(folder),
            reader,
            lambda wanted: no_image(folder, wanted, sample),
        )
    )
