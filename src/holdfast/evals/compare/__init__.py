"""Whether a more complex agent earns its complexity: the same cases played by several, in pairs, and the verdict on it."""
