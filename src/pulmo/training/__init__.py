"""Folds, fitting and out-of-fold predictions."""
