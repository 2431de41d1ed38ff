"""Kick, hats, claps, percussion, fills: each draws its sounds and pattern and plays them into a bus.

A layer is a function (track, bars) -> bus [samples, 2]; `bars` are the numbers of the bars
in which it plays. Its loudness does not matter: techno.mix sets it.
"""

import numpy as np

from corpus import mixing, patterns
from corpus.grid import STEPS_PER_BAR

KICKS = ("bd_tek", "bd_klub", "bd_haus", "bd_pure", "bd_gas", "bd_zome", "bd_sone", "bd_fat",
         "drum_heavy_kick", "drum_bass_hard", "bd_808")  # fmt: skip
KICK_CLICKS = ("bd_ada", "bd_zum", "elec_hollow_kick", "elec_soft_kick", "elec_tick")
OPEN_HATS = ("drum_cymbal_open", "elec_cymbal", "drum_splash_hard", "drum_cymbal_hard")
CLOSED_HATS = ("drum_cymbal_closed", "drum_cymbal_pedal", "elec_cymbal", "drum_cymbal_open",
               "drum_splash_soft")  # fmt: skip
CLAPS = ("sn_dub", "sn_dolf", "sn_zome", "elec_hi_snare", "elec_snare", "elec_filt_snare",
         "drum_snare_hard", "sn_generic")  # fmt: skip
CLAP_TOPS = ("perc_snap", "perc_snap2", "elec_mid_snare")
PERCS = ("elec_blip", "elec_blip2", "elec_pop", "elec_wood", "elec_twip", "elec_flip", "elec_bong",
         "elec_bell", "elec_ping", "elec_beep", "elec_triangle", "drum_cowbell", "drum_tom_hi_soft",
         "drum_tom_mid_soft", "perc_impact1", "perc_impact2", "elec_fuzz_tom", "tabla_ghe1",
         "tabla_na", "tabla_te1", "glitch_perc5", "perc_door")  # fmt: skip
TOMS = ("drum_tom_hi_hard", "drum_tom_mid_hard", "drum_tom_lo_hard")
ROLLS = ("sn_generic", "elec_hi_snare", "drum_snare_hard", "elec_filt_snare")
RIDES = ("drum_cymbal_soft", "drum_splash_soft", "elec_chime")
CRASHES = ("drum_splash_hard", "drum_cymbal_hard", "perc_till")
SAMPLE_NAMES = {*KICKS, *KICK_CLICKS, *OPEN_HATS, *CLOSED_HATS, *CLAPS, *CLAP_TOPS, *PERCS, *TOMS, *ROLLS, *RIDES,
                *CRASHES}  # fmt: skip


def kick(track):
    """Four on the floor, mono; a soft kick and, in half of the tracks, a click on top."""
    rng, bus = track.rng("kick"), track.bus()
    sound = mixing.to_mono(track.samples.sound(patterns.pick(rng, KICKS), float(rng.uniform(-1.5, 1))))
    sound = mixing.decay(sound, rng.uniform(0.5, 0.9))
    if rng.random() < 0.5:
        click = mixing.filtered(track.samples.sound(patterns.pick(rng, KICK_CLICKS)), "highpass", 600)
        layered = np.zeros((max(len(sound), len(click)), 2), np.float32)
        mixing.add_at(layered, sound, 0)
        mixing.add_at(layered, mixing.to_mono(click), 0, rng.uniform(0.15, 0.4))
        sound = layered
    for position in track.kick_positions():
        mixing.add_at(bus, sound, position)
    return bus


def open_hat(track, bars):
    """The off-beat hat: on every third of four sixteenths."""
    rng, bus = track.rng("open_hat"), track.bus()
    sound = track.samples.sound(patterns.pick(rng, OPEN_HATS), float(rng.uniform(-3, 3)))
    sound = mixing.decay(mixing.filtered(sound, "highpass", 4000), rng.uniform(0.15, 0.4))
    sound = sound * mixing.pan_gains(rng.uniform(-0.25, 0.25))
    steps = patterns.steps(bars, (2, 6, 10, 14))
    patterns.play(track, bus, sound, steps, rng.uniform(0.9, 1.0, len(steps)))
    return bus


def closed_hat(track, bars):
    """Sixteenths with accents, panned to one side, with a quieter second hat on the other."""
    rng, bus = track.rng("closed_hat"), track.bus()
    side = rng.choice([-1, 1])
    accents = rng.uniform(0.25, 1.0, STEPS_PER_BAR)
    accents[rng.random(STEPS_PER_BAR) < rng.choice([0.0, 0.2, 0.35])] = 0
    for position, share in ((side * rng.uniform(0.3, 0.7), 1.0), (-side * 0.7, rng.uniform(0.3, 0.8))):
        sound = track.samples.sound(patterns.pick(rng, CLOSED_HATS), float(rng.uniform(-4, 5)))
        sound = mixing.decay(mixing.filtered(sound, "highpass", 5500), rng.uniform(0.04, 0.12))
        sound = sound * mixing.pan_gains(position)
        steps = patterns.steps(bars, range(STEPS_PER_BAR))
        human = rng.uniform(0.85, 1.0, len(steps))
        patterns.play(track, bus, sound, steps, share * np.tile(accents, len(bars)) * human)
        accents = np.roll(accents, int(rng.integers(1, 4)))
    return bus


