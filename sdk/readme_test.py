"""Follows sdk/README.md from an empty folder, word for word: writes its files, builds them against an
installed prefix, runs their test, installs the plugin, and looks that it exports its entry alone.

usage: readme_test.py SOURCE_DIR BUILD_DIR
"""

import pathlib
import re
import subprocess
import sys
import tempfile


def run(*command):
    print("+", *command, flush=True)
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def main(source, build):
    readme = (source / "sdk/README.md").read_text()
    files = re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", readme, re.DOTALL)
    names = [name for name, _ in files]
    assert names == ["CMakeLists.txt", "acme.h", "acme.cc", "acme_test.cc"], names
    with tempfile.TemporaryDirectory() as folder:
        prefix, work = pathlib.Path(folder) / "prefix", pathlib.Path(folder) / "acme"
        # The SDK's part of the installation, so that the test needs nothing else built.
        for part in ("sdk", "protos"):
            run("cmake", f"-DCMAKE_INSTALL_PREFIX={prefix}", "-P",
                str(build / part / "cmake_install.cmake"))
        work.mkdir()
        for name, text in files:
            (work / name).write_text(text)
        run("cmake", "-S", str(work), "-B", str(work / "build"), f"-DCMAKE_PREFIX_PATH={prefix}")
        run("cmake", "--build", str(work / "build"), "--parallel", "2")
        print(run("ctest", "--test-dir", str(work / "build"), "--output-on-failure",
                  "--no-tests=error"))
        run("cmake", "--install", str(work / "build"), "--prefix", str(prefix))
        plugin = prefix / "lib/aftersales/plugins/acme.so"
        exported = run("nm", "--dynamic", "--defined-only", "--format=posix", str(plugin)).split("\n")
        exported = [line.split()[0] for line in exported if line]
        assert exported == ["aftersales_plugin_entry"], exported
        assert plugin.stat().st_mode & 0o022 == 0, oct(plugin.stat().st_mode)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
