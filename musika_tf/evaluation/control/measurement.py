"""Makes steered pieces of a model, hears them, and sums up."""

import dataclasses
import functools
import itertools
import typing

from musika_tf.conditioning import madmom_package
from musika_tf.evaluation.control import curve, figures, pieces, report
from musika_tf.generate import bars


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What can be measured of a model, a loaded bundle; each method returns a dict of plain values. `tell` is called
    with a line per piece."""

    loaded: object
    metadata: dict
    tell: typing.Callable = print

    @property
    def latents_per_second(self):
        return self.metadata["sample_rate"] / self.metadata["samples_per_latent"]

    def about(self):
        """`model`, `steps`, and whether it has a `clock`."""
        clock = bars.has_clock(self.metadata)
        return {"model": self.metadata["name"], "steps": self.metadata.get("steps"), "clock": clock}

    def tempo(self, values, count, seconds):
        """`count` pieces of `seconds` at each of the tempi `values`, seeds 1, 2, ...: `extractor`, `seconds`, `seeds`,
        `pieces` (`pieces.measure_tempo` and the seed of each), and `figures.tempo_summary` of each tempo (`settings`, a
        list) and of all pieces (`all`)."""
        by = pieces.extractor(self.metadata, "tempo")
        rows = self._rows("tempo", values, count, seconds, functools.partial(pieces.measure_tempo, estimator=by))
        summed_up = _summed_up(rows, figures.tempo_summary, figures.tempo_summary)
        return {"extractor": by, "seconds": seconds, "seeds": count, **summed_up}

    def beats(self, values, count, seconds):
        """The same by `pieces.measure_beats` and `figures.grid_summary`."""
        hear = functools.partial(pieces.measure_beats, clock=bars.has_clock(self.metadata))
        rows = self._rows("tempo", values, count, seconds, hear)
        summed_up = _summed_up(rows, figures.grid_summary, figures.grid_summary)
        return {"extractor": madmom_package.NAME, "seconds": seconds, "seeds": count, **summed_up}

    def note_density(self, values, count, seconds):
        """The same by `pieces.measure_density`, `figures.density_summary` and, of all, `figures.rank_summary`."""
        by, signal = pieces.extractor(self.metadata, "note_density"), pieces.density_signal(self.metadata)
        how = {"signal": signal, "detector": by, "latents_per_second": self.latents_per_second}
        rows = self._rows("note_density", values, count, seconds, functools.partial(pieces.measure_density, **how))
        summed_up = _summed_up(rows, figures.density_summary, figures.rank_summary)
        return {"extractor": by, "seconds": seconds, "seeds": count, **summed_up}

    def tags(self, values, count, seconds):
        """The same by `pieces.measure_tags`, `figures.tags_summary` and `figures.tags_beside`; `values` are texts such
        as "techno=0.9"."""
        from musika_tf.conditioning.musicnn import MusiCNN

        hear = functools.partial(pieces.measure_tags, network=MusiCNN.load())
        rows = self._rows("tags", values, count, seconds, hear)
        summed_up = _summed_up(rows, figures.tags_summary, figures.tags_beside)
        return {"extractor": pieces.EXTRACTORS["tags"], "seconds": seconds, "seeds": count, **summed_up}

    def curve(self, seconds, period):
        """Seed 1 with a sine of note density, between the quartiles of the trained range: see `curve.measure`."""
        low, high = curve.quartiles(self.metadata)
        text = curve.sine(low, high, period, seconds)
        by, signal = pieces.extractor(self.metadata, "note_density"), pieces.density_signal(self.metadata)
        parts = pieces.waveforms(self.loaded, self.metadata, 1, {"note_density": text}, seconds)

        def progress(done):
            self.tell(f"curve: heard {done:.0f} of {seconds} s")

        measured = curve.measure(parts, text, signal, by, self.latents_per_second, progress)
        return {"extractor": by, "lowest": low, "highest": high, "period": period, **measured}

    def _rows(self, name, values, count, seconds, hear):
        """What `hear(waveform, value)` says of the pieces, and the seed of each."""
        rows = []
        for value in values:
            for seed in range(1, count + 1):
                waveform = pieces.whole(self.loaded, self.metadata, seed, {name: str(value)}, seconds)
                rows.append({"seed": seed, **hear(waveform, value)})
                self.tell(f"{name} {report.setting(value)}, seed {seed}: {report.one_line(rows[-1])}")
        return rows


def _summed_up(rows, summary, summary_of_all):
    """`settings`, `all` and `pieces` of rows that are in the order of what they `requested`."""
    by_setting = itertools.groupby(rows, key=lambda row: row["requested"])
    settings = [{"requested": value, **summary(list(group))} for value, group in by_setting]
    return {"settings": settings, "all": summary_of_all(rows), "pieces": rows}
