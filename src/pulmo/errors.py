"""Errors by who can correct them: the user, the participant, whoever made a scan, whoever adds a competition, or us.

Ours are ordinary exceptions and keep their traceback. The others are shown without one, every fault with its place,
its value and its remedy.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pulmo.printable import printable


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the input.

    `where` names file, row and column (counted as a spreadsheet counts: the header is row 1), `what` the value and
    what is wrong with it, `remedy` what to do about it.
    """

    where: str
    what: str
    remedy: str

    def __post_init__(self) -> None:
        # Any of them may hold a file's name, which need not be UTF-8, and ends in terminals, tables and pages.
        for name in ("where", "what", "remedy"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def __str__(self) -> str:
        end = "" if self.remedy.endswith((".", "?", "…")) else "."
        return f"{self.where}: {self.what}. {self.remedy}{end}"


class UserError(Exception):
    """The user's file, data, settings or machine is at fault; the message gives the remedy."""

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type["UserError"], tuple[object, ...]]:
        # By default an exception is pickled by its message, which would lose the faults on the way back from a worker.
        return type(self), (self.faults,)


class CommandLineError(UserError):
    """An option or a name on the command line is wrong, whatever the data: exit code 2."""


class ParticipantVisibleError(UserError):
    """A submission cannot be scored: the participant's mistake, in words that Kaggle may show to them."""


class SubmissionsError(ParticipantVisibleError):
    """Some of several submissions cannot be scored or combined; `of_files` has the faults of each."""

    def __init__(self, of_files: Iterable[Iterable[Fault]]) -> None:
        self.of_files = tuple(map(tuple, of_files))
        super().__init__(fault for faults in self.of_files for fault in faults)

    def __reduce__(self) -> tuple[type[UserError], tuple[object, ...]]:
        return type(self), (self.of_files,)


class ContractError(UserError):
    """A competition's folder breaks the contract: a stage, a module, a setting or an estimate is not as declared."""


class CheckFailedError(UserError):
    """`pulmo NAME check` found faults in a competition's folder or in its data."""


class ScanError(UserError):
    """One scan cannot be read or measured. It stops `pulmo scan`, but never a competition."""


class DivergedError(UserError):
    """Training or prediction gave values that are not finite (NaN or infinite)."""

    @classmethod
    def of(cls, where: str, what: str) -> "DivergedError":
        """`where`: as far as it is known there (an epoch); `what` is not finite."""
        remedy = "Lower the learning rate, or increase regularisation, and run it again: finished work is kept"
        return cls(Fault(where, f"the training has diverged: {what}", remedy))

    def within(self, where: str) -> "DivergedError":
        """The same error with what it is part of in front: a fold, a stage."""
        return type(self)(Fault(f"{where}, {fault.where}", fault.what, fault.remedy) for fault in self.faults)


class FigureWarning(UserWarning):
    """A figure of a page could not be drawn because of an error in the code; the page has a remark in its place."""
