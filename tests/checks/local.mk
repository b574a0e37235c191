# tests/checks: scripts that keep the structure honest, one per line, sorted.
