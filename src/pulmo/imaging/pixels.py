"""A slice's pixels as its file stores them, whatever the compression."""

import tempfile
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from pydicom import dcmread

from pulmo.errors import Fault, ScanError
from pulmo.imaging.slices import SliceHeader

_END_OF_FRAGMENTS = b"\xfe\xff\xdd\xe0\0\0\0\0"
_TAIL = 1 << 12
"""Some files go on after their pixels, but hardly longer."""


def read_pixels(header: SliceHeader) -> np.ndarray:
    """One slice's stored values, (rows, columns), before any rescaling. Raises ScanError as `PixelReader.read`."""
    with PixelReader() as reader:
        return reader.read(header)


class PixelReader:
    """Reads the slices of a scan one after the other.

    gdcm hands pixels to Python as text, which costs half as much as decoding them; through a file they are nearly
    free. One such file serves the whole scan.
    """

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._scratch: Path | None = None

    def __enter__(self) -> "PixelReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def read(self, header: SliceHeader) -> np.ndarray:
        """Stored values, (rows, columns).

        Raises ScanError if the pixels are cut short, or no decoder here can undo their compression.
        """
        if header.native is not None:
            return _native(header)
        if not header.is_encapsulated:
            return _decoded(header, _by_pydicom)
        _check_end(header.path)
        return _decoded(header, self._by_gdcm, _by_simpleitk)

    def _by_gdcm(self, header: SliceHeader) -> np.ndarray:
        import gdcm  # only compressed scans need it

        reader = gdcm.ImageReader()
        reader.SetFileName(str(header.path))
        if not reader.Read():
            raise RuntimeError("gdcm cannot read it")
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
        change.SetInput(reader.GetImage())
        if not change.Change():
            raise RuntimeError("gdcm cannot decode it")
        if self._scratch is None:
            folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="pulmo-"))
            self._scratch = Path(folder, "decoded.dcm")
        picture = change.GetOutput()
        writer = gdcm.ImageWriter()
        writer.SetImage(picture)
        writer.SetFileName(str(self._scratch))
        if not writer.Write():
            raise RuntimeError("gdcm cannot write what it decoded")
        kind = picture.GetPixelFormat()
        dtype = np.dtype(f"<{'i' if kind.GetPixelRepresentation() else 'u'}{kind.GetBitsAllocated() // 8}")
        count = header.rows * header.columns
        if picture.GetBufferLength() != count * dtype.itemsize:
            raise RuntimeError(f"gdcm decodes {picture.GetBufferLength():,} bytes")
        # Pixels come last in what gdcm writes.
        start = self._scratch.stat().st_size - count * dtype.itemsize
        return np.fromfile(self._scratch, dtype, count, offset=start).reshape(header.rows, header.columns)


def _decoded(header: SliceHeader, *decoders: Callable[[SliceHeader], np.ndarray]) -> np.ndarray:
    """By the first decoder that can."""
    reasons = []
    for decode in decoders:
        try:
            pixels = decode(header)
        except Exception as reason:  # each decoder has exceptions of its own
            reasons.append(str(reason).strip().splitlines()[-1] if str(reason).strip() else type(reason).__name__)
            continue
        if pixels.shape == (header.rows, header.columns):
            return pixels
        reasons.append(f"decoded to {pixels.shape} instead of {header.rows} × {header.columns}")
    what = f"its pixels cannot be decoded (transfer syntax {header.syntax or 'missing'}: {'; '.join(reasons)})"
    raise ScanError(Fault(str(header.path), what, "Convert the series to uncompressed DICOM"))


def _native(header: SliceHeader) -> np.ndarray:
    assert header.native is not None
    offset, length = header.native
    count, dtype = header.rows * header.columns, np.dtype(header.dtype)
    if length < count * dtype.itemsize:
        raise _cut_short(header.path, f"{length:,} of {count * dtype.itemsize:,} bytes")
    pixels = np.fromfile(header.path, dtype, count, offset=offset)
    if pixels.size < count:
        raise _cut_short(header.path, f"{pixels.nbytes:,} of {count * dtype.itemsize:,} bytes")
    return pixels.reshape(header.rows, header.columns)


def _check_end(path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        if _END_OF_FRAGMENTS not in file.read():
            raise _cut_short(path, "the end of its compressed picture is missing")


def _by_simpleitk(header: SliceHeader) -> np.ndarray:
    """12-bit JPEG, which gdcm's own reader refuses. ITK rescales as it reads: that is undone."""
    import SimpleITK  # only such scans need it

    rescaled = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(header.path)))[0]
    stored: np.ndarray = np.rint((rescaled - header.intercept) / header.slope).astype(header.dtype)
    return stored


def _by_pydicom(header: SliceHeader) -> np.ndarray:
    """Deflated files and other rarities."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(dcmread(header.path).pixel_array)


def _cut_short(path: Path, how: str) -> ScanError:
    return ScanError(Fault(str(path), f"its pixel data is cut short: {how}", "Download the file again"))
