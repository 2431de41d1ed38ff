"""What is installed with the package: presets in `flags/`, models in `models/`; found from any working directory."""

from pathlib import Path

PACKAGE = Path(__file__).parent
PRESETS = PACKAGE / "flags"
DEFAULT_MODEL = "models/techno"
DEFAULT_AUTOENCODER = "models/music-ae"


def find(path):
    """The path itself where it exists, otherwise the Path of what is shipped under the name, `flags/...` or
    `models/...`, if any."""
    parts = Path(path).parts
    if len(parts) < 2 or parts[0] not in ("flags", "models") or ".." in parts or Path(path).exists():
        return path
    shipped = PACKAGE / path
    return shipped if shipped.exists() else path


def default_model():
    """The folder of the model that plays where none is named."""
    return PACKAGE / DEFAULT_MODEL


def default_autoencoder():
    """The folder of the bundle that encodes and decodes where none is named."""
    return PACKAGE / DEFAULT_AUTOENCODER


def models():
    """The folders of all shipped bundles, that of the default autoencoder first."""
    folders = sorted(path.parent for path in PACKAGE.glob("models/*/metadata.json"))
    return sorted(folders, key=lambda folder: folder != default_autoencoder())


def name(path):
    """A path as a user would write it: `models/...` of what is shipped."""
    path = Path(path)
    return str(path.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else str(path)
