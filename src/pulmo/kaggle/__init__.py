"""To Kaggle and back: files sent and fetched, kernels built, rehearsed and pushed, and the ledger of what was sent."""
