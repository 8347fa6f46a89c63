"""Follows sdk/README.md word for word, in C++ and in Python: runs its commands in an empty folder
against an installed prefix, and looks that the plugin is listed, was told of a return, and has told
of a receipt. Then builds and tests what `plugin new` writes for each other kind.

usage: readme_test.py SOURCE_DIR BUILD_DIR
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PREFIX = "/opt/aftersales"  # as it stands in the README


def bash(commands, folder, environment):
    print(commands, flush=True)
    done = subprocess.run(["bash", "-euc", commands], cwd=folder, env=environment, text=True,
                          stdout=subprocess.PIPE)
    print(done.stdout, flush=True)
    done.check_returncode()
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def install(build, prefix):
    # Those parts alone that the README speaks of, so that the test needs little else built.
    for part in ("sdk", "protos", "core/host", "plugins"):
        subprocess.run(["cmake", f"-DCMAKE_INSTALL_PREFIX={prefix}", "-P",
                        build / part / "cmake_install.cmake"], check=True,
                       stdout=subprocess.DEVNULL)


def follow(blocks, language, work, prefix):
    """The README from its begin to its end, as somebody who writes in that language reads it."""
    port = free_port()
    environment = os.environ | {"AFTERSALES_ADDRESS": f"127.0.0.1:{port}", "CTEST_OUTPUT_ON_FAILURE":
                                "1", "CMAKE_BUILD_PARALLEL_LEVEL": "2"}
    kept = ""  # what an earlier block leaves in the shell: exports and the folder
    inside = ""  # the folder alone, which is all that a second terminal has of it
    outputs = []
    host = None
    try:
        for words, commands in blocks:
            if words and words[0] != language:
                continue
            commands = commands.replace(PREFIX, str(prefix))
            if "serve" in words:
                commands = commands.replace("aftersales serve",
                                            f"exec aftersales serve --listen 127.0.0.1:{port}")
                with open(work / "host.log", "w", encoding="utf-8") as log:
                    host = subprocess.Popen(["bash", "-euc", inside + commands], cwd=work,
                                            env=environment, stdout=log, stderr=log)
                wait_for_host(host, port, work / "host.log")
                continue
            outputs.append(bash(kept + commands, work, environment))
            kept += "".join(line + "\n" for line in commands.splitlines()
                            if line.startswith(("export ", "cd ")))
            inside += "".join(line + "\n" for line in commands.splitlines()
                              if line.startswith("cd "))
        plugins = [json.loads(line) for line in
                   bash(kept + "aftersales plugins list --json", work, environment).splitlines()]
        ours = [plugin for plugin in plugins if plugin["name"] == "plugins/acme-books"]
        assert ours and ours[0]["state"] == "STATE_HEALTHY", plugins
        assert ours[0]["transport"] == "TRANSPORT_ISOLATED", ours
        listed, received = outputs[-2], outputs[-1]
        assert re.search(r"^acme-books .*healthy", listed, re.MULTILINE), listed
        assert re.search(r"\tsellers/acme/returns/\S+\tSTATUS_", listed), listed
        assert re.search(r"^Status +RECEIVED$", received, re.MULTILINE), received
        assert "receipt-grn-1" in received, received
    except BaseException:
        print((work / "host.log").read_text() if host else "no host was started", flush=True)
        raise
    finally:
        if host is not None:
            host.send_signal(signal.SIGINT)
            try:
                host.wait(30)
            finally:
                host.kill()
    assert host.returncode == 0, host.returncode


def wait_for_host(host, port, log):
    until = time.monotonic() + 60
    while host.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the host did not come up: " + log.read_text())


def build_in_python(kind, work, prefix):
    name = f"my-python-{kind}"
    bash(f"""aftersales plugin new --kind {kind} --lang python {name}
             cd {name}
             ./build.sh {prefix}
             ./test_my_python_{kind}_plugin.py
             aftersales plugin check my_python_{kind}.plugin --only-failed""", work,
         os.environ | {"PATH": f"{prefix}/bin:{os.environ['PATH']}"})


def build_in_cpp(kind, work, prefix):
    name = f"my-{kind}"
    bash(f"""aftersales plugin new --kind {kind} --lang cpp {name}
             cd {name}
             cmake -B build -DCMAKE_PREFIX_PATH={prefix}
             cmake --build build --parallel 2
             ctest --test-dir build --output-on-failure --no-tests=error
             cmake --install build --prefix {prefix}""", work,
         os.environ | {"PATH": f"{prefix}/bin:{os.environ['PATH']}"})
    plugin = prefix / f"lib/aftersales/plugins/my_{kind}.so"
    exported = subprocess.run(["nm", "--dynamic", "--defined-only", "--format=posix", plugin],
                              check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    exported = [line.split()[0] for line in exported]
    assert exported == ["aftersales_plugin_entry"], exported
    assert plugin.stat().st_mode & 0o022 == 0, oct(plugin.stat().st_mode)


def main(source, build):
    readme = (source / "sdk/README.md").read_text(encoding="utf-8")
    blocks = [(words.split(), commands) for words, commands in
              re.findall(r"^```sh([^\n]*)\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)]
    assert len(blocks) == 7, blocks
    with tempfile.TemporaryDirectory() as folder:
        prefix = pathlib.Path(folder) / "prefix"
        install(build, prefix)
        for language in ("cpp", "python"):
            work = pathlib.Path(folder) / language
            work.mkdir()
            follow(blocks, language, work, prefix)
        for template in sorted((source / "sdk/templates").iterdir()):
            kind, language = template.name.rsplit("-", 1)
            if kind == "erp":
                continue  # that is what the README does
            try_out = build_in_cpp if language == "cpp" else build_in_python
            try_out(kind, pathlib.Path(folder), prefix)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
