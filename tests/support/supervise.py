"""Runs one Kinto server for as long as the process that started this script lives.

The starter holds the other end of our stdin. However that process ends (normally, by a panic, an abort or SIGKILL), the
operating system closes its end, we read the end of the file, stop everything and remove the server's folder. Nothing
else is needed to clean up, so nothing can be forgotten.

Before that, lines on stdin are orders: `kill` ends Kinto by SIGKILL, wherever it is, and leaves its database alone;
`start` launches it again (after a `kill`, if it still runs), on the same port, with the same database and folder.

Lines on stdout tell the starter how far we are: `started` once Kinto was launched (it may take a moment more to
answer), `killed` once it is dead as ordered, `failed …` when anything ended that should not have. Whatever the programs
themselves print goes to our stderr, which is the server's log file.
"""

import argparse
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

# How long a program may take to obey before it is killed.
PATIENCE = 5.0

# What no program can refuse.
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)

# Kinto's command line. It is no module for `-m`, and its script in bin/ fails when its path is too long for a #! line.
KINTO = """
import sys
import kinto.__main__
sys.exit(kinto.__main__.main())
"""

# The same for a database that is still being made: most of the time goes into imports, which need no database. Two
# processes all the same, as `kinto migrate` and `kinto start` are.
KINTO_WITH_DATABASE = """
import importlib.util, os, sys
import kinto.__main__, kinto.core.storage.postgresql, psycopg2, waitress
for plugin in ["kinto_attachment", "kinto_changes", "kinto_signer"]:
    if importlib.util.find_spec(plugin):
        __import__(plugin)
if not sys.stdin.readline():
    sys.exit("nobody waits for this server any more")
migration = os.fork()
if migration == 0:
    sys.exit(kinto.__main__.main(["migrate", "--ini", sys.argv[3]]))
if os.waitpid(migration, 0)[1] != 0:
    sys.exit("kinto migrate failed")
sys.exit(kinto.__main__.main())
"""


class Stopping(Exception):
    """Our starter is gone: nothing new may be launched."""


class Failed(Exception):
    """The server cannot run; the text is for a person."""


class Children:
    """Everything launched so far. Launched by one thread, stopped by another."""

    def __init__(self):
        self._lock = threading.Lock()
        self._stopping = False
        self._launched = []

    def launch(self, argv, stop=signal.SIGTERM, **options):
        """Launches a program in a process group of its own, to be stopped by the signal `stop`."""
        with self._lock:
            if self._stopping:
                raise Stopping
            if os.name == "posix":
                options["start_new_session"] = True
            # Our stdin and stdout are not for children: the one is how we notice the end, the other for our own lines.
            options = {"stdin": subprocess.DEVNULL, "stdout": sys.stderr, "stderr": sys.stderr, **options}
            child = subprocess.Popen(argv, **options)
            self._launched.append((child, stop))
            return child

    def run(self, argv, **options):
        """Runs a program that ends by itself."""
        status = self.launch(argv, KILL, **options).wait()
        if status != 0:
            raise Failed(f"{os.path.basename(argv[0])} ended with status {status}")

    def stop(self):
        """Stops all of them, the latest first."""
        with self._lock:
            self._stopping = True
        for child, stop in reversed(self._launched):
            send(child, stop)
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                send(child, KILL)
                child.wait()


def send(child, signal_number):
    """Sends a signal to a child's process group, unless it ended."""
    if child.poll() is not None:
        return
    try:
        if os.name == "posix":
            os.killpg(child.pid, signal_number)
        else:
            child.terminate()
    except OSError:
        pass


def say(line):
    """Writes a line to our starter, who may be gone."""
    try:
        os.write(1, (line.replace("\n", " ") + "\n").encode())
    except OSError:
        pass


class Kinto:
    """The web server, one process after the other."""

    def __init__(self, children, ini, port):
        self._children = children
        self._arguments = ["start", "--ini", ini, "--port", str(port)]
        self._process = None

    def start(self, program=KINTO, **options):
        """Calls `kinto start`.

        `-I` keeps PYTHONPATH and the like out (PYTHONDONTWRITEBYTECODE too, which would slow down every start).
        """
        process = self._children.launch([sys.executable, "-I", "-c", program] + self._arguments, **options)
        self._process = process
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        return process

    def kill(self):
        """Ends the process, if there is one, and waits until it is dead."""
        process, self._process = self._process, None
        if process:
            send(process, KILL)
            process.wait()

    def _watch(self, process):
        """Tells when the process ends by itself."""
        status = process.wait()
        if self._process is process:
            say(f"failed kinto ended with status {status}")


def database_user():
    """Whom PostgreSQL runs as: it refuses root, so root hands it to `nobody`."""
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise Failed("PostgreSQL does not run as root, and there is no user `nobody` to run it as") from None


def database_folder(folder, user):
    """A folder for the database that its user can reach: inside `folder` if possible."""
    inside = os.path.join(folder, "postgresql")
    os.mkdir(inside, 0o700)
    if user is None:
        return inside
    os.chown(inside, user.pw_uid, user.pw_gid)
    # Only trying tells: any folder above may be closed to others (/root is).
    probe = ["/bin/sh", "-c", 'cd "$0" 2>/dev/null && test -w .', inside]
    if subprocess.run(probe, stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd="/", **identity(user)).returncode == 0:
        return inside
    elsewhere = tempfile.mkdtemp(prefix="kinto-postgresql-")
    os.chown(elsewhere, user.pw_uid, user.pw_gid)
    return elsewhere


