"""What executes an artifact on a device, one file each."""
