"""Rounds of peers with ours before and after each, what their times say, and the tables."""

import itertools

from benchmarks.results import spread
from benchmarks.rounds import interleaved, times_as_fast
from benchmarks.worker import Taken
from musika_tf.evaluation import tables

DIRECTIONS = ("encode", "decode")


def rounds(peers, ours, product, n_runs):
    """Measures ours before and after each peer, as `interleaved`.

    Args:
      peers: objects with `take("encode" | "decode" | "product")` -> (wall, cpu), as worker.Worker.
      ours: the same but for the product.
      product: our matrix product, `take("product")`.

    Returns:
      (found, products): `found` {(i, direction): [(peer's (wall, cpu), [(ours before, ours after), one per codec])]} by
      the peer's place, one for each round; `products` {"TensorFlow": rates, "PyTorch": rates}, each (wall, cpu).
    """
    found, products = {}, {"TensorFlow": [], "PyTorch": []}

    def measured():
        products["TensorFlow"].append(product.take("product"))
        return {(i, what): codec.take(what) for i, codec in enumerate(ours) for what in DIRECTIONS}

    def of_peer(peer):
        products["PyTorch"].append(peer.take("product"))
        return {what: peer.take(what) for what in DIRECTIONS}

    for i, seconds, before, after in interleaved(peers, of_peer, measured, n_runs):
        for what in DIRECTIONS:
            beside = [(before[j, what], after[j, what]) for j in range(len(ours))]
            found.setdefault((i, what), []).append((seconds[what], beside))
    return found, products


def rows_of(found, peers, ours, seconds):
    """One row for each codec and direction, ours first: dicts with the facts, `what` and `seconds`.

    `wall` and `cpu` are [median, lowest, highest] of the times real time; `faster` is {name of ours: {"wall", "cpu"}},
    the same of how many times as fast as the peer it was in a round.
    """
    rows = [_our_row(found, j, codec.facts, what, seconds) for j, codec in enumerate(ours) for what in DIRECTIONS]
    for (i, what), pairs in found.items():
        row = {**peers[i].facts, "what": what, "seconds": seconds, "faster": {}}
        for k, clock in enumerate(Taken._fields):
            row[clock] = spread(seconds / own[k] for own, _ in pairs)
        for j, codec in enumerate(ours):
            row["faster"][codec.facts["name"]] = times_as_fast((own, beside[j]) for own, beside in pairs)
        rows.append(row)
    return rows


def _our_row(found, j, facts, what, seconds):
    rounds_ = [beside[j] for (_, name), pairs in found.items() if name == what for _, beside in pairs]
    times = list(itertools.chain.from_iterable(rounds_))
    spreads = {clock: spread(seconds / t[k] for t in times) for k, clock in enumerate(Taken._fields)}
    return {**facts, "what": what, "seconds": seconds, **spreads, "faster": {}}


def facts_table(rows):
    """What the codecs are, as a Markdown table."""
    kinds = {row["name"]: row for row in rows}.values()
    head = ["", "sample rate", "channels", "parameters, millions"]
    return tables.markdown(
        head,
        [[r["name"], f"{r['sample_rate']:,} Hz", r["channels"], f"{r['parameters'] / 1e6:.1f}"] for r in kinds],
    )


def speed_table(rows):
    """How fast they are, as a Markdown table: times real time, and how many times as fast ours are."""
    ours = list(next((row["faster"] for row in rows if row["faster"]), {}))
    clocks = {"cpu": "by CPU seconds", "wall": "by the clock"}
    head = ["", "", "audio", *(f"times real time, {text}" for text in clocks.values())]
    head += [f"times as fast: {name}, {text}" for name in ours for text in clocks.values()]
    cells = []
    for row in rows:
        faster = [row["faster"].get(name, {}).get(clock) for name in ours for clock in clocks]
        spreads = [row[clock] for clock in clocks] + faster
        cells.append([row["name"], row["what"], f"{row['seconds']:g} s", *map(_text, spreads)])
    return tables.markdown(head, cells)


def products_text(products):
    """The rates of the matrix products, in a line."""
    rates = {name: spread(cpu / 1e9 for _, cpu in pairs) for name, pairs in products.items()}
    said = (f"{name} {middle:.0f} ({low:.0f} to {high:.0f})" for name, (middle, low, high) in rates.items())
    return f"Matrix product, GFLOP per CPU second: {', '.join(said)}"


def _text(values):
    return "" if values is None else f"{_number(values[0])} ({_number(values[1])} to {_number(values[2])})"


def _number(value):
    return f"{value:#.2g}".rstrip(".") if value < 99.5 else f"{value:.0f}"
