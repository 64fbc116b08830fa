"""Starts a demo server on SQLite and runs schemathesis over all OpenAPI documents at once; see `fuzz`."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

# One worker: with two threads, CPython 3.11 now and then loses count inside `ast` and the run dies.
EXAMPLES = 20
SECONDS = 300
READY_WITHIN = 120
# A fixed seed: a run that fails, fails again for whoever looks into it.
SEED = "20261122"
# What holds for every operation whatever it is sent. Whether input is accepted or refused is the
# business of our own tests: a schema cannot say that two times are in the wrong order.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
]
# For each document, which token of the demo's answer speaks for its audience.
TOKENS = {"v1": "resident_token", "staff-v1": "staff_token"}


def start_demo(linli, folder):
    """The demo's process and its first line of output, which is one JSON object."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LINLI_")}
    # One client sends thousands of requests in a minute, which is what rate limits are there to refuse.
    environment["LINLI_HTTP_RATE_PER_MINUTE"] = environment["LINLI_HTTP_ANONYMOUS_RATE_PER_MINUTE"] = "1000000"
    log = open(folder / "server.log", "wb")
    demo = subprocess.Popen(
        [linli, "demo", "--json", "--listen", "127.0.0.1:0", "--data", folder / "data", "--size", "300", "--seed", "1"],
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
    )
    watchdog = threading.Timer(READY_WITHIN, demo.kill)
    watchdog.start()
    line = demo.stdout.readline()
    watchdog.cancel()
    if not line:
        demo.wait()
        sys.stderr.write((folder / "server.log").read_text(errors="replace")[-4000:])
        sys.exit(f"linli: the demo server did not become ready in {READY_WITHIN} s; its log is above")
    threading.Thread(target=demo.stdout.read, daemon=True).start()
    return demo, json.loads(line)


def begin(schemathesis, document, ready, folder):
    """Schemathesis over one document; it tells into a file, since another may be at work beside it."""
    name = document.stem
    command = [
        schemathesis, "run", str(document), "--origin", ready["base_url"], "--no-color",
        "--header", f"Authorization: Bearer {ready[TOKENS[name]]}",
        "--max-examples", str(EXAMPLES), "--seed", SEED, "--workers", "1", "--no-shrink",
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
        "--request-timeout", "20", "--continue-on-failure", "--warnings", "off",
        "--report-ndjson-path", str(folder / f"{name}.ndjson"),
        "--checks", ",".join(CHECKS),
    ]  # fmt: skip
    return subprocess.Popen(
        command,
        stdout=open(folder / f"{name}.out", "wb"),
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def end(process, document, deadline, folder):
    """Whether every answer was as documented; out of time, what was seen until then decides."""
    name = document.stem
    try:
        return process.wait(timeout=max(deadline - time.monotonic(), 1)) == 0
    except subprocess.TimeoutExpired:
        print(f"==> {name}: the time is up; judging by the requests sent so far", file=sys.stderr)
    # Interrupted, it still prints what it found, but its status tells of the interruption alone.
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    seen, wrong = judge(folder / f"{name}.ndjson")
    print(f"==> {name}: {seen} scenarios until then, {len(wrong)} with findings", file=sys.stderr)
    for what in wrong:
        print(f"    {what}", file=sys.stderr)
    return seen > 0 and not wrong


def judge(events):
    """How many scenarios ended, and which of them found something, by the events written so far."""
    seen, wrong = 0, []
    for line in events.read_text(errors="replace").splitlines() if events.exists() else []:
        try:
            [(kind, event)] = json.loads(line).items()
        except ValueError:
            continue  # The last line of a run that was killed.
        if kind == "ScenarioFinished":
            seen += 1
            if event["status"] in ("failure", "error"):
                wrong.append(f"{event.get('label') or event['recorder'].get('label')}: {event['status']}")
        elif kind in ("NonFatalError", "FatalError"):
            wrong.append(f"{kind}: {event.get('label', '')}")
    return seen, wrong


def documents():
    """Every checked-in document."""
    found = sorted(pathlib.Path("api/openapi").glob("*.json"))
    for document in found:
        if document.stem not in TOKENS:
            sys.exit(f"linli: {document.name} has no token in .ci/fuzz.py; nobody would test it")
    return found


def main(linli, schemathesis):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="linli-fuzz."))
    demo, running = None, []
    try:
        found = documents()
        demo, ready = start_demo(linli, folder)
        deadline, failed = time.monotonic() + SECONDS, []
        running = [(document, begin(schemathesis, document, ready, folder)) for document in found]
        for document, process in running:
            print(f"==> generated requests: {document.stem}", file=sys.stderr)
            if not end(process, document, deadline, folder):
                failed.append(document.stem)
            sys.stdout.write((folder / f"{document.stem}.out").read_text(errors="replace"))
            sys.stdout.flush()
        if demo.poll() is not None:
            failed.append(f"the server died with status {demo.returncode}")
        if failed:
            sys.stderr.write((folder / "server.log").read_text(errors="replace")[-4000:])
            sys.exit(f"linli: answers differ from the documents: {', '.join(failed)}; see above")
    finally:
        for _, process in running:
            process.kill()
        if demo is not None and demo.poll() is None:
            demo.terminate()
            try:
                demo.wait(timeout=15)
            except subprocess.TimeoutExpired:
                demo.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
