"""Runs the benchmarks small and checks that every figure is there. Says nothing about speed."""
import json
import pathlib
import subprocess
import sys
import tempfile

FIGURES = ("create_vs_echo_512", "approve_vs_echo_512", "import_vs_sqlite", "import_peak_mb",
           "plugin_call_us", "isolated_vs_uds_seq", "isolated_vs_uds_64", "child_ready_ms",
           "child_rss_mb", "tracking_per_s", "queue_1e6_vs_1e4", "dashboard_1e6_vs_1e4",
           "lifecycles_per_s_64", "quotes_per_s", "restart_s_1e6", "bytes_per_return")

with tempfile.TemporaryDirectory() as directory:
    path = pathlib.Path(directory) / "figures.json"
    subprocess.run([sys.argv[1], "--quick", "--dir", directory, "--json", str(path)], check=True)
    figures = json.loads(path.read_text())

bad = [name for name in FIGURES if not figures.get(name, 0) > 0]
flat = all(isinstance(value, (int, float)) for value in figures.values())
if bad or not flat:
    sys.exit(f"missing or not positive: {bad}; one flat object of numbers: {flat}\n{figures}")
