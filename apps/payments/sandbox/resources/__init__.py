"""One module per kind of object: how it is made, changed and read."""
