"""What runs in the peers' environment: python -m benchmarks.peers.networks NAME SECONDS THREADS. Of ours it imports
benchmarks.worker alone, which that environment has all for.

Each class builds a codec by its own package, with random weights, and has `encode(audio)` and `decode(code)` as that
package's users call them. `audio` is float32 `[1 or 2, channels, samples]`.
"""

import logging
import sys
import types
import warnings
from importlib import metadata

import torch

from benchmarks import worker

_PRODUCT = 2048


class Dac:
    """descript-audio-codec, 44.1 kHz: the package's defaults are that model's configuration."""

    package, channels = "descript-audio-codec", "1, both as a batch of two"
    sample_rate, shape, multiple = 44_100, (2, 1), 512

    def __init__(self):
        import dac

        self.network = dac.DAC().eval()

    def encode(self, audio):
        return self.network.encode(audio)[0]

    def decode(self, code):
        return self.network.decode(code)


class Encodec:
    """EnCodec, 48 kHz, at 6 kbit/s: in seconds of their own, as its package does."""

    package, channels = "encodec", "2"
    sample_rate, shape, multiple = 48_000, (1, 2), 1

    def __init__(self):
        import encodec

        self.network = encodec.EncodecModel.encodec_model_48khz(pretrained=False).eval()
        self.network.set_target_bandwidth(6.0)

    def encode(self, audio):
        return self.network.encode(audio)

    def decode(self, code):
        return self.network.decode(code)


class Rave:
    """RAVE v2, by its package's v2.gin. What is decoded are the means of its latents, as nothing is drawn from them."""

    package, channels = "acids-rave", "1, both as a batch of two"
    sample_rate, shape, multiple = 44_100, (2, 1), 2048

    def __init__(self):
        import gin
        import rave

        gin.parse_config_file("v2.gin")
        self._model = rave.RAVE().eval()
        # Without its critic, which is for training.
        self.network = torch.nn.ModuleList([self._model.encoder, self._model.decoder])

    def encode(self, audio):
        return self._model.encode(audio).chunk(2, 1)[0]

    def decode(self, code):
        return self._model.decode(code)


class Music2Latent:
    """music2latent, decoded in one step, as its package does."""

    package, channels = "music2latent", "1, one after the other"
    sample_rate, shape, multiple = 44_100, (2, 1), 1

    def __init__(self):
        from music2latent import inference

        class Untrained(inference.EncoderDecoder):
            def __init__(self):  # in place of the package's, which downloads
                self.device, self.gen = torch.device("cpu"), inference.UNet().eval()

        self._codec = Untrained()
        self.network = self._codec.gen

    def encode(self, audio):
        return self._codec.encode(audio[:, 0].numpy())

    def decode(self, code):
        return self._codec.decode(code)


PEERS = {"dac": Dac, "encodec": Encodec, "rave": Rave, "music2latent": Music2Latent}


def without_compiled_torchaudio():
    """Lets torchaudio do without its compiled part, which is built for CUDA and of which nothing here is called."""
    absent = types.ModuleType("torchaudio._extension")
    absent._IS_TORCHAUDIO_EXT_AVAILABLE, absent.fail_if_no_align = False, lambda function: function
    sys.modules[absent.__name__] = absent


def product_rate(seconds=0.5):
    """Operations per second of a float32 matrix product, by the clock and by CPU seconds."""
    a, b = torch.randn(2, _PRODUCT, _PRODUCT)
    once = worker.taken(lambda: torch.matmul(a, b)).wall
    n = max(1, round(seconds / max(once, 1e-6)))
    spent = worker.taken(lambda: [torch.matmul(a, b) for _ in range(n)])
    return worker.Taken(*(n * 2.0 * _PRODUCT**3 / value for value in spent))


def noise(peer, seconds):
    n_samples = round(seconds * peer.sample_rate)
    n_samples += -n_samples % peer.multiple
    return torch.rand(peer.shape[0], peer.shape[1], n_samples) - 0.5


@torch.inference_mode()
def serve(peer, seconds, answers):
    """`worker.serve` for a peer. The first calls, on a second of audio, count for nothing."""
    peer.decode(peer.encode(noise(peer, 1.0)))
    audio, code = noise(peer, seconds), {}

    def encode():
        code["latest"] = peer.encode(audio)

    def decode():
        if not code:
            encode()
        return worker.taken(lambda: peer.decode(code["latest"]))

    said = {
        "name": f"{peer.package} {metadata.version(peer.package)}",
        "sample_rate": peer.sample_rate,
        "channels": peer.channels,
        "parameters": sum(p.numel() for p in peer.network.parameters()),
    }
    tasks = {"encode": lambda: worker.taken(encode), "decode": decode, "product": product_rate}
    worker.serve(said, tasks, answers)


def main(name, seconds, threads):
    answers = worker.answers()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)  # gin's, of each folder in which it looks
    torch.set_num_threads(int(threads))
    without_compiled_torchaudio()
    torch.manual_seed(0)
    serve(PEERS[name](), float(seconds), answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
