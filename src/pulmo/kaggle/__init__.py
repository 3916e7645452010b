"""Kaggle: data downloaded, kernels built, rehearsed and pushed, submissions sent and recorded in a ledger."""
