"""How good the scores of images are."""
