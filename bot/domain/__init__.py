"""Pure values and rules: no input or output, standard library and pydantic (for codecs) only."""
