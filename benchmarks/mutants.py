"""Would the tests notice a fault? Random one-place changes to a folder's code, each against the folder's own tests.

    PYTHONPATH=src .venv/bin/python benchmarks/mutants.py --folder imaging pipeline --seed 3 --count 50
    … --folder competitions/rsna --module submission 'data*'

A mutant is the code with one expression changed: a comparison, an operator, a constant, `and` for `or`, a condition
fixed, a returned value dropped. Its tests are first those named after its module (`tests/FOLDER/test_MODULE*.py`), then
those that import it, then, unless `--near` is given, the rest of the folder's, until a file fails that passes without
the change. A survivor is a fault that no test of the folder notices, or an equivalent program. `--again LOG` runs only
the survivors of an earlier run of the same command on the same code, whose output is in that file: first a sample with
`--near`, then its survivors without, or with the tests written since. Works on a scratch copy of the tree; needs Python
3.12 and Linux (a process is forked for each file of tests, from one that has loaded NumPy and its like but nothing of
pulmo; `--load keras` adds what takes long).
"""

import argparse
import ast
import fnmatch
import importlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOADED_ONCE = ("numpy", "pandas", "scipy.ndimage", "skimage.measure", "cv2", "pydicom", "pydantic", "pyarrow.parquet")
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
FAR = 2  # the distance of tests that do not name a module
ASKED_TO_STOP = 124  # exit status of tests that ran past their time, as of `timeout`
LEAST_SECONDS, TIMES_AS_LONG = 20, 10  # a file of tests that has passed in t seconds is stopped after 20 + 10 t


class Mutant(NamedTuple):
    """One expression of a file, `start:end` in its bytes, and what stands there instead."""

    file: Path  # relative to the tree
    line: int
    start: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {shortened(self.before)} → {shortened(self.after)}"

    def source(self, original: bytes) -> bytes:
        """The file's bytes with the change made."""
        return original[: self.start] + self.after.encode() + original[self.end :]


class Seen(NamedTuple):
    """What is known of files of tests: whether they pass without a change, and their seconds when they last passed."""

    sound: dict[Path, bool]
    seconds: dict[Path, float]


def main() -> None:
    options = parsed()
    # pyarrow's memory pool, which pandas loads, keeps a thread that the forked tests can do without.
    warnings.filterwarnings("ignore", ".* is multi-threaded, use of fork", DeprecationWarning)
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        tree = copied_tree(Path(scratch))
        # The folder of this script is on the path: a benchmark must not pass for a library's module of the same name.
        sys.path.remove(str(Path(__file__).resolve().parent))
        for name in (*LOADED_ONCE, *options.load):
            importlib.import_module(name)
        assert "pulmo" not in sys.modules, "the tests would not import the scratch copy"
        rows: list[tuple[str, int, int]] = []
        survivors: list[Mutant] = []
        for folder in options.folder:
            noticed, lived = sampled(tree, folder, options)
            rows.append((folder, noticed + len(lived), noticed))
            survivors += lived
    print(f"\nseed {options.seed}\nfolder                 mutants  noticed  share")
    for folder, count, noticed in rows:
        print(f"{folder:<22} {count:>7}  {noticed:>7}  {noticed / max(count, 1):>5.0%}")
    print("\nsurvivors", *survivors, sep="\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random one-place changes against the tests of their folder.")
    parser.add_argument("--folder", nargs="+", required=True, help="under src/pulmo and tests, such as imaging")
    parser.add_argument("--module", nargs="+", default=["*"], help="names or patterns of modules (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=50, help="mutants of each folder (default: 50)")
    parser.add_argument("--deselect", nargs="+", default=[], help="tests not to run, as of pytest")
    parser.add_argument("--near", action="store_true", help="run only the tests that name the module")
    parser.add_argument("--again", type=Path, help="run only the survivors named in this output of the same command")
    parser.add_argument("--load", nargs="+", default=[], help="further libraries to load once, such as keras")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for a file of tests (default: 300)")
    return parser.parse_args()


def copied_tree(scratch: Path) -> Path:
    """A copy of what git tracks or would track, with the real data beside it where they are."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    tree = scratch / "tree"
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    if (shared := ROOT.parent / "shared").exists():
        (scratch / "shared").symlink_to(shared.resolve())
    return tree


def sampled(tree: Path, folder: str, options: argparse.Namespace) -> tuple[int, list[Mutant]]:
    """Run a folder's sample: how many mutants its tests noticed, and the survivors."""
    modules = [
        path
        for path in sorted((tree / "src/pulmo" / folder).glob("*.py"))
        if any(fnmatch.fnmatch(path.stem, pattern) for pattern in options.module)
    ]
    tests = sorted((tree / "tests" / folder).glob("test_*.py"))
    seen = Seen({}, {})
    choice = random.Random(options.seed)
    sites = [mutant for path in modules for mutant in mutants(path.relative_to(tree), path.read_bytes(), choice)]
    sample = choice.sample(sites, min(options.count, len(sites)))
    if options.again:
        survivors = {line.strip() for line in options.again.read_text().splitlines()}
        sample = [mutant for mutant in sample if f"SURVIVED {mutant}" in survivors]
    noticed, lived = 0, []
    for mutant in sample:
        if is_noticed(tree, mutant, tests, seen, options):
            noticed += 1
            print("noticed ", mutant, flush=True)
        else:
            lived.append(mutant)
            print("SURVIVED", mutant, flush=True)
    return noticed, lived


def is_noticed(tree: Path, mutant: Mutant, tests: Sequence[Path], seen: Seen, options: argparse.Namespace) -> bool:
    """Whether a file of tests fails with the change and not without it."""
    original = (tree / mutant.file).read_bytes()
    distances = {path: distance(path, mutant.file) for path in tests}
    for path in sorted(tests, key=lambda path: (distances[path], seen.seconds.get(path, 0.0))):
        if options.near and distances[path] == FAR:
            continue
        (tree / mutant.file).write_bytes(mutant.source(original))
        passed = tested(tree, path, seen, options)
        (tree / mutant.file).write_bytes(original)
        if not passed and path not in seen.sound:
            seen.sound[path] = tested(tree, path, seen, options)
            if not seen.sound[path]:
                print(f"not counted, since it fails without a change: {path.relative_to(tree)}", flush=True)
        if not passed and seen.sound[path]:
            return True
    return False


def distance(test: Path, module: Path) -> int:
    """0 for a file of tests named after the module, 1 for one that names it in its text, else FAR."""
    if test.stem.startswith(f"test_{module.stem}"):
        return 0
    *package, name = module.with_suffix("").parts[1:]
    folder = r"\.".join(package)
    named = re.search(rf"{folder}\.{name}\b|from {folder} import .*\b{name}\b", test.read_text())
    return 1 if named else FAR


def tested(tree: Path, test: Path, seen: Seen, options: argparse.Namespace) -> bool:
    """Whether a file of tests passes, in a process of its own that ends at the first failure."""
    started = time.monotonic()
    limit = LEAST_SECONDS + TIMES_AS_LONG * seen.seconds[test] if test in seen.seconds else options.timeout
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setsid()
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silence, stream)
            os.chdir(tree)
            sys.path[:0] = [str(tree), str(tree / "src")]
            os.environ |= {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
            sys.dont_write_bytecode = True
            left_out = [f"--deselect={name}" for name in options.deselect]
            status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *left_out, str(test)])
        finally:
            os._exit(status)
    passed = waited(child, started + limit) in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if passed:
        seen.seconds[test] = time.monotonic() - started
    return passed


