"""The most likely path through MadMom's hidden Markov model of bars, in a fiftieth of the memory.

MadMom keeps the predecessor of each of its 16,000 states for every frame: 2 GB for five minutes. But only the few
hundred states at the beginning of a beat have a choice of predecessors. To keep theirs is enough, and the path is the
same.
"""

import numpy as np


class FewChoices:
    """Stands in for a `madmom.ml.hmm.HiddenMarkovModel` as a decoder."""

    def __init__(self, hmm):
        self.transition_model, self.observation_model = hmm.transition_model, hmm.observation_model
        self._initial = np.log(hmm.initial_distribution)
        states, ends = np.asarray(hmm.transition_model.states), np.asarray(hmm.transition_model.pointers)
        log_probabilities = np.asarray(hmm.transition_model.log_probabilities)
        n_choices = np.diff(ends)
        first = ends[:-1]  # of each state's predecessors in `states`
        self._previous, self._log = states[first], log_probabilities[first]  # right where there is just one
        self._choosers = np.flatnonzero(n_choices > 1)
        column = np.arange(n_choices.max())
        present = column < n_choices[self._choosers, None]
        rows = np.where(present, first[self._choosers, None] + column, 0)
        self._choices, self._choice_logs = states[rows], np.where(present, log_probabilities[rows], -np.inf)

    def viterbi(self, observations):
        """What the observation model takes, `[n, k]` -> the states int64 `[n]`, and the path's log probability."""
        densities = np.asarray(self.observation_model.log_densities(observations))
        kinds = np.asarray(self.observation_model.pointers)
        likeliest, rows = self._initial, np.arange(len(self._choosers))
        chosen = np.empty([len(densities), len(rows)], np.min_scalar_type(self._choices.shape[1]))
        for i, density in enumerate(densities):
            candidates = likeliest[self._choices] + self._choice_logs
            chosen[i] = best = candidates.argmax(axis=1)
            likeliest = likeliest[self._previous] + self._log
            likeliest[self._choosers] = candidates[rows, best]
            likeliest += density[kinds]
        return self._path(int(np.argmax(likeliest)), chosen), float(likeliest.max())

    def _path(self, state, chosen):
        """Back from the last state."""
        place = {chooser: row for row, chooser in enumerate(self._choosers.tolist())}
        previous, path = self._previous.tolist(), np.empty(len(chosen), np.int64)
        for i in range(len(chosen) - 1, -1, -1):
            path[i] = state
            row = place.get(state)
            state = previous[state] if row is None else int(self._choices[row, chosen[i, row]])
        return path
