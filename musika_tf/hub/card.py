"""A model's card: the README.md of its repository on a hub, whose YAML header is what the hub finds it by."""

from musika_tf.hub.client import LIBRARY
from musika_tf.model.metadata import generates

CARD, NOTICE = "README.md", "NOTICE"
# Licences as a hub's header writes them, which is lower case; all others are "other" with a name.
_KNOWN = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0", "cc-by-3.0", "cc-by-sa-3.0", "gpl-3.0", "lgpl-3.0",
    "agpl-3.0", "mpl-2.0", "unlicense",
)  # fmt: skip
_TRUST = "A SavedModel is a program that can read and write files: `--trust` says that you trust its owner."


def header(metadata):
    """The fields of the YAML header, a dict."""
    licence, is_generator = metadata["licence"].lower(), generates(metadata)
    fields = {"license": licence}
    if licence not in _KNOWN:
        fields = {"license": "other", "license_name": "-".join(licence.split()), "license_link": NOTICE}
    signals = sorted({row["name"].partition(":")[0] for row in metadata["conditioning"]})
    return fields | {
        "library_name": LIBRARY,
        "pipeline_tag": "text-to-audio" if is_generator else "audio-to-audio",  # what comes nearest on hubs
        "tags": ["music", "musika", "music-generation" if is_generator else "autoencoder", *signals],
    }


def text(name, metadata, samples, about=""):
    """The card of a HubName's model.

    Args:
      samples: [(path in the repository, what it is), ...].
      about: Markdown that follows.
    """
    from huggingface_hub import ModelCardData

    verb, what = ("generate", "--length=3m --out=song.wav") if generates(metadata) else ("encode", "--audio_dir=music")
    parts = [
        f"---\n{ModelCardData(**header(metadata)).to_yaml()}\n---",
        f"# {metadata['name']}",
        f"A model of musika_tf: Musika! (Pasini & Schlüter, ISMIR 2022) in TensorFlow. {_sizes(metadata)}",
        *(f'{title}\n\n<audio controls src="{path}"></audio>' for path, title in samples),
        "## Use",
        f"```sh\nmusika-tf {verb} --bundle_dir={name} --trust {what}\n```",
        f'```python\nimport musika_tf\n\nmodel = musika_tf.load("{name}", trust=True)\n```',
        _TRUST,
        _signals(metadata["conditioning"]),
        f"## Licence\n\n{metadata['licence']}, see {NOTICE}. {_trained_on(metadata)}",
        about.strip(),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def notice(metadata):
    """The licence notice of a model whose folder has none."""
    return f"{metadata['name']}, a model of musika_tf\n\nLicence: {metadata['licence']}\n{_trained_on(metadata)}\n"


def _sizes(metadata):
    made = "Endless stereo music" if generates(metadata) else "An autoencoder of stereo music"
    return f"{made} at {metadata['sample_rate']} Hz, {metadata['samples_per_latent']} samples to a latent."


def _trained_on(metadata):
    return f"Trained on: {metadata['trained_on']}" if metadata.get("trained_on") else ""


def _signals(rows):
    if not rows:
        return ""
    table = (f"| {row['name']} | {row['unit']} | {row['range'][0]:g} to {row['range'][1]:g} |" for row in rows)
    return "\n".join(["| what steers it | unit | range in training |", "|---|---|---|", *table])
