"""What else moves a table, measured as bulk is: boto3 and awscli as Debian has them, and the AWS SDK for JavaScript.
They take seconds for what bulk does in hundredths, so they get fewer items, and bulk gets as few beside them: what a
process costs before it moves anything is in every figure."""
import shutil
import subprocess

import measure

FOLDER = measure.ROOT / "bench/peers"
PYTHON = "/usr/bin/python3"  # Debian's own, which python3-boto3 belongs to
AWS = "/usr/bin/aws"
OWN_RUNS = 5  # of bulk, which takes a fraction of a second


def install_sdk():
    """The npm package under build/; the script beside it, because node looks for packages from there. None: no node."""
    folder = measure.ROOT / "build/bench-peers"
    folder.mkdir(parents=True, exist_ok=True)
    changed = False
    for name in ("package.json", "package-lock.json", "sdk_peer.mjs"):
        text = (FOLDER / name).read_text()
        changed = changed or not (folder / name).exists() or (folder / name).read_text() != text
        (folder / name).write_text(text)
    if changed or not (folder / "node_modules/@aws-sdk/client-dynamodb").exists():
        command = ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        if shutil.which("npm") is None or subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            return None
    return folder / "sdk_peer.mjs"


def versions():
    boto3 = measure.first_line([PYTHON, "-c", "import boto3; print(boto3.__version__)"])
    return f"boto3 {boto3}, {measure.first_line([AWS, '--version']).split()[0]}, node {measure.first_line(['node', '--version'])}"


def measure_peers(tools, work, items, tls):
    """[(what, Run, items)] for scans and for writes, bulk first. The peers' writes are checked by key, since they spell
    items anew: every key of the set arrived once and no other; bulk's by their bytes."""
    flags = ["--tls"] if tls else []
    results = {"scan": [], "write": []}
    sdk = install_sdk()
    with measure.NullServer(tools, items, *flags) as source, \
            measure.NullServer(tools, items, "--role", "target", *flags) as target:

        def environment(server):
            extra = {"AWS_CA_BUNDLE": server.certificate, "NODE_EXTRA_CA_CERTS": server.certificate} if tls else {}
            return measure.environment(work, extra)

        def scan(name, command, to_file=None):
            source.reset()
            if to_file:
                with open(to_file, "wb") as out:
                    run = measure.run(command, environment(source), stdout=out)
            else:
                run = measure.run(command, environment(source))
            if source.stats()["scanned_items"] != items:
                raise measure.Failed(f"{name} did not scan {items} items")
            results["scan"].append((name, run, items))

        def write(name, command):
            target.reset()
            run = measure.run(command, environment(target))
            stats = target.stats()
            if (stats["distinct"], stats["items"]) != (items, items):
                raise measure.Failed(f"{name} did not write {items} items once")
            results["write"].append((name, run, items))

        def own_write(*flags):
            target.reset()
            run = measure.restore(tools, environment(target), dump, target.url, *flags)
            target.require_set_once("bulk restore")
            return run

        dump = work / "few.jsonl.zst"
        own = [("scan", "bulk backup", lambda: measure.backup(tools, environment(source), source.url, dump)),
               ("write", "bulk restore --no-verify", lambda: own_write("--no-verify")),
               ("write", "bulk restore, read back", own_write)]
        for kind, name, once in own:
            results[kind].append((name, measure.median([once() for _ in range(OWN_RUNS)]), items))

        script = FOLDER / "boto3_peer.py"
        scan("boto3, 8 threads", [PYTHON, script, "scan", source.endpoint, work / "boto3.jsonl"])
        write("boto3 batch_writer, 8 threads", [PYTHON, script, "write", target.endpoint, work / "boto3.jsonl"])
        if sdk is not None:
            scan("AWS SDK for JavaScript, 8 segments", ["node", sdk, "scan", source.endpoint, work / "sdk.jsonl"])
            write("AWS SDK for JavaScript, 16 at a time", ["node", sdk, "write", target.endpoint, work / "sdk.jsonl"])
        else:
            measure.note("no npm packages: the AWS SDK for JavaScript is left out")
        scan("aws dynamodb scan", [AWS, "dynamodb", "scan", "--table-name", measure.TABLE, "--endpoint-url",
                                   source.endpoint], to_file=work / "aws.json")
    return results
