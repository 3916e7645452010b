"""Tables joined with their images, and a sample of these read."""

from pathlib import Path

import pandas as pd
import pytest

from pulmo.errors import Fault, ScanError, UserError
from pulmo.pipeline.data_check import ImageTable, check_images, check_positives, combined, sample
from pulmo.protocols import DataCheck, Patients

NONE_FOUND = Fault("images", "holds none", "Give some")


def table_of(ids: list[str], images: list[str], unreadable: tuple[str, ...] = (), needed: bool = True) -> ImageTable:
    def read(path: Path) -> None:
        if path.name in unreadable:
            raise ScanError(Fault(path.name, "is damaged", "Download it again"))

    return ImageTable(
        "training images",
        lambda: ids,
        lambda: {name: Path(name) for name in images},
        read,
        (lambda _: NONE_FOUND) if needed else None,
    )


def raises() -> list[str]:
    raise UserError(Fault("train.csv", "is empty", "Download it again"))


def test_ids_and_images_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 9, 10, 11, 20, 22, 30, 33])  # reading takes 9, 1, 2 and 3 s: 2.5 s is the median
    monkeypatch.setattr("pulmo.pipeline.data_check.time.perf_counter", lambda: next(clock))
    found = check_images(table_of(["a", "b", "c", "d", "e", "f"], ["y", "x", "c", "d", "e", "f"], unreadable=("d",)))
    assert found.counts == {
        "training images, in the table": 6,
        "training images, with a file": 4,
        "training images, read of a sample": "3 of 4",
    }
    assert found.faults == ()
    assert found.notes == (
        "2 training images have no file and are left out, such as a",
        "2 training images have no row in the table and are left out, such as x",
        "One of the training images cannot be read and is left out: d: is damaged. Download it again.",
    )
    assert found.read_seconds == 4 * 2.5


def test_a_table_and_images_that_fit_have_no_notes() -> None:
    found = check_images(table_of(["a", "b"], ["a", "b"]))
    assert (found.faults, found.notes) == ((), ())
    assert found.counts["training images, read of a sample"] == "2 of 2"


def test_of_many_images_six_are_read() -> None:
    names = [f"{number:02}" for number in range(40)]
    found = check_images(table_of(names, names))
    assert found.counts["training images, read of a sample"] == "6 of 6"


def test_a_sample_of_which_nothing_can_be_read_is_a_fault() -> None:
    found = check_images(table_of(["a", "b", "c"], ["a", "b"], unreadable=("a", "b")))
    assert [fault.where for fault in found.faults] == ["a", "b"]
    assert found.notes == ("1 training images have no file and are left out, such as c",)
    assert found.read_seconds == 0


def test_images_that_are_all_missing() -> None:
    counts = {"training images, in the table": 2, "training images, with a file": 0}
    needed = check_images(table_of(["a", "b"], ["c"]))
    assert (needed.counts, needed.faults, needed.notes) == (counts, (NONE_FOUND,), ())
    free = check_images(table_of(["a", "b"], ["c"], needed=False))
    assert (free.counts, free.faults, free.notes) == (counts, (), ("None of the 2 training images has a file",))


@pytest.mark.parametrize("broken", ["ids", "images"])
def test_faults_of_the_table_or_the_folder(broken: str) -> None:
    found = check_images(table_of(["a"], ["a"])._replace(**{broken: raises}))  # type: ignore[arg-type]
    assert found.counts == {}
    assert [str(fault) for fault in found.faults] == ["train.csv: is empty. Download it again."]


def test_a_sample_has_the_first_and_the_last_in_order() -> None:
    names = [f"{number:02}" for number in range(40)]
    found = sample(names, 6)
    assert len(set(found)) == 6
    assert (found[0], found[-1], found) == ("00", "39", sorted(found))
    assert found == sample(names, 6) != sample(names, 6, seed=1)
    assert sample(names[:6], 6) == names[:6]
    assert sample(names[:7], 6)[-1] == "06"
    assert all(sample(names[:7], 6, seed) == sorted(set(sample(names[:7], 6, seed))) for seed in range(40))
    assert {name for seed in range(40) for name in sample(names[:7], 6, seed)} == set(names[:7])


@pytest.mark.parametrize(("folds", "fault"), [(2, None), (3, "4 patients with a finding have an image")])
def test_every_fold_needs_two_patients_with_a_finding(folds: int, fault: str | None) -> None:
    patients = Patients(pd.Series(["p", "p", "q", "r", "s", "t"]), ("no table of patients",))
    positive = pd.Series([True, True, True, True, True, False])
    found = check_positives(patients, positive, folds, Path("train.csv"), "a finding")
    assert found.counts == {"patients": 5, "images with a finding": 5}
    assert found.notes == (() if fault else ("no table of patients",))
    assert [str(one) for one in found.faults] == (
        [f"train.csv: {fault}. Give at least 6, or set features.folds lower."] if fault else []
    )


def test_checks_are_added_up() -> None:
    one = DataCheck({"a": 1}, (NONE_FOUND,), ("first",), disk_bytes=3, memory_bytes=5, read_seconds=1.5)
    two = DataCheck({"b": 2}, (), ("second",), disk_bytes=4, memory_bytes=2, read_seconds=2.0)
    assert combined(iter([one, two])) == DataCheck(
        {"a": 1, "b": 2}, (NONE_FOUND,), ("first", "second"), disk_bytes=7, memory_bytes=5, read_seconds=3.5
    )
    assert combined([]) == DataCheck({})
