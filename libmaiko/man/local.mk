# One page per public noun, one per line.
