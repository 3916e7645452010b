"""DICOM files → arrays in Hounsfield units → lungs → numbers."""
