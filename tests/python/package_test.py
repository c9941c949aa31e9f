"""The package as its users get it: a wheel in a fresh environment, the programs of the examples, the snippets of the guides."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import venv
import zipfile

import torch
from support import Case, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["ATTEND_BUILD"])
TABLE = re.compile(r"loss ([0-9.]+), ([0-9]+) % right\nhead  entropy  largest weight  three places back  most read place\n((?: .*\n){4})$")


def ran(*command, env=None, cwd=None):
    """What a program prints; fails with what it says when it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env, cwd=cwd)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def pip():
    """A pip that installs into other environments (22.3 or later); None when there is none."""
    for python in (sys.executable, "python3", "/usr/bin/python3"):
        done = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True)
        if not done.returncode and tuple(int(n) for n in re.findall(r"\d+", done.stdout)[:2]) >= (22, 3):
            return python, "-m", "pip", "--disable-pip-version-check"
    return None


def snippets(name):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(), re.M | re.S)


class Wheel(Case):
    def test_trains_in_a_fresh_environment(self):
        installer = pip()
        if installer is None:
            self.skipTest("no pip of 22.3 or later")
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            wheel = ran(sys.executable, ROOT / "tools/wheel", "--build", BUILD, "--out", folder / "dist").strip()
            again = ran(sys.executable, ROOT / "tools/wheel", "--build", BUILD, "--out", folder / "again").strip()
            self.assertEqual(pathlib.Path(wheel).read_bytes(), pathlib.Path(again).read_bytes())
            venv.create(folder / "env", with_pip=False)
            python = folder / "env/bin/python"
            site = pathlib.Path(ran(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
            (site / "torch_of_the_test.pth").write_text(str(pathlib.Path(torch.__file__).parents[1]) + "\n")
            own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
            ran(*installer, "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, env=own)
            found = ran(python, "-c", "import attend, torch; print(attend.__file__)", env=own, cwd=folder).strip()
            self.assertEqual(pathlib.Path(found).parent, site / "attend")
            told = ran(python, "-W", "ignore", ROOT / "examples/observe.py", "80", env=own, cwd=folder)
            self.assertLess(float(TABLE.search(told)[1]), 1.0, told)

    def test_says_what_it_is(self):
        with tempfile.TemporaryDirectory() as scratch:
            wheel = ran(sys.executable, ROOT / "tools/wheel", "--build", BUILD, "--out", scratch).strip()
            self.assertRegex(wheel, r"/attend-[0-9.]+-py3-none-manylinux_2_\d+_(x86_64|aarch64)\.whl$")
            with zipfile.ZipFile(wheel) as archive:
                about = archive.read(next(n for n in archive.namelist() if n.endswith("/METADATA"))).decode()
                licence = archive.read(next(n for n in archive.namelist() if n.endswith("/licenses/LICENSE")))
        release = torch.__version__.split(".")
        self.assertIn(f"\nRequires-Dist: torch =={release[0]}.{release[1]}.*\n", about)
        self.assertIn("\nLicense-Expression: Apache-2.0\n", about)
        self.assertIn("\n\n# Attention in Python\n", about)
        self.assertEqual(licence, (ROOT / "LICENSE").read_bytes())
        version = re.search(r"^project\(attend VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M)[1]
        self.assertIn(f"\nVersion: {version}\n", about)

    def test_is_refused_without_a_build(self):
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run([sys.executable, ROOT / "tools/wheel", "--build", scratch], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("build it: tools/build release --target attend_python", done.stderr)


class Examples(Case):
    def check(self, told):
        table = TABLE.search(told)
        self.assertIsNotNone(table, told)
        self.assertGreater(int(table[2]), 90, told)
        entropy = [float(line.split()[1]) for line in table[3].splitlines()]
        self.assertGreater(entropy[0], 2 * max(entropy[1:]), told)  # the head that gets the bonus

    def test_in_python(self):
        self.check(ran(sys.executable, "-W", "ignore", ROOT / "examples/observe.py"))

    def test_in_cpp(self):
        self.check(ran(BUILD / "example_observe"))


class Guides(Case):
    def test_snippets_run(self):
        for name in ("README.md", "docs/guide/python.md"):
            found = snippets(name)
            self.assertEqual(len(found), 1, name)
            with self.subTest(name):
                ran(sys.executable, "-W", "ignore", "-c", found[0])

    def test_the_guide_names_every_function(self):
        import attend

        told = (ROOT / "docs/guide/python.md").read_text()
        for name in attend.__all__:
            if name not in ("STATISTICS", "FusedAttention"):  # told of by help(attend.fused_attention)
                self.assertRegex(told, rf"`{name}\b")


if __name__ == "__main__":
    main()
