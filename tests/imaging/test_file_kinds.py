"""What a file is that is not DICOM, by its first bytes."""

import pytest

from pulmo.imaging.file_kinds import not_dicom

DICOM = "give the DICOM files that it was made from"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x1f\x8b\x08", "compressed with gzip: unpack it"),
        (b"BZh9", "compressed with bzip2: unpack it"),
        (b"\xfd7zXZ\0", "compressed with xz: unpack it"),
        (b"\x28\xb5\x2f\xfd", "compressed with Zstandard: unpack it"),
        (b"PK\x03\x04", "a zip archive: unpack it"),
        (b"PK\x05\x06", "an empty zip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
        (b"Rar!\x1a\x07", "a RAR archive: unpack it"),
        (bytes(257) + b"ustar", "a tar archive: unpack it"),
        (b"\x5c\x01" + bytes(342) + b"n+1\0", f"a NIfTI volume: {DICOM}"),
        (b"\x5c\x01" + bytes(342) + b"ni1\0", f"a NIfTI header: {DICOM}"),
        (b"\x1c\x02\0\0n+2\0", f"a NIfTI volume: {DICOM}"),
        (b"NRRD0004", f"an NRRD volume: {DICOM}"),
        (b"ObjectType = Image", f"a MetaImage header: {DICOM}"),
        (b"\x89PNG\r\n", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
        (b"GIF89a", "a GIF image"),
        (b"II*\0", "a TIFF image"),
        (b"MM\0*", "a TIFF image"),
        (b"BM6", "a BMP image"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\x05\x16\x07", "a macOS metadata file"),
        (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"),
        (b"<!DOCTYPE html>", "a web page: download the file again"),
        (b"<html>", "a web page: download the file again"),
        (b"<?xml version", "an XML document"),
        (b"\xef\xbb\xbf<?xml version", "an XML document"),
    ],
)
def test_known_kinds(head: bytes, kind: str) -> None:
    """Their signatures are those of the formats' specifications."""
    assert not_dicom(head) == f"not a DICOM file, but {kind}"


def test_an_empty_file_and_an_unknown_one() -> None:
    assert not_dicom(b"") == "not a DICOM file, but an empty file"
    assert not_dicom(b"\0") == not_dicom(b" GIF8") == "not a DICOM file"
