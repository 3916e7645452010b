"""Networks, boosters and losses: arrays in, arrays out; never a file."""
