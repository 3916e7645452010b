"""Lung-function decline: chest CT and spirometry in, FVC with its confidence for any week out."""
