"""The commands of Kaggle kernels: build, rehearse, push."""

from pathlib import Path
from typing import Annotated

import typer

from pulmo.cli.options import NewestRun, Train, path
from pulmo.competition import Accelerator, Competition


def kernel_app(competition: Competition) -> typer.Typer:
    """The commands of a competition's Kaggle kernels."""
    group = typer.Typer(help="The solution as a Kaggle kernel: build, rehearse locally, push.", no_args_is_help=True)

    @group.command()
    def build(
        train: Train = False,
        notebook: Annotated[
            bool, typer.Option("--notebook", help="As a notebook (.ipynb) besides the script; the notebook is pushed.")
        ] = False,
        run: NewestRun = None,
        owner: Annotated[
            str | None, typer.Option(help="Your name on Kaggle. Default: from the credentials.", show_default=False)
        ] = None,
        accelerator: Annotated[
            Accelerator | None,
            typer.Option(
                help=f"Kaggle's machine; NvidiaTeslaT4 has two T4s. Default: {competition.kernel.accelerator}.",
                show_default=False,
            ),
        ] = None,
        docker_image: Annotated[
            str,
            typer.Option(
                help="Kaggle's image: gcr.io/kaggle-images/python@sha256:…. Default: that of the first push.",
                show_default=False,
            ),
        ] = "",
        data: Annotated[
            Path | None,
            typer.Option(
                parser=path,
                help="With --train: folder whose files of your own, such as nih_patients.csv, go along. "
                "Default: data/<slug>.",
                show_default=False,
            ),
        ] = None,
    ) -> None:
        """Build the script with the package inside, and the dataset with the model and the wheels."""
        from pulmo.commands.kernel import BuildRequest, build_kernel

        request = BuildRequest(train, notebook, run, owner, accelerator, docker_image, data)
        build_kernel(competition, request)

    @group.command()
    def rehearse(
        train: Train = False,
        data: Annotated[
            Path | None,
            typer.Option(
                parser=path,
                help="Training data to cut a hidden test set from. Default: demo data.",
                show_default=False,
            ),
        ] = None,
        python: Annotated[
            str | None, typer.Option(help="The interpreter. Default: python3.12, else this one.", show_default=False)
        ] = None,
    ) -> None:
        """Run the built kernel as Kaggle would, on a hidden test set within Kaggle's limits, and score it."""
        from pulmo.commands.kernel import rehearse_kernel

        rehearse_kernel(competition, train, data, python)

    @group.command()
    def push(train: Train = False) -> None:
        """Push dataset and kernel, wait until it has run on Kaggle, and fetch its output."""
        from pulmo.commands.kernel import push_kernel

        push_kernel(competition, train)

    return group
