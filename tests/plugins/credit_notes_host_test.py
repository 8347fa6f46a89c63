"""The example ERP plugin in Python within a host: credit_notes_host_test.py AFTERSALES PLUGIN

Reports are imported, a refund is paid and comes back, the warehouse receives a unit; all with an ERP
that is down at first, with a kill of the plugin and a restart of the host in between. In the end the
ERP must hold each document once, and the host the receipt.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from fake_erp_server import FakeErp

AFTERSALES, PLUGIN = map(pathlib.Path, sys.argv[1:])
DEMO = pathlib.Path(__file__).resolve().parents[2] / "examples/demo/us"
SECONDS = 90  # two pulls, on a busy machine


def until(what, holds):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if value := holds():
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen")


class Host:
    def __init__(self, folder, erp):
        self.folder = pathlib.Path(folder)
        self.erp = erp
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.process = None

    def start(self):
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [AFTERSALES, "serve", "--listen", self.address, "--data-dir", self.folder / "data",
                 "--plugin", PLUGIN, "--plugin-config", f"credit-notes.url={self.erp.url}",
                 "--plugin-config", f"credit-notes.token={self.erp.token}"],
                stdout=log, stderr=log)
        until("the host's start", lambda: self.run("plugins", "list", check=False))

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        self.process = None

    def run(self, *arguments, check=True):
        done = subprocess.run(
            [AFTERSALES, *arguments, "--json"], text=True, capture_output=True, check=False,
            env=os.environ | {"AFTERSALES_ADDRESS": self.address, "AFTERSALES_SELLER": "acme"})
        assert not check or done.returncode in (0, 5), (arguments, done.stderr)  # 5: bad rows
        return [json.loads(line) for line in done.stdout.splitlines()]

    def plugin(self):
        return next(p for p in self.run("plugins", "list") if p["name"] == "plugins/credit-notes")


def walk(host, erp):
    erp.mode = "fail"
    host.start()
    host.run("channels", "bind", "amazon-us", "--marketplace", "ATVPDKIKX0DER", "--erp",
             "credit-notes", "--return-address", "dallas:US")
    host.run("import", DEMO / "all-orders.txt", DEMO / "mfn-returns.txt", "--channel", "amazon-us")
    until("a try", lambda: erp.requests)
    assert not erp.effects
    os.kill(int(host.plugin()["pid"]), signal.SIGKILL)
    erp.mode = "lose"
    until("a document", lambda: erp.effects)
    erp.mode = "ok"

    returns = host.run("returns", "list", "--limit", "100")
    told = until("all returns", lambda: (known := {d["return"] for d in erp.documents("/returns")})
                 and known >= {r["name"] for r in returns} and known)
    assert len(told) == len(returns), (told, returns)

    # A refund that a person pays, and that bounces.
    order = next(o for o in host.run("orders", "list", "--limit", "100")
                 if o.get("status") == "STATUS_SHIPPED"
                 and not any(r.get("order") == o["name"] for r in returns))
    line = order["lines"][0]
    refund = host.run("refunds", "issue", "--order", order["external_id"], "--line",
                      f"{line['line_id']}:1", "--reason", "not-received")[0]
    assert not erp.documents("/credit_notes")
    host.run("refunds", "settle", refund["name"], "--paid", "--proof", "statement line 12")
    total = refund["total"]
    until("the credit note", lambda: erp.documents("/credit_notes"))
    host.stop()
    host.start()
    host.run("refunds", "reverse", refund["name"], "--reason", "account closed", "--proof",
             "statement line 20", "--as", "manager:mia")
    notes = until("the reversal", lambda: len(n := erp.documents("/credit_notes")) == 2 and n)
    amount = int(total["minor_units"])
    assert amount > 0
    assert [(n["amount_minor"], n["currency"], n["refund"]) for n in notes] == [
        (amount, total["currency_code"], refund["name"]),
        (-amount, total["currency_code"], refund["name"])], (notes, refund)

    # The warehouse.
    name = returns[0]["name"]
    erp.receipts = [{"id": "grn-1", "return": name, "received_at": "2026-03-10T09:00:00Z",
                     "location": "reno",
                     "lines": [{"line_id": returns[0]["items"][0].get("line_id", ""),
                                "quantity": 1}]}]
    receipts = until("the receipt",
                     lambda: host.run("returns", "show", name)[0].get("receipts"))
    assert [r["location"] for r in receipts] == ["reno"], receipts
    host.stop()


def main():
    erp = FakeErp()
    with tempfile.TemporaryDirectory() as folder:
        host = Host(folder, erp)
        try:
            walk(host, erp)
        finally:
            if host.process is not None:
                host.process.kill()
                host.process.wait()
                print((host.folder / "log").read_text(encoding="utf-8"))
        log = (host.folder / "log").read_text(encoding="utf-8")
        assert erp.token not in log, "the token is in the log"
    erp.stop()


if __name__ == "__main__":
    main()
