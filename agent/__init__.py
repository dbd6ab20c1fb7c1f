"""The device half of farm: one fresh process for each measurement, every record in a journal."""
