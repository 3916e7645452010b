"""Submission formats, Kaggle's metrics and validation: NumPy and pandas only."""
