"""Results on their way to other programs, to other farms, to nowhere."""
