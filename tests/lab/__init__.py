"""Real servers for tests, one file each: pytest plug-ins that `tests/conftest.py` loads."""
