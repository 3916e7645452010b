"""Stages run, skipped, resumed: stage, runner, manifest, settings, paths, parallel."""
