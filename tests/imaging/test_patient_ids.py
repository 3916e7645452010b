import pytest

from pulmo.imaging.patient_ids import patients_of


@pytest.mark.parametrize(
    ("names", "patients", "words"),
    [
        (["A", "B", "A"], ["A", "B", "A"], None),
        (["A", "A", "A"], ["1", "2", "3"], "Of 3 scans, all have the same PatientID 'A': each of these counts"),
        (["ANONYMOUS", "B", "ANONYMOUS"], ["1", "B", "3"], "2 have the same PatientID 'ANONYMOUS'"),
        (["", "B", ""], ["1", "B", "3"], "2 have no PatientID"),
        (["0", "0", "00"], ["1", "2", "3"], "2 have the same PatientID '0'"),
        (["anonymized", "", "B"], ["1", "2", "B"], None),  # one each: nothing is lost
        (["10", "10", "01"], ["10", "10", "01"], None),
    ],
)
def test_a_placeholder_identifies_no_patient(names: list[str], patients: list[str], words: str | None) -> None:
    found, notes = patients_of(["1", "2", "3"], names, "scans")
    assert found == patients
    assert len(notes) == (words is not None)
    assert all(words and words in note for note in notes)


def test_one_scan_alone_keeps_its_patient() -> None:
    assert patients_of(["scan"], ["P7"], "scans") == (["P7"], [])
