"""Makes music by a bundle that TensorFlow Serving serves over REST; needs nothing but Python:

python examples/serving.py http://localhost:8501/v1/models/techno song.wav --seed 7 --seconds 30
"""

import argparse
import array
import json
import sys
import urllib.request
import wave

RATE, PER_LATENT = 44_100, 4_096  # of a model of the usual sizes; its metadata.json has its own
LATENTS = 64  # 6 s: an answer of JSON is several times as large as its numbers
MARGIN = 384  # latents of curves on each side of the piece: windows, of 128 at most, may depend on their neighbours


def call(url, signature, **inputs):
    """What a signature returns, nested lists; what goes in gets the dtypes of the signature."""
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    request = urllib.request.Request(f"{url}:predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["outputs"]


def blocks(url, seed, n_latents):
    """Yields consecutive `[samples][2]` of the piece of a seed."""
    # The curves of all of the piece, latent by latent: what to edit to steer it.
    signals = call(url, "signals", style_seed=seed, first_latent=-MARGIN, n_latents=n_latents + 2 * MARGIN)
    for first in range(0, n_latents, LATENTS):
        yield call(
            url,
            "render",
            seed=seed,
            style_seeds=[seed],
            style_weights=[[1.0]],
            loop_latents=0.0,
            first_latent=first,
            n_latents=min(LATENTS, n_latents - first),
            truncation=2.0,
            conditioning=signals,
            curve_start=-MARGIN,
        )


def pcm(block):
    """Samples `[n][2]` within -1..1 as the bytes of a WAV file."""
    values = array.array("h", (round(32767 * value) for sample in block for value in sample))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("url", help="of the model: http://HOST:8501/v1/models/NAME")
    made.add_argument("out", help="a WAV file to write")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--seconds", type=float, default=30.0)
    return made


def main():
    arguments = parser().parse_args()
    n_samples = round(arguments.seconds * RATE)
    with wave.open(arguments.out, "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        for block in blocks(arguments.url.rstrip("/"), arguments.seed, -(-n_samples // PER_LATENT)):
            file.writeframes(pcm(block[: n_samples - file.tell()]))


if __name__ == "__main__":
    main()
