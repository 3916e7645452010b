"""Recognizes files that are not DICOM by their first bytes, for error messages with a remedy."""

_UNPACK = ": unpack it"
XML = "an XML document"
_KINDS = (
    (0, b"\x1f\x8b", "compressed with gzip" + _UNPACK),
    (0, b"BZh", "compressed with bzip2" + _UNPACK),
    (0, b"\xfd7zXZ\0", "compressed with xz" + _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed with Zstandard" + _UNPACK),
    (0, b"PK\x03\x04", "a zip archive" + _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive" + _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive" + _UNPACK),
    (257, b"ustar", "a tar archive" + _UNPACK),
    (344, b"n+1\0", "a NIfTI volume: give the DICOM files that it was made from"),
    (344, b"ni1\0", "a NIfTI header: give the DICOM files that it was made from"),
    (4, b"n+2\0", "a NIfTI volume: give the DICOM files that it was made from"),
    (0, b"NRRD", "an NRRD volume: give the DICOM files that it was made from"),
    (0, b"ObjectType", "a MetaImage header: give the DICOM files that it was made from"),
    (0, b"\x89PNG", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (4, b"jP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (0, b"BM", "a BMP image"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\0\x05\x16\x07", "a macOS metadata file"),
    (0, b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"),
    (0, b"<!DOCTYPE", "a web page: download the file again"),
    (0, b"<?xml", XML),
    (0, b"\xef\xbb\xbf<?xml", XML),
    (0, b"<html", "a web page: download the file again"),
)
"""(offset, bytes there, kind)."""


def not_dicom(head: bytes) -> str:
    """The description of a file that begins with `head` and is not DICOM; 400 bytes are enough."""
    if not head:
        return "not a DICOM file, but an empty file"
    kind = next((kind for offset, magic, kind in _KINDS if head.startswith(magic, offset)), "")
    return f"not a DICOM file, but {kind}" if kind else "not a DICOM file"
