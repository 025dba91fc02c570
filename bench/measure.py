"""What the benchmarks share: building, the null server as a child, a command's wall time, CPU seconds and peak memory,
medians, tables. Python's standard library only. Whatever is started here is stopped by its process id.

The machine is part of a result: begin_report() prints it above the tables, with revision, date, command and the load
that others put on it when it began. --markdown writes all that is printed as a page too (bench/page.py)."""
import json
import os
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parent.parent
TABLE = "bench"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDBENCH",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@dataclass
class Run:
    """One run of a command."""

    wall: float
    user: float
    system: float
    peak_mb: float
    status: int = 0
    output: str = ""

    @property
    def cpu(self):
        return self.user + self.system


class Failed(Exception):
    pass


class Tools:
    """Where the programs are; builds them unless a build folder is given."""

    def __init__(self, build=None):
        if build is None:
            subprocess.run([ROOT / "scripts/install-deps", "bench"], check=True, stdout=sys.stderr)
            subprocess.run([ROOT / "scripts/build", "bench"], check=True, stdout=subprocess.DEVNULL)
            build = ROOT / "build/bench"
        build = Path(build).resolve()
        self.bulk = build / "bulk"
        self.null_server = build / "bench/null_server/null_server"
        self.raw_sender = build / "bench/raw_sender"


class Work:
    """A folder that goes away at the end; in memory where that has room, so that no disk is measured."""

    def __init__(self, needed_bytes, given=None):
        base = Path(given) if given else Path("/dev/shm")
        if not given and (not base.is_dir() or shutil.disk_usage(base).free < needed_bytes * 1.5):
            base = ROOT / "build"
        if shutil.disk_usage(base).free < needed_bytes:
            raise Failed(f"{base} has less than {needed_bytes / 1e9:.1f} GB free; use --dir")
        self.path = Path(tempfile.mkdtemp(prefix="bulk-bench-", dir=base))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def environment(work, extra=None):
    result = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "BULK_"))}
    result.update(ENVIRONMENT)
    result["XDG_STATE_HOME"] = str(Path(work) / "state")
    result["HOME"] = str(work)
    result.update(extra or {})
    return result


def run(command, env=None, stdout=None, cores=None, timeout=None):
    """Runs it and waits, on these cores if given; it is killed after `timeout` seconds. Its standard output is kept
    unless it goes to a file."""
    command = [str(word) for word in command]
    if cores:
        command = ["taskset", "-c", cores] + command
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdout=stdout or out, stderr=errors, stdin=subprocess.DEVNULL, env=env)
        guard = threading.Timer(timeout or 86_400, child.kill)
        guard.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        guard.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
        out.seek(0)
        if child.returncode != 0:
            raise Failed(f"{' '.join(command)}\nended with {child.returncode}: {text[-2000:]}")
        return Run(wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss / 1024, child.returncode,
                   out.read().decode(errors="replace") + text)


class NullServer:
    """A null server for as long as the `with` lasts."""

    def __init__(self, tools, items, *flags, cores=None):
        command = [str(tools.null_server), "--items", str(items)] + [str(flag) for flag in flags]
        if cores:
            command = ["taskset", "-c", cores] + command
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        if not line.startswith("null_server: http"):
            self.child.wait()
            raise Failed(f"{' '.join(command)} did not start")
        self.endpoint = line.split()[1]
        self.port = int(self.endpoint.rsplit(":", 1)[1])
        self.certificate = None
        if self.endpoint.startswith("https"):
            self.certificate = self.child.stdout.readline().split("=", 1)[1].strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()

    @property
    def url(self):
        """As bulk is given it."""
        return f"dynamodb://{TABLE}?region=us-east-1&endpoint={self.endpoint}"

    def _ask(self, path, data=None):
        context = None
        if self.certificate:
            context = ssl.create_default_context(cafile=self.certificate)
        with urllib.request.urlopen(self.endpoint + path, data=data, context=context) as reply:
            return json.loads(reply.read())

    def stats(self):
        return self._ask("/stats")

    def require_set_once(self, who):
        """Every item of the set came exactly once with exactly its bytes: nothing is repeated where nothing throttles."""
        stats = self.stats()
        if not stats["equal"] or stats["duplicates"] != 0:
            facts = {name: stats[name] for name in ("items", "distinct", "duplicates", "unknown", "expected", "equal")}
            raise Failed(f"{who}: the null server has not seen the set once: {json.dumps(facts)}")
        return stats

    def reset(self):
        self._ask("/reset", data=b"")

    def cpu(self):
        """CPU seconds that it has used."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def backup(tools, env, source, dump, *flags, **more):
    dump.unlink(missing_ok=True)
    return run([tools.bulk, "backup", source, "--to", dump, "--progress", "none", "--json", *flags], env, **more)


def restore(tools, env, dump, target, *flags, **more):
    return run([tools.bulk, "restore", dump, "--to", target, "--progress", "none", "--json", *flags], env, **more)


def median(runs):
    """The medians of each figure of several runs."""
    figures = [statistics.median(getattr(run, name) for run in runs) for name in ("wall", "user", "system", "peak_mb")]
    return Run(*figures)


def spread(runs):
    """How far the wall times lie apart, as a share of their median."""
    walls = [run.wall for run in runs]
    return (max(walls) - min(walls)) / statistics.median(walls)


def first_line(command):
    return page.first_line(command)


_report = None  # a page.Section once begin_report() was told to write one


def begin_report(name, tools, arguments):
    """Prints what the figures that follow belong to. `name`: of the section, with --markdown."""
    global _report
    if arguments.markdown:
        _report = page.Section(arguments.markdown, name)
    programs = (first_line([tools.bulk, "--version"]), first_line(["zstd", "--version"]).strip("* "),
                first_line(["wrk", "--version"]).split("[")[0].strip())
    say(page.provenance(page.command_line(sys.argv), programs))


def say(text):
    """A paragraph between tables."""
    print("\n" + text, flush=True)
    if _report:
        _report.add(text)


def end_report():
    if _report:
        _report.write()


def print_table(head, rows, title=None):
    """Columns as wide as they must be, the first to the left, all others to the right."""
    cells = [[str(cell) for cell in row] for row in [head] + rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    if title:
        print(f"\n{title}\n")
    for number, row in enumerate(cells):
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()
    if _report:
        _report.add_table(head, rows, title)


def count(text):
    """10k, 1M and plain numbers, as argparse types them."""
    factor = {"k": 1_000, "M": 1_000_000}.get(text[-1:], 1)
    return int(float(text[:-1] if factor > 1 else text) * factor)


def note(text):
    print(text, file=sys.stderr, flush=True)


def common_arguments(parser):
    parser.add_argument("--build", metavar="DIR", help="use the programs in this build folder instead of building them")
    parser.add_argument("--dir", metavar="DIR", help="for dumps and the like; without it /dev/shm or build/")
    parser.add_argument("--markdown", metavar="FILE",
                        help="write the figures there too; in docs/performance.md into their section")
    parser.add_argument("--quick", action="store_true", help="few items, one run: to see that it works")
