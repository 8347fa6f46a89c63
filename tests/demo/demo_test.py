#!/usr/bin/python3
"""Runs `aftersales demo --once` twice, in different surroundings, and reads what it printed:
demo_test.py AFTERSALES

The two outputs must be the same bytes but for the port, must keep within 100 columns, must hold
the key lines below in their order, and must leave nothing behind.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unicodedata

COLUMNS = 100

# One regular expression a line, each found after the one before.
STORY = [
    r"Aftersales demo",
    r"\$ aftersales channels bind amazon-us",
    r"amazon-us +ATVPDKIKX0DER +US +USD",
    r"\$ aftersales channels bind amazon-jp",
    r"amazon-jp +A1VC38T7YXB528 +JP +JPY",
    # 1: what was imported, and what was skipped and why.
    r"1\. What was imported",
    r"GET_FLAT_FILE_ALL_ORDERS_DATA",
    r"orders +68 new",
    r"shipments +2\d new",
    r"1 skipped",
    r"BAD_DATE",
    # 2: the queue.
    r"2\. The work queue",
    r"DUE \(UTC\) +LEFT +CHANNEL +ORDER +REASON +WHAT TO DO",
    r"-\d+(d \d\dh|h \d\dm) +amazon-",
    r"as of 2026-03-10 17:00 UTC",
    # 3: tracking verdicts.
    r"3\. Tracking numbers",
    r"LK123456785CN +no scan yet",
    r"LK123456784CN +invalid",
    r"check digit",
    r"GM295325470000000001 +no scan yet +dhl-ecommerce",
    r"1234567891 +no scan yet +dhl-express",
    r"1234567894 +invalid",
    r"LK123456785CN +valid",
    r"1234567891 +valid",
    r"shipments list --verdict invalid",
    r"LK123456784CN .* invalid",
    # 4: a return from the request to the money.
    r"4\. A return",
    r"Status +REQUESTED",
    r"is APPROVED",
    r"Amazon has no API for this decision",
    r"1\. Open Manage Seller Fulfilled Returns",
    r"returns label",
    r"is RECEIVED",
    r"is INSPECTED",
    r"item +\S+ +1 +29\.99 USD",
    r"item tax +\S+ +1 +2\.47 USD",
    r"shipping +\S+ +1 +5\.99 USD",
    r"shipping tax +\S+ +1 +0\.49 USD",
    r"total +38\.94 USD",
    r"refunds issue",
    r"Check that Seller Central shows 38\.94 USD",
    r"Amazon has no API for refunds",
    r"refunds settle",
    r"is SUCCEEDED, 38\.94 USD",
    r"Status +RESOLVED",
    r"AFN: the marketplace decides",
    r"\(PLATFORM_MANAGED\)",
    # 5: account health.
    r"5\. Account health",
    r"CHANNEL +BY +METRIC .* NUM +DEN +RATE +LIMIT +STATUS",
    r"amazon-us +MFN +ODR",
    r"amazon-us +MFN +VTR +computed .* 19 +28 ",
    r"amazon-us +MFN +RESP",
    # 6: what the ERP got.
    r"6\. What the ERP plugin wrote",
    r"changes\.jsonl",
    r"return_approved +APPROVED",
    r"refund_succeeded +SUCCEEDED .* 38\.94 USD",
    r"changes\.csv",
    # 7: how to go on.
    r"7\. How to go on",
    r"aftersales queue --steps",
    r"grpcurl -plaintext 127\.0\.0\.1:\S+ list",
]


def run(program, **surroundings):
    """Output of one demo, with the port masked; it may be another one in every run."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AFTERSALES_")}
        environment.update(surroundings, TMPDIR=folder)
        done = subprocess.run([program, "demo", "--once"], env=environment, cwd=folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=240)
        sys.stdout.write(done.stdout.decode(errors="replace"))
        sys.stderr.write(done.stderr.decode(errors="replace"))
        if done.returncode != 0:
            sys.exit(f"the demo ended with {done.returncode}")
        if os.listdir(folder):
            sys.exit(f"the demo left {os.listdir(folder)} behind")
        if folder.encode() in done.stdout:
            sys.exit("the demo names its temporary directory, which is another one every time")
        return re.sub(rb"127\.0\.0\.1:\d+", b"127.0.0.1:PORT", done.stdout)


def columns(line):
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    marks = sum(unicodedata.combining(c) != 0 for c in line)
    return len(line) + wide - marks


def main(program):
    program = str(pathlib.Path(program).resolve())
    first = run(program, TZ="UTC", LANG="C", LC_ALL="C")
    second = run(program, TZ="Asia/Tokyo", LANG="C.UTF-8", LC_ALL="C.UTF-8", COLUMNS="40",
                 NO_COLOR="1", TERM="dumb")
    if first != second:
        for a, b in zip(first.splitlines(), second.splitlines()):
            if a != b:
                print(f"first:  {a!r}\nsecond: {b!r}")
        return "two runs of the demo differ"

    lines = first.decode("utf-8").splitlines()
    for line in lines:
        if columns(line) > COLUMNS:
            return f"wider than {COLUMNS} columns: {line!r}"
        if re.search(r"[\x00-\x1f\x7f]", line):
            return f"a control character: {line!r}"
    at = 0
    for wanted in STORY:
        while at < len(lines) and not re.search(wanted, lines[at]):
            at += 1
        if at == len(lines):
            return f"this line is missing, or not in its place: {wanted}"
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
