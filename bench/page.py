#!/usr/bin/env python3
"""Figures as Markdown, into their section of docs/performance.md: what stands between the comment lines
`figures of NAME` and `end of figures` is replaced, all else stays. A file without such lines becomes the section alone.

bench/end_to_end, bench/scaling and bench/throttled do that with --markdown FILE. For benchmarks that print text:

    bench/page.py NAME FILE COMMAND...      runs the command and puts its output there as it is

Above the figures stands what they belong to: revision, machine, date and command.
"""
import datetime
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return (done.stdout.strip().splitlines() or ["?"])[0]
    except OSError:
        return "not there"


def command_line(words):
    """As typed in the project's folder. Where the programs lie is left out: it changes no figure."""
    words, kept = [str(word) for word in words], []
    while words:
        word = words.pop(0)
        if word in ("--build", "--dir", "--markdown"):
            words = words[1:]
        elif not word.startswith(("--build=", "--dir=", "--markdown=")):
            kept.append(word)
    if kept:
        program = Path(kept[0]).resolve()
        kept[0] = str(program.relative_to(ROOT)) if program.is_relative_to(ROOT) else kept[0]
    return shlex.join(kept)


def provenance(command, programs=()):
    model = "?"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    revision = first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    revision = "unknown" if revision.startswith("fatal") else revision
    today = datetime.datetime.now(datetime.timezone.utc).date()
    text = (f"`{command}`, revision {revision}, {today}, {model}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
            f"Linux {os.uname().release}, load at the start {os.getloadavg()[0]:.2f}")
    return ", ".join([text, *programs]) + "."


class Section:
    def __init__(self, path, name):
        self.path, self.name, self.parts = Path(path), name, []

    def add(self, text):
        self.parts.append(text.strip("\n"))

    def add_table(self, head, rows, title=None):
        if title:
            self.add(f"**{title}**")

        def line(cells):
            return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

        self.add("\n".join([line(head), line(["---"] + ["---:"] * (len(head) - 1)), *map(line, rows)]))

    def write(self):
        begin, end = f"<!-- figures of {self.name} -->", "<!-- end of figures -->"
        text = "\n\n".join(self.parts)
        old = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        if begin in old:
            before, rest = old.split(begin, 1)
            after = rest.split(end, 1)[1]
            self.path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
        elif "<!-- figures of " in old:
            sys.exit(f"bench/page.py: {self.path} has no section for the figures of {self.name}")
        else:
            self.path.write_text(text + "\n", encoding="utf-8")


def main(name, path, *command):
    section = Section(path, name)
    section.add(provenance(command_line(command)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        lines = []
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    section.add("```\n" + "\n".join(lines).strip("\n") + "\n```")
    if child.returncode != 0:
        section.add(f"Exit status {child.returncode}.")
    section.write()
    return child.returncode


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
