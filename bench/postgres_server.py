"""A PostgreSQL 15 for the benchmarks: a cluster of its own in the work folder, on a unix socket and a port of 127.0.0.1,
ended by its process id. Settings are those of a small production server (1 GB of shared buffers, fsync on), so that
what is written to disk costs what it costs; autovacuum is off, because it would wake up in the middle of somebody's turn.
PostgreSQL refuses to run as root: then it runs as the user postgres."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import measure

BIN = Path("/usr/lib/postgresql/15/bin")
SETTINGS = {
    "shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "maintenance_work_mem": "256MB",
    "autovacuum": "off", "wal_compression": "off", "listen_addresses": "127.0.0.1", "logging_collector": "off",
}


class PostgresServer:
    """Running for as long as the `with` lasts."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.data = self.folder / "pgdata"
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self):
        if self.as_user:
            os.chmod(self.folder, 0o755)
            self.data.mkdir()
            shutil.chown(self.data, "postgres", "postgres")
        subprocess.run([*self.as_user, BIN / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                        "--locale=C.UTF-8", "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self.log = open(self.folder / "postgres.log", "wb")
        self.child = subprocess.Popen([*self.as_user, BIN / "postgres", "-D", self.data, "-p", str(self.port), "-k",
                                       self.data, *settings], stdout=self.log, stderr=self.log, cwd="/")
        for _ in range(300):
            ready = subprocess.run([BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)])
            if ready.returncode == 0:
                self.postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
                return self
            time.sleep(0.1)
        raise measure.Failed(f"PostgreSQL did not start: {(self.folder / 'postgres.log').read_text()[-2000:]}")

    def __exit__(self, *_):
        os.kill(self.postmaster, signal.SIGINT)
        try:
            self.child.wait(60)
        except subprocess.TimeoutExpired:
            os.kill(self.postmaster, signal.SIGQUIT)
            self.child.wait()
        self.log.close()

    def url(self, database, table=None):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}" + (f"#{table}" if table else "")

    def psql(self, database, *sql):
        words = [word for statement in sql for word in ("-c", statement)]
        return measure.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port,
                            "-U", "postgres", "-d", database, *words])

    def environment(self):
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}

    def cpu(self):
        """CPU seconds of the server and all of its processes, those that have ended included."""
        ticks = os.sysconf("SC_CLK_TCK")
        total = 0
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            pid, parent = int(entry.name), int(fields[1])
            if pid == self.postmaster:
                total += sum(int(field) for field in fields[11:15])  # with ended children
            elif parent == self.postmaster:
                total += int(fields[11]) + int(fields[12])
        return total / ticks
