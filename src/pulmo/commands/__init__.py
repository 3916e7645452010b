"""What each command does; `pulmo.cli` only names them and their options."""
