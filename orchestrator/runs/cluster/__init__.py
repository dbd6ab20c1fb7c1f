"""The workers of a Dask cluster, which walk lanes, ask devices, build artifacts for a run."""
