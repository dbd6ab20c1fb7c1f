"""Labelled images, one file for each source."""
