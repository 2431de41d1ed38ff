"""The processor, as Linux tells of it; elsewhere nothing is known."""

from pathlib import Path

_FILE = Path("/proc/cpuinfo")


def facts():
    """The rows of the first core: dict of text."""
    lines = _FILE.read_text().split("\n\n")[0].splitlines() if _FILE.exists() else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def instruction_sets():
    """Names such as "avx512_bf16"."""
    return set(facts().get("flags", "").split())
