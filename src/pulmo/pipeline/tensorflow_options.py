"""What TensorFlow reads from the environment as soon as it is loaded, here and in processes started from here."""

import os

OPTIONS = {
    # TensorFlow logs to stderr from C++ unless told otherwise.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # It leaves oneDNN's convolutions off on CPUs without AVX-512 VNNI, where they are twice as fast, too.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}


def prepare_tensorflow() -> None:
    """Set OPTIONS, except those that the user has set. Without effect once TensorFlow has been loaded."""
    for name, value in OPTIONS.items():
        os.environ.setdefault(name, value)
