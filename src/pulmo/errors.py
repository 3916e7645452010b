"""Whose mistake is it: the user's, the participant's, a scan's, or ours?

Ours is any ordinary exception: it keeps its traceback. The others are told to the person who can mend them,
without one, every fault with its place, its value and its remedy.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pulmo.files import printable


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what we were given.

    `where` names file, row and column (counted as a spreadsheet counts: the header is row 1), `what` the value and
    what is wrong with it, `remedy` what to do about it.
    """

    where: str
    what: str
    remedy: str

    def __post_init__(self) -> None:
        # Any of them may hold a file's name, which need not be UTF-8, and goes on to terminals, tables and pages.
        for name in ("where", "what", "remedy"):
            object.__setattr__(self, name, printable(getattr(self, name)))

    def __str__(self) -> str:
        end = "" if self.remedy.endswith((".", "?", "…")) else "."
        return f"{self.where}: {self.what}. {self.remedy}{end}"


class UserError(Exception):
    """The user's file, data, settings or machine is at fault; the message says how to mend it."""

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type["UserError"], tuple[tuple[Fault, ...]]]:
        # By default an exception is pickled by its message, which would lose the faults on the way back from a worker.
        return type(self), (self.faults,)


class ParticipantVisibleError(UserError):
    """A submission cannot be scored: the participant's mistake, in words that Kaggle may show to them."""


class ScanError(UserError):
    """One scan cannot be read or measured. It stops `pulmo scan`, but never a competition."""


class DivergedError(UserError):
    """A training or a prediction gave numbers that are not finite (NaN or infinite)."""

    @classmethod
    def of(cls, where: str, what: str) -> "DivergedError":
        """`where`: as far as it is known there (an epoch); `what` is not finite."""
        remedy = "Lower the learning rate, or give more regularisation, and run it again: what is done is kept"
        return cls(Fault(where, f"the training has diverged: {what}", remedy))

    def within(self, where: str) -> "DivergedError":
        """The same, told with what it is part of: a fold, a stage."""
        return type(self)(Fault(f"{where}, {fault.where}", fault.what, fault.remedy) for fault in self.faults)
