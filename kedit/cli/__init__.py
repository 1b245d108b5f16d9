"""The command line: parses, calls, prints; no logic. Modules here import only typer at the top, so that help is quick."""
