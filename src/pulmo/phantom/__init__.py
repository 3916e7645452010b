"""Drawing bodies, scans and X-rays, and writing them as DICOM."""
