"""The device half of farm: measure one case per fresh process, and write down everything."""
