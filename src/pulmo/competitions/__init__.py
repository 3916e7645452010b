"""One folder a competition; found by `pulmo.competition`, named by nothing outside."""
