"""The processor, as Linux tells of it; elsewhere nothing is known."""

import os
import platform
from pathlib import Path

from musika_tf.errors import UserError

_FILE = Path("/proc/cpuinfo")
# Environment variables: whether TensorFlow computes with oneDNN, and the instruction set that this does not go beyond.
ONEDNN_SWITCH, ONEDNN_CAP = "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"
PRECISIONS = ("float32", "bfloat16")  # what music is rendered in
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
# Words of ONEDNN_CAP's values that leave oneDNN these.
_KEEP_BFLOAT16 = ("BF16", "FP16", "AMX", "AVX10", "ALL", "DEFAULT")


def facts():
    """The rows of the first core: dict of text."""
    lines = _FILE.read_text().split("\n\n")[0].splitlines() if _FILE.exists() else []
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def instruction_sets():
    """Names such as "avx512_bf16"."""
    return set(facts().get("flags", "").split())


def onednn_switch():
    """Whether ONEDNN_SWITCH is on (True) or off (False); None where TensorFlow chooses."""
    return {"1": True, "true": True, "0": False, "false": False}.get(os.environ.get(ONEDNN_SWITCH, "").lower())


def prefer_onednn(is_preferred):
    """Has TensorFlow, before its import, compute with oneDNN or without it on x86, unless ONEDNN_SWITCH is set already.
    By itself it takes oneDNN where it finds AVX-512 VNNI and the like."""
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault(ONEDNN_SWITCH, "1" if is_preferred else "0")


def lacks_bfloat16():
    """Why bfloat16 would be slow, or fail, on this processor: text, or None where it is fast."""
    if not _BFLOAT16 & instruction_sets():
        return "this processor has neither AVX512_BF16 nor AMX"
    cap = os.environ.get(ONEDNN_CAP, "").upper()
    if cap and not any(word in cap for word in _KEEP_BFLOAT16):
        return f"{ONEDNN_CAP}={cap} hides AVX512_BF16"
    if onednn_switch() is False:
        return f"{ONEDNN_SWITCH}={os.environ[ONEDNN_SWITCH]} switches off the kernels that have it"
    return None


def check_precision(precision):
    """UserError where music can't be rendered in one of PRECISIONS here."""
    if precision not in PRECISIONS:
        raise UserError(f"--precision={precision}: give {' or '.join(PRECISIONS)}")
    if precision == "bfloat16" and (reason := lacks_bfloat16()):
        raise UserError(f"--precision={precision}: {reason}; leave it out, for float32")