def clap(track, bars):
    """Clap or snare on beats 2 and 4, two sounds layered, the top one wide."""
    rng, bus = track.rng("clap"), track.bus()
    body = track.samples.sound(patterns.pick(rng, CLAPS), float(rng.uniform(-2, 3)))
    body = mixing.decay(mixing.filtered(body, "highpass", 180), rng.uniform(0.2, 0.5))
    top = track.samples.sound(patterns.pick(rng, CLAP_TOPS), float(rng.uniform(-2, 2)))
    top = mixing.decay(mixing.filtered(top, "highpass", 500), rng.uniform(0.15, 0.4))
    steps = patterns.steps(bars, (4, 12))
    ghost = patterns.steps(bars[1::2], (patterns.pick(rng, (7, 9, 15)),)) if rng.random() < 0.3 else []
    patterns.play(track, bus, body, steps + ghost, [1.0] * len(steps) + [0.25] * len(ghost))
    # A top a few milliseconds later on one side widens the clap and leaves its attack alone.
    late = round(rng.uniform(0.004, 0.012) * mixing.SAMPLE_RATE)
    for step in steps:
        position = track.grid.sample_at(step)
        mixing.add_at(bus, top, position, mixing.pan_gains(-0.7) * 0.6)
        mixing.add_at(bus, top, position + late, mixing.pan_gains(0.7) * 0.6)
    return bus


def perc(track, bars):
    """Two or three small percussions, each on a Euclidean pattern and panned away."""
    rng, bus = track.rng("perc"), track.bus()
    n_voices = int(rng.integers(2, 4))
    side = rng.choice([-1, 1])
    for voice in range(n_voices):
        sound = track.samples.sound(patterns.pick(rng, PERCS), float(rng.uniform(-5, 5)))
        sound = mixing.decay(mixing.filtered(sound, "highpass", 200), rng.uniform(0.1, 0.35))
        sound = sound / max(mixing.rms(sound), 1e-6)
        place = side * (-1) ** voice * rng.uniform(0.5, 1.0)
        pattern = patterns.euclid(int(patterns.pick(rng, (2, 3, 3, 5, 5, 7))), STEPS_PER_BAR, int(rng.integers(16)))
        steps = patterns.steps(bars, [step for step in pattern if step % 4 or rng.random() < 0.3])
        patterns.play(track, bus, sound * mixing.pan_gains(place), steps, rng.uniform(0.5, 1.0, len(steps)))
    return mixing.set_width(bus, 0.3, bass_hertz=200.0)


def ride(track, bars):
    """A quiet cymbal on the eighths or the beats."""
    rng, bus = track.rng("ride"), track.bus()
    sound = track.samples.sound(patterns.pick(rng, RIDES), float(rng.uniform(-2, 4)))
    sound = mixing.decay(mixing.filtered(sound, "highpass", 3500), rng.uniform(0.25, 0.6))
    sound = sound * mixing.pan_gains(rng.choice([-1, 1]) * rng.uniform(0.3, 0.6))
    steps = patterns.steps(bars, patterns.pick(rng, (range(0, 16, 2), range(0, 16, 4), (2, 6, 10, 14))))
    patterns.play(track, bus, sound, steps, rng.uniform(0.7, 1.0, len(steps)))
    return bus


def accents(track, bars):
    """Fills in the last bar of a phrase and crashes on the first beat of one."""
    del bars  # Every phrase has them; where they fall is in the form.
    rng, bus = track.rng("accents"), track.bus()
    crash = track.samples.sound(patterns.pick(rng, CRASHES), float(rng.uniform(-2, 3)))
    crash = mixing.filtered(crash, "highpass", 1200) * mixing.pan_gains(rng.uniform(-0.4, 0.4))
    roll = mixing.filtered(track.samples.sound(patterns.pick(rng, ROLLS), float(rng.uniform(0, 4))), "highpass", 250)
    roll = mixing.decay(roll, 0.2)
    bars_per_phrase = track.grid.n_bars // len(track.phrases)
    for number, phrase in enumerate(track.phrases):
        first = number * bars_per_phrase * STEPS_PER_BAR
        last_bar = first + (bars_per_phrase - 1) * STEPS_PER_BAR
        if phrase.crash:
            mixing.add_at(bus, crash, track.grid.sample_at(first), 0.8)
        if phrase.fill == "roll":
            length = patterns.pick(rng, (4, 8, 16))
            patterns.play(track, bus, roll, range(last_bar + 16 - length, last_bar + 16), np.linspace(0.2, 0.8, length))
        elif phrase.fill:
            for step, hit in enumerate(rng.random(8) < 0.6):
                tom = mixing.decay(track.samples.sound(patterns.pick(rng, TOMS)), 0.35)
                place = mixing.pan_gains((step - 3.5) / 5)
                if hit:
                    mixing.add_at(bus, tom, track.grid.sample_at(last_bar + 8 + step), 0.6 * place)
    return bus
