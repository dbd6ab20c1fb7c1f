"""The store as pages that follow what happens."""
