"""$title: a Kaggle kernel without internet access.

In: $inputs. Out: $outputs.
"""

from pulmo.commands.console import quietly
from pulmo.kaggle.runtime import check_versions, dataset_folder, install_missing


def main() -> None:
    """Install what Kaggle's image lacks, then run the stages in order."""
    bundle = dataset_folder("$dataset")
    install_missing(bundle / "wheels")
    check_versions(bundle / "wheels")

    from pulmo.commands.kernel_run import KernelRun  # imports what may only now be installed

    kernel = KernelRun("$competition", bundle)
    kernel.run("$stage")  # $summary


if __name__ == "__main__":
    quietly(main)
