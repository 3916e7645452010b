import os
from pathlib import Path

import pytest

from pulmo.errors import UserError
from pulmo.pipeline.fingerprint import (
    digest_code,
    digest_file,
    digest_output,
    digest_raw,
    digest_settings,
    digest_value,
    imports,
    module_of,
    stamp_of,
)
from pulmo.pipeline.settings import Section


def test_the_order_of_keys_does_not_matter() -> None:
    assert digest_value({"a": 1, "b": [2]}) == digest_value({"b": [2], "a": 1}) != digest_value({"a": 1, "b": [3]})


def test_a_file_is_its_sha_256(tmp_path: Path) -> None:
    """The example of FIPS 180-2, appendix B.1."""
    (tmp_path / "a.txt").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (
        digest_file(tmp_path / "a.txt") == digest_output(tmp_path / "a.txt") == digest_raw(tmp_path / "a.txt") == digest
    )


def test_a_folder_is_its_files_by_name_and_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner/a.txt").write_text("a")
    assert digest_output(tmp_path / "one") == digest_output(tmp_path / "two")
    (tmp_path / "two/inner/a.txt").rename(tmp_path / "two/inner/b.txt")
    assert digest_output(tmp_path / "one") != digest_output(tmp_path / "two")


def test_raw_folders_change_with_their_listing(tmp_path: Path) -> None:
    assert digest_raw(tmp_path / "train") == "absent"
    (tmp_path / "train/patient").mkdir(parents=True)
    empty = digest_raw(tmp_path / "train")
    (tmp_path / "train/patient/1.dcm").write_bytes(b"123")
    one = digest_raw(tmp_path / "train")
    (tmp_path / "train/patient/1.dcm").write_bytes(b"1234")
    assert len({empty, one, digest_raw(tmp_path / "train"), "absent"}) == 4


def test_raw_folders_count_what_links_lead_to_and_end_in_circles(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "1.dcm").write_bytes(b"1")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "series").symlink_to(tmp_path / "store")
    (tmp_path / "data" / "circle").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "lost").symlink_to(tmp_path / "nowhere")
    before = digest_raw(tmp_path / "data")
    (tmp_path / "store" / "1.dcm").write_bytes(b"12")
    assert digest_raw(tmp_path / "data") != before


@pytest.mark.parametrize(
    ("changed", "matters"),
    [("square", True), ("helper", True), ("deeper", True), ("inner", True), ("features", False)],
)
def test_the_code_of_a_stage_is_its_module_and_what_that_imports(changed: str, matters: bool, toy: Path) -> None:
    package = toy / "toy"
    (package / "inner.py").write_text("")
    (package / "deeper.py").write_text("def value():\n    from pulmo.competitions.toy import inner\n")
    (package / "helper.py").write_text("from pulmo.competitions.toy.deeper import value\n")
    square = package / "square.py"
    square.write_text(square.read_text() + "\nfrom pulmo.competitions.toy.helper import value\n")
    digests = []
    for _ in range(2):
        digest_code.cache_clear()
        digests.append(digest_code("pulmo.competitions.toy.square"))
        (package / f"{changed}.py").write_text((package / f"{changed}.py").read_text() + "# changed\n")
    assert (digests[0] != digests[1]) is matters


def test_imports_for_type_checkers_do_not_count() -> None:
    source = """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import slow
    from pulmo.report import page
else:
    import quick
def draw():
    if True:
        import inner
"""
    assert imports(source) == {"typing.TYPE_CHECKING", "quick", "inner"}


def test_a_stamp_changes_with_size_or_time_of_a_file(tmp_path: Path) -> None:
    """Of a file itself, and of a folder's files, where the folder's own time stays."""
    (tmp_path / "out").mkdir()
    for path, of in ((tmp_path / "a", tmp_path / "a"), (tmp_path / "out/b", tmp_path / "out")):
        stamps = []
        for content, time in ((b"1", 5), (b"12", 5), (b"12", 6), (b"34", 6)):
            path.write_bytes(content)
            os.utime(path, ns=(time, time))
            os.utime(of, ns=(time, time))
            stamps.append(stamp_of(of))
        assert len(set(stamps)) == 3
        assert stamps[2] == stamps[3]  # for which the bytes are not read


class Files(Section):
    table: Path | None = None
    sizes: tuple[int, ...] = (1, 2)


class Nested(Section):
    files: Files = Files()
    seed: int = 0


def test_settings_are_their_values_and_the_bytes_of_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    first, second = (Nested(files=Files(table=tmp_path / name)) for name in ("a", "b"))
    assert digest_settings(first) == digest_settings(second)
    (tmp_path / "b").write_text("other")
    others = [Nested(), Nested(seed=1), Nested(files=Files(sizes=(1, 3)))]
    assert len({digest_settings(settings) for settings in (first, second, *others)}) == 5
    (tmp_path / "a").unlink()
    with pytest.raises(UserError, match=r"a: a setting names this file, and it is not there\. Correct the path"):
        digest_settings(first)


def test_the_module_of_a_name() -> None:
    assert module_of("pulmo.errors.Fault") == module_of("pulmo.errors") == "pulmo.errors"
    assert module_of("pulmo.errors.Fault.where") == "pulmo.errors"
    assert module_of("pulmo.nothing") == "pulmo"
    assert module_of("no_such_module_anywhere.a") is None