def waited(child: int, until: float) -> int:
    """The exit status of a process; its whole group is killed when the time is over."""
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ASKED_TO_STOP


def mutants(file: Path, source: bytes, choice: random.Random) -> Iterator[Mutant]:
    """One mutant for each place of a file that can be changed."""
    tree = ast.parse(source)
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    skipped = {id(node) for root in not_run(tree) for node in ast.walk(root)}
    for node in ast.walk(tree):
        if id(node) in skipped or (change := changed(node, choice)) is None:
            continue
        place, after = change
        assert place.end_lineno is not None
        assert place.end_col_offset is not None
        start = offsets[place.lineno - 1] + place.col_offset
        end = offsets[place.end_lineno - 1] + place.end_col_offset
        yield Mutant(file, place.lineno, start, end, source[start:end].decode(), after)


def not_run(tree: ast.Module) -> Iterator[ast.AST]:
    """Annotations and imports for types only; and `strict` of `zip`, whose iterables are of one length where it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef) and node.returns:
            yield node.returns
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "zip":
            yield from (keyword.value for keyword in node.keywords)


def changed(node: ast.AST, choice: random.Random) -> tuple[ast.expr, str] | None:
    """The expression to replace and its replacement, in parentheses; nothing where there is nothing to change."""
    match node:
        case ast.Compare(left, [first, *others], comparators) if type(first) in COMPARISONS:
            return node, text(ast.Compare(left, [COMPARISONS[type(first)](), *others], comparators))
        case ast.BinOp(left, operator, right) if type(operator) in OPERATORS:
            return node, text(ast.BinOp(left, OPERATORS[type(operator)](), right))
        case ast.BoolOp(operator, values):
            return node, text(ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values))
        case ast.UnaryOp(ast.Not(), operand):
            return node, text(ast.Call(ast.Name("bool"), [operand], []))
        case ast.Constant(bool(value)):
            return node, str(not value)
        case ast.Constant(int(value)):
            return node, text(ast.Constant(value + 1 if value == 0 or choice.random() < 0.5 else value - 1))
        case ast.Constant(float(value)):
            return node, text(ast.Constant(value + 1 if value == 0 or choice.random() < 0.5 else value * 1.5))
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            return value, "None"
        case ast.If(test):
            return test, str(choice.random() < 0.5)
    return None


def text(expression: ast.expr) -> str:
    return f"({ast.unparse(expression)})"


def shortened(source: str) -> str:
    joined = " ".join(source.split())
    return joined if len(joined) <= 70 else joined[:69] + "…"


if __name__ == "__main__":
    main()
