"""`pulmo NAME settings`: every setting of a competition with its value, unit, range and meaning."""

import textwrap
from shutil import get_terminal_size

from pulmo.commands.console import show_json
from pulmo.commands.run import Request
from pulmo.pipeline.setting_help import SettingHelp, describe_settings

_NARROWEST = 60


def show_settings(request: Request) -> None:
    """Print the settings of a preset, or of a file of settings.

    Raises:
        CommandLineError: the preset or a setting is wrong.
    """
    competition = request.competition
    rows = describe_settings(competition, request.preset, request.overrides, request.settings_text)
    if request.json:
        show_json([row._asdict() for row in rows])
        return
    source = f"preset {request.preset}" if request.config is None else str(request.config)
    print(f"# Settings of {competition.name}: {source}. Change one with --set section.key=value.")
    print(f"# Presets, chosen with --preset: {', '.join(competition.presets)}")
    for section in competition.settings.model_fields:
        print(f"\n[{section}]")
        for row in rows:
            if row.section == section:
                print(_line(row))


def _line(row: SettingHelp) -> str:
    """A line that is TOML, and its explanation as a comment below."""
    value = f"{row.key} = {row.value}" if row.value else f"# {row.key} is not set"
    unit = f" ({row.unit})" if row.unit else ""
    presets = "; ".join(f"{name} {value}" for name, value in row.presets.items())
    text = f"{row.meaning}{unit}. {row.range}." + (f" Presets: {presets}." if presets else "")
    width = max(_NARROWEST, min(get_terminal_size().columns, 120))
    return "\n".join([value, *textwrap.wrap(text, width, initial_indent="    # ", subsequent_indent="    # ")])
