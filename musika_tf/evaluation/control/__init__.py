"""Does a model do what it is told? Tempo, beats and note density of generated music against what was asked for."""
