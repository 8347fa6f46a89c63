#!/usr/bin/python3
"""Runs a command against a fresh demo host: with_demo.py AFTERSALES COMMAND [ARGUMENT...]

The host gets a free port and an empty data directory. `{address}` in the arguments becomes its
address. Exits with the command's code, or with 1 if the host does not come up or go down well.
"""
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS = 120  # a sanitized host on a busy machine
STOP_SECONDS = 60


def main(program, *command):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder, "output")
        with output.open("w") as stream:
            host = subprocess.Popen(
                [program, "demo", "--listen", address, "--data-dir", f"{folder}/data"],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        try:
            # The walk is over once the demo tells how to go on; before that, its own steps and
            # the command's would meet.
            until = time.monotonic() + START_SECONDS
            while "grpcurl" not in output.read_text(errors="replace"):
                if host.poll() is not None or time.monotonic() > until:
                    print(output.read_text(errors="replace"))
                    return "the demo host did not come up"
                time.sleep(0.05)
            code = subprocess.call([part.replace("{address}", address) for part in command])
            host.send_signal(signal.SIGINT)
            if host.wait(STOP_SECONDS) != 0:
                print(output.read_text(errors="replace"))
                return f"the host ended with {host.returncode} after Ctrl-C"
            return code
        finally:
            host.kill()
            host.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
