"""Starts a demo server on SQLite and runs schemathesis over each OpenAPI document; see `fuzz`."""

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
# Document, token of the demo's answer.
AUDIENCES = [("v1", "resident_token"), ("staff-v1", "staff_token")]


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


def run_schemathesis(schemathesis, document, origin, token, budget):
    """Whether every answer was as documented; out of time counts as what was seen until then."""
    command = [
        schemathesis, "run", str(document), "--origin", origin, "--no-color",
        "--header", f"Authorization: Bearer {token}",
        "--max-examples", str(EXAMPLES), "--seed", SEED, "--workers", "1", "--no-shrink",
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none",
        "--request-timeout", "20", "--continue-on-failure", "--warnings", "off",
        "--checks", ",".join(CHECKS),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    )
    try:
        return process.wait(timeout=max(budget, 10)) == 0
    except subprocess.TimeoutExpired:
        print(f"==> {document.name}: the time is up; judging by the requests sent so far", file=sys.stderr)
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(timeout=20) in (0, 130, -signal.SIGINT)
        except subprocess.TimeoutExpired:
            process.kill()
            return True


def main(linli, schemathesis):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    documents = pathlib.Path("api/openapi")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="linli-fuzz."))
    demo = None
    try:
        demo, ready = start_demo(linli, folder)
        began, failed = time.monotonic(), []
        for index, (name, token) in enumerate(AUDIENCES):
            left = SECONDS - (time.monotonic() - began)
            budget = left / (len(AUDIENCES) - index)
            print(f"==> generated requests: {name}, at most {budget:.0f} s", file=sys.stderr)
            document = documents / f"{name}.json"
            if not run_schemathesis(schemathesis, document, ready["base_url"], ready[token], budget):
                failed.append(name)
            if demo.poll() is not None:
                failed.append(f"{name}: the server died with status {demo.returncode}")
                break
        if failed:
            sys.stderr.write((folder / "server.log").read_text(errors="replace")[-4000:])
            sys.exit(f"linli: answers differ from the documents: {', '.join(failed)}; see above")
    finally:
        if demo is not None and demo.poll() is None:
            demo.terminate()
            try:
                demo.wait(timeout=15)
            except subprocess.TimeoutExpired:
                demo.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
