"""Charts of results, written as Vega-Lite specifications."""
