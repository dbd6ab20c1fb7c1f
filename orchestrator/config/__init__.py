"""The YAML files that people write."""
