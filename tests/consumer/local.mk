# tests/consumer: a project of its own that uses an installed libmaiko; CI builds it (.ci/run).
