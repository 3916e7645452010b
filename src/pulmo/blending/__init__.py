"""Predictions and submission files combined; weights and thresholds fitted."""
