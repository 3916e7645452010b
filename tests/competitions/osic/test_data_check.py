"""`data_check.check` of OSIC."""

from pathlib import Path

from tests.competitions.data_checks import check, draw_data, faults, found_sound


def test_sound_data_have_no_fault_and_what_is_wrong_is_named(tmp_path: Path) -> None:
    drawn = draw_data("osic", tmp_path)
    found = found_sound("osic", drawn)
    assert found.counts["patients with several visits"] == 12
    assert found.counts["training scans, with a file"] == 0
    assert (found.disk_bytes, found.memory_bytes) == (2 * 12 * 8 * 48**2, 2_500_000_000)
    assert "None of the 12 training scans has a file" in found.notes
    assert "12 patients have more than one visit. Give at least 20" in faults(check("osic", drawn, "features.folds=10"))
    assert faults(check("osic", drawn, "features.folds=6")) == ""
    sample = drawn / "sample_submission.csv"
    sample.write_text(sample.read_text() + "nobody_5,2000,100\n")
    assert "patient 'nobody' has no visit in test.csv" in faults(check("osic", drawn))
    (drawn / "test.csv").write_text((drawn / "test.csv").read_text().replace("Male", "male"))
    assert "test.csv, row 3, Sex: 'male' is not known" in faults(check("osic", drawn))
    visits = (drawn / "train.csv").read_text().splitlines()
    patient = visits[1].partition(",")[0]
    once = [visits[0], visits[1], *(line for line in visits if not line.startswith((patient, "Patient")))]
    (drawn / "train.csv").write_text("\n".join(once))
    assert check("osic", drawn).counts["patients with several visits"] == 11
    (drawn / "train.csv").write_text((drawn / "train.csv").read_text().replace("Male", "male"))
    assert "Sex: 'male' is not known. Write Male or Female" in faults(check("osic", drawn))