def identity(user):
    """Popen's options to run a program as `user`."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def start_postgresql(children, folder, user, programs, port):
    """Makes a database cluster in `folder`, starts it and creates the database `kinto`."""
    data = os.path.join(folder, "data")
    options = {"cwd": folder, "env": {**os.environ, "LC_ALL": "C"}, **identity(user)}
    children.run(
        [os.path.join(programs, "initdb"), "-D", data, "--no-sync", "--auth=trust", "--username=postgres"]
        + ["--encoding=UTF8", "--locale=C"],
        **options,
    )
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "timezone": "UTC",
        # The data is thrown away: surviving a crash is worth nothing, speed is.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # Small, as several servers may run side by side.
        "shared_buffers": "16MB",
    }
    argv = [os.path.join(programs, "postgres"), "-D", data, "-p", str(port)]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    # SIGQUIT is the immediate shutdown.
    postgres = children.launch(argv, getattr(signal, "SIGQUIT", signal.SIGTERM), **options)

    # Its own pid file tells when it is ready. Connecting would not do: another server might sit on the port.
    deadline = time.monotonic() + 30
    while database_state(data) != "ready":
        if postgres.poll() is not None:
            raise Failed(f"postgres ended with status {postgres.returncode}")
        if time.monotonic() > deadline:
            raise Failed("postgres did not get ready within 30 seconds")
        time.sleep(0.01)

    import psycopg2

    connection = psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres")
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE kinto")
    connection.close()


def database_state(data):
    """The state in the eighth line of postmaster.pid, as pg_ctl reads it."""
    try:
        with open(os.path.join(data, "postmaster.pid")) as pid_file:
            lines = pid_file.read().splitlines()
    except OSError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def make_signing_key(path):
    """Makes a key to sign with. The package that signs makes it, so that nothing else is needed."""
    import ecdsa

    key = ecdsa.SigningKey.generate(curve=ecdsa.NIST384p)
    with open(path, "wb") as pem:
        pem.write(key.to_pem())
    # For those who verify.
    with open(path + ".pub", "wb") as pem:
        pem.write(key.get_verifying_key().to_pem())


def run(children, arguments, folders, orders):
    """Starts everything and follows orders until there is none. In a thread: the main one watches stdin."""
    try:
        folder = folders[0]
        kinto = Kinto(children, os.path.join(folder, "kinto.ini"), arguments.port)
        if arguments.signing_key:
            make_signing_key(arguments.signing_key)
        if arguments.postgresql_programs:
            server = kinto.start(KINTO_WITH_DATABASE, stdin=subprocess.PIPE)
            user = database_user()
            database = database_folder(folder, user)
            folders.append(database)
            start_postgresql(children, database, user, arguments.postgresql_programs, arguments.postgresql_port)
            server.stdin.write(b"ready\n")
            server.stdin.close()
        else:
            kinto.start()
        say("started")
        for order in iter(orders.get, None):
            kinto.kill()
            if order == "start":
                kinto.start()
            say("started" if order == "start" else "killed")
    except Stopping:
        pass
    except Exception as error:  # Whatever it is, the starter waits for a line.
        say(f"failed {error}")


def remove(folders):
    """Removes the folders, the server's own last; again, if something was still being written the first time."""
    for _ in range(5):
        for folder in reversed(folders):
            shutil.rmtree(folder, ignore_errors=True)
        if not any(os.path.exists(folder) for folder in folders):
            return
        time.sleep(0.1)


def leave(*_):
    """Ends by the same way as the end of stdin does."""
    raise SystemExit


def main():
    parser = argparse.ArgumentParser(description="Runs one Kinto server until stdin ends, then removes FOLDER.")
    parser.add_argument("folder", metavar="FOLDER", help="holds kinto.ini")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--postgresql-programs", help="the folder of initdb and postgres")
    parser.add_argument("--postgresql-port", type=int)
    parser.add_argument("--signing-key", help="where to make the key that Kinto signs with")
    arguments = parser.parse_args()

    # Both Kinto and PostgreSQL's client library take settings from the environment: those of the person who runs the
    # tests must not reach this server.
    for name in list(os.environ):
        if name.startswith(("KINTO_", "PG")):
            del os.environ[name]

    signal.signal(signal.SIGTERM, leave)
    # Ctrl-C and a closing terminal are for the starter; we follow when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    children = Children()
    folders = [os.path.abspath(arguments.folder)]
    orders = queue.Queue()
    worker = threading.Thread(target=run, args=(children, arguments, folders, orders), daemon=True)
    try:
        worker.start()
        for line in sys.stdin.buffer:
            orders.put(line.decode().strip())
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        children.stop()
        orders.put(None)
        # It notices at once that nothing may run any more, and then makes no further folder.
        worker.join(PATIENCE)
        remove(folders)


if __name__ == "__main__":
    main()
