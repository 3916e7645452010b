"""What competitions on X-rays share: image files, readers, cache, patients, folds, hidden test sets, drawn data."""
