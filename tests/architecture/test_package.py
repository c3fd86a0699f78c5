"""What is given away: the wheel and the sdist, what stands on them, and that they work where nothing else is."""

from __future__ import annotations

import email.policy
import importlib.metadata
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import nbconvex
from tests.architecture.house import DOCS, PACKAGE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILD = "import sys, hatchling.build as backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))"
#: Every kind of file that the package may have.
KINDS = {".css", ".js", ".py", ".typed"}
HERE = Path(__file__).parent


def run(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(what: str, source: Path, into: Path) -> Path:
    """Build by the backend that pyproject names, as `pip` asks it to."""
    return into / run(sys.executable, "-c", BUILD, f"build_{what}", str(into), cwd=source).strip()


@dataclass(frozen=True)
class Built:
    """One build of this folder: the files, and the wheel in an environment of its own."""

    sdist: Path
    wheel: Path
    python: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    folder = tmp_path_factory.mktemp("package")
    wheel = build("wheel", ROOT, folder)
    venv.create(folder / "user", symlinks=True)
    python = folder / "user" / "bin" / "python"
    [site] = (folder / "user").glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # What nbconvex depends on is where it is installed already.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Built(build("sdist", ROOT, folder), wheel, python)


def files_of_package() -> set[str]:
    files = (each for each in PACKAGE.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return {each.relative_to(ROOT).as_posix() for each in files}


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(built: Built) -> None:
    names = set(zipfile.ZipFile(built.wheel).namelist())
    described = {name for name in names if ".dist-info/" in name}
    assert names - described == files_of_package()
    assert {Path(name).suffix for name in names - described} == KINDS
    assert "nbconvex/py.typed" in names
    assert {name.partition(".dist-info/")[2] for name in described} == {
        "METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE",
    }  # fmt: skip
    assert built.wheel.name == f"nbconvex-{nbconvex.__version__}-py3-none-any.whl"


def test_the_sdist_holds_what_the_wheel_is_made_from_and_makes_the_same_wheel(built: Built, tmp_path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    assert source.name == f"nbconvex-{nbconvex.__version__}"
    names = {each.relative_to(source).as_posix() for each in source.rglob("*") if each.is_file()}
    beside = {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
    assert names == files_of_package() | beside
    again = build("wheel", source, tmp_path)
    assert again.name == built.wheel.name
    assert again.read_bytes() == built.wheel.read_bytes()


def test_no_file_of_the_wheel_betrays_the_machine_it_was_made_on(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
        assert {each.date_time[0] for each in archive.infolist()} == {2020}
    folders = (str(ROOT), str(Path.home()), sys.prefix, "file:/" + "/")
    assert [name for name, text in texts.items() if any(each in text for each in folders)] == []


def test_the_metadata_is_valid_and_complete(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        raw = archive.read(f"nbconvex-{nbconvex.__version__}.dist-info/METADATA")
    # It raises for every field that an index would refuse; the backend has refused unknown classifiers.
    told = Metadata.from_email(raw, validate=True)
    assert told.name == "nbconvex"
    assert str(told.version) == nbconvex.__version__
    assert told.summary
    assert len(told.summary) < 200
    assert told.license_expression == "BSD-3-Clause"
    assert told.license_files == ["LICENSE"]
    assert told.keywords
    assert {"Typing :: Typed", "Framework :: Jupyter"} <= set(told.classifiers or ())
    assert told.provides_extra is not None
    assert set(told.provides_extra) == set(PROJECT["optional-dependencies"])
    assert told.description_content_type == "text/markdown"
    assert told.description == (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(url.startswith("https://") for url in (told.project_urls or {}).values())


def test_the_front_page_renders(built: Built) -> None:
    markdown = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"linkify": False})
    with zipfile.ZipFile(built.wheel) as archive:
        raw = archive.read(f"nbconvex-{nbconvex.__version__}.dist-info/METADATA").decode()
    page = markdown.render(str(email.message_from_string(raw, policy=email.policy.compat32).get_payload()))
    assert page.startswith("<h1>nbconvex</h1>")
    assert "<table>" in page
    assert "```" not in page
    assert "| " not in re.sub(r"<pre>.*?</pre>|<code>.*?</code>", "", page, flags=re.DOTALL)


def test_a_typed_app_passes_strict_checks_against_the_wheel_and_its_mistakes_are_found(built: Built, tmp_path) -> None:
    programs = [HERE / "typed_app.py", HERE / "typed_mistakes.py"]
    for program in programs:
        (tmp_path / program.name).write_bytes(program.read_bytes())
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable", "--python-executable", str(built.python),
         "--cache-dir", str(tmp_path / "cache"), "--config-file", "", *(each.name for each in programs)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    found = re.findall(r"^(\S+\.py):(\d+): error: .*\[([\w-]+)\]$", checked.stdout, re.MULTILINE)
    expected = [
        (programs[1].name, str(number), wrong[1])
        for number, line in enumerate(programs[1].read_text(encoding="utf-8").splitlines(), 1)
        if (wrong := re.search(r"# wrong: (\S+)$", line))
    ]
    assert expected
    assert found == expected, checked.stdout + checked.stderr


def test_the_typed_app_runs_from_the_wheel(built: Built, tmp_path) -> None:
    (tmp_path / "typed_app.py").write_bytes((HERE / "typed_app.py").read_bytes())
    where = "import nbconvex, sys; print(nbconvex.__file__.startswith(sys.prefix))"
    assert run(str(built.python), "-c", where, cwd=tmp_path) == "True\n"
    told = run(str(built.python), "-W", "error", "typed_app.py", cwd=tmp_path)
    assert told.splitlines() == [
        "0",
        "['hello'] {'channel': 'general', 'bodies': ['hello']}",
        "['hello'] 1",
        """b'{"bodies":["hello"]}' 6""",
        "[]",
    ]


def rows_below(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    section = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [row.split(" | ") for row in rows if not row.startswith("---")][1:]


def test_the_page_lists_the_extras_there_are_with_what_each_brings() -> None:
    told = {
        row[0].strip("`"): set(re.findall(r"`([^`]+)`", row[2]))
        for row in rows_below(DOCS / "how-to" / "installing.md", "Extras")
    }
    there = {
        extra: {f"nbconvex[{','.join(sorted(each.extras))}]" if each.name == "nbconvex" else each.name
                for each in map(Requirement, requirements)}
        for extra, requirements in PROJECT["optional-dependencies"].items()
    }  # fmt: skip
    assert told == there


def test_the_lab_extra_brings_what_the_notebooks_import() -> None:
    sold_as = importlib.metadata.packages_distributions()
    needed: dict[str, str] = {}
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        modules = set(re.findall(r"^\s*(?:import|from) (\w+)", code, re.MULTILINE)) - set(sys.stdlib_module_names)
        modules |= {module for call, module in ((".df()", "pandas"), (".pl()", "polars")) if call in code}
        # What is nobody's package is a file that the notebook writes.
        needed |= {sold_as.get(module, ["nbconvex"])[0].lower(): notebook.name for module in modules}
    given = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"], "nbconvex"]
    brought = {Requirement(each).name.lower() for each in given} | {"cryptography"}  # that is PyJWT[crypto]'s
    assert {name: where for name, where in needed.items() if name not in brought} == {}
    assert "pandas" in needed


def test_the_versions_that_are_stated_are_those_on_which_the_tests_were_seen() -> None:
    seen = [row[0] for row in rows_below(DOCS / "compatibility.md", "Versions")]
    minors = [".".join(version.split()[-1].split(".")[:2]) for version in seen]
    prefix = "Programming Language :: Python :: "
    stated = [each.removeprefix(prefix) for each in PROJECT["classifiers"] if re.match(rf"{prefix}3\.", each)]
    assert stated == minors
    assert PROJECT["requires-python"] == f">={minors[0]}"
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in minors)
