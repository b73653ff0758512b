"""EC2 instance types: which exist, which have ARM processors, which have a GPU that can train; the defaults.

The names are those of the installed botocore. A type of a newer generation than it knows is accepted, with a remark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

from contracts.near import did_you_mean

DEFAULT_INFERENCE: Final = "c7i.large"
DEFAULT_GPU: Final = "g4dn.xlarge"  # of a retraining that needs the trainer's environment
# Of a retraining that teaches heads. Its 8 GiB hold a fit of retrain/heads/examples.py's MOST_SUBJECTS, which takes 3.5
# (docs/recipes.md, On AWS). Its 2 vCPUs are within the quota of a new account, beside an instance that labels.
# AWS's free plan has it.
DEFAULT_PROCESSOR: Final = "m7i-flex.large"
_TYPE: Final = re.compile(r"([a-z]+)([0-9]+)([a-z0-9-]*)\.([a-z0-9-]+)")
_ARM: Final = re.compile(r"a1\.|[a-z]+\d+[a-z]*g|p6e-gb")
# With the driver of AWS's image for trainings (infra/training/training_instance.py), which is for Turing and newer.
_TRAINS: Final = frozenset("g4dn g5 g6 g6e g7 g7e gr6 p4d p4de p5 p5e p5en p6-b200 p6-b300".split())  # noqa: SIM905
_OLD_GPU: Final = frozenset("g2 g3 g3s p2 p3 p3dn cg1".split())  # noqa: SIM905
_PART_OF_GPU: Final = frozenset("g6f gr6f".split())  # noqa: SIM905
_OTHER_CHIPS: Final = re.compile(r"(inf|trn|dl|vt|f)\d")
_GPU_SERIES: Final = frozenset({"g", "gr", "p"})
_INSTEAD: Final = f"write one such as {DEFAULT_GPU}, g5.xlarge or g6.xlarge"
_KNOWN_WITHOUT_LIST: Final = frozenset({DEFAULT_INFERENCE, DEFAULT_GPU, DEFAULT_PROCESSOR})


@cache
def known_types() -> frozenset[str]:
    """Every type that botocore knows."""
    from botocore.loaders import Loader  # noqa: PLC0415 - the list takes a second to read; the defaults don't need it

    return frozenset(Loader().load_service_model("ec2", "service-2")["shapes"]["InstanceType"]["enum"])


def is_new(name: str) -> bool:
    """Whether the type may exist, of a later generation than all that botocore knows of its series."""
    if name in _KNOWN_WITHOUT_LIST or name in known_types():
        return False
    match = _TYPE.fullmatch(name)
    known = [found for each in known_types() if (found := _TYPE.fullmatch(each))]
    if match is None or match[4] not in {found[4] for found in known}:
        return False
    generations = [int(found[2]) for found in known if found[1] == match[1]]
    return bool(generations) and max(generations) < int(match[2]) < max(generations) + 10


def is_arm(name: str) -> bool:
    """Whether the type has ARM processors (Graviton), which need an image of their own."""
    return _ARM.match(name) is not None


def check_inference_type(name: str) -> str:
    """The type, if it runs Linux on x86-64 or ARM; otherwise ValueError with the nearest that does."""
    if name == DEFAULT_INFERENCE:
        return name
    return _checked(name, DEFAULT_INFERENCE, lambda _: True)


def default_training(*, gpu: bool) -> str:
    """The type of a retraining that needs a GPU, or of one that does not."""
    return DEFAULT_GPU if gpu else DEFAULT_PROCESSOR


def check_training_type(name: str) -> str:
    """The type, if it runs Linux on x86-64, or nothing; otherwise ValueError with what does.

    Whether it must have a GPU, the recipe says: `check_gpu_type`.
    """
    if not name or name in (DEFAULT_GPU, DEFAULT_PROCESSOR):
        return name
    _checked(name, DEFAULT_GPU, lambda each: not is_arm(each))
    if is_arm(name):
        raise ValueError(
            f"{name!r} is not an x86-64 type but an ARM one; write it as {DEFAULT_GPU}, or leave it empty for the type "
            "that fits the recipe"
        )
    return name


def has_gpu(name: str) -> bool:
    """Whether the type has an NVIDIA GPU that a training can use."""
    match = _TYPE.fullmatch(name)
    new = match is not None and match[1] in _GPU_SERIES and is_new(name)
    return name == DEFAULT_GPU or name.partition(".")[0] in _TRAINS or new


def check_gpu_type(name: str) -> str:
    """The type, if it has an NVIDIA GPU that a training can use; otherwise ValueError with what can."""
    if has_gpu(name):
        return name
    family = name.partition(".")[0]
    if family == "g4ad":
        why = "an AMD GPU, and a training needs NVIDIA's"
    elif _OTHER_CHIPS.match(family):
        why = "no NVIDIA GPU, but a chip that PyTorch's builds for GPUs can't use"
    elif family in _OLD_GPU:
        why = "a GPU that is too old for the driver of AWS's image"
    elif family in _PART_OF_GPU:
        why = "a part of a GPU, which needs another driver than that of AWS's image"
    else:
        why = "no GPU"
    raise ValueError(f"{name!r} has {why}; {_INSTEAD}")


def _checked(name: str, default: str, fits: Callable[[str], bool]) -> str:
    if name.startswith("mac"):
        raise ValueError(f"{name!r} is not a type for Linux; write it as {default}")
    if name in known_types() or is_new(name):
        return name
    others = [each for each in known_types() if fits(each) and not each.startswith("mac")]
    family = name.lower().partition(".")[0]
    of_family = [each for each in others if each.partition(".")[0] == family]  # a typing error in the size
    hint = did_you_mean(name, of_family or others) or f"; write it as {default}"
    raise ValueError(f"{name!r} is not an EC2 instance type{hint}")
