"""What analytics writes: trials of tariffs, and the figures that its pages show."""
