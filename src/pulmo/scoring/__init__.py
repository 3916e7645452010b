"""What the cells mean, Kaggle's metrics, validation: NumPy and pandas only."""
