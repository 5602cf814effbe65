"""A labgrid place as a board of tuxling's.

Arguments: the place, and the environment's file or nothing. Standard input has
one command a line, `on` or `off`; each is answered on standard output by `done`
or `failed WHY`. The first line of the answer is `console DEVICE`: a terminal
that is connected with the board's console as long as this runs.

labgrid's drivers do the work (https://labgrid.readthedocs.io): PowerProtocol,
ConsoleProtocol and, where the target has one, LinuxBootProtocol.
"""

import errno
import fcntl
import getpass
import os
import pty
import select
import socket
import subprocess
import sys
import tempfile
import time
import tty

POWER = {
    "NetworkPowerPort": "NetworkPowerDriver",
    "PDUDaemonPort": "PDUDaemonDriver",
    "TasmotaPowerPort": "TasmotaPowerDriver",
    "NetworkUSBPowerPort": "USBPowerDriver",
    "NetworkSiSPMPowerPort": "SiSPMPowerDriver",
    "NetworkYKUSHPowerPort": "YKUSHPowerDriver",
}
# A console that printed nothing for so long is looked at again.
PAUSE = 0.02


class Wrong(Exception):
    """What the user can mend."""


def say(line):
    sys.stdout.write(" ".join(line.split()) + "\n")
    sys.stdout.flush()


def one_at_a_time(place):
    """Two readers of a console get half of it each: labgrid keeps others away,
    this keeps us away from ourselves."""
    name = "tuxling-labgrid-%d-%s.lock" % (os.getuid(), place.replace("/", "-"))
    path = os.path.join(tempfile.gettempdir(), name)
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Wrong("another tuxling uses the place " + place)
    return lock


def client(place, action):
    command = [sys.executable, "-m", "labgrid.remote.client", "-p", place, action]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def acquire(place):
    """Says whether it has to be released."""
    ended = client(place, "acquire")
    if ended.returncode == 0:
        return True
    said = (ended.stderr + ended.stdout).strip()
    # The user's own, by hand: it stays his.
    mine = "%s/%s" % (socket.gethostname(), getpass.getuser())
    if "You have already acquired place %s." % place in said or "acquired by " + mine in said:
        return False
    raise Wrong("can't acquire the place %s: %s" % (place, said))


def resources(target):
    """The resources of a target in an environment: a mapping, or a list of them."""
    listed = (target or {}).get("resources") or {}
    for each in [listed] if isinstance(listed, dict) else listed:
        for name, arguments in each.items():
            yield name, arguments or {}


def role_of(targets, place):
    """The target in an environment, and whether a coordinator knows its place."""
    for role, target in targets.items():
        for name, arguments in resources(target):
            if name == "RemotePlace" and arguments.get("name") == place:
                return role, True
    if place in targets:
        return place, any(name == "RemotePlace" for name, _ in resources(targets[place]))
    known = ", ".join(targets) or "none"
    raise Wrong("no target has the place %s or is named so; there are: %s" % (place, known))


def from_environment(path, place):
    from labgrid import Environment

    environment = Environment(path)
    role, remote = role_of(environment.config.get_targets() or {}, place)
    ours = remote and acquire(place)
    return ours, lambda: environment.get_target(role)


def from_resources(place):
    """A place without an environment: drivers as its resources need them."""
    from labgrid import Target
    from labgrid.resource import RemotePlace

    def target():
        import labgrid.driver as drivers

        made = Target(place)
        RemotePlace(made, name=place)
        kinds = [type(resource).__name__ for resource in made.resources]
        if not any("Serial" in kind for kind in kinds):
            raise Wrong("the place %s has no serial port, but %s" % (place, ", ".join(kinds)))
        drivers.SerialDriver(made, None)
        power = [POWER[kind] for kind in kinds if kind in POWER]
        if not power:
            raise Wrong("nothing of the place %s switches it: %s" % (place, ", ".join(kinds)))
        getattr(drivers, power[0])(made, None)
        return made

    return acquire(place), target


class Board:
    """The drivers of a board."""

    def __init__(self, target):
        self.target = target
        self.power = target.get_driver("PowerProtocol")
        self.console = target.get_driver("ConsoleProtocol")
        self.loader = None
        self.running = False

    def off(self):
        self.running = False
        if self.loader:
            self.target.deactivate(self.loader)
            self.loader = None
        try:
            self.power.off()
        except Exception:
            # A machine of QEMU's that ended by itself can't be asked to: a new
            # one is off. What is switched is tried once more, and told.
            self.target.deactivate(self.power)
            self.target.activate(self.power)
            self.power.off()

    def on(self):
        from labgrid.exceptions import NoDriverFoundError

        self.power.on()
        self.running = True
        try:
            self.loader = self.target.get_driver("LinuxBootProtocol", activate=False)
        except NoDriverFoundError:
            return
        self.target.activate(self.loader)
        named = getattr(self.loader, "boot_commands", None) or {}
        self.loader.boot("tuxling" if "tuxling" in named else "")

    def read(self):
        from pexpect import TIMEOUT

        if not self.running:
            time.sleep(PAUSE)
            return b""
        try:
            return self.console.read(4096, PAUSE)
        except TIMEOUT:
            return b""


def connect(board):
    """Carries out commands until there are no more, and moves text between the
    console and a terminal meanwhile."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    say("console " + os.ttyname(theirs))
    commands, printed = b"", b""
    while True:
        ready, _, _ = select.select([0, ours], [], [], 0)
        if 0 in ready:
            more = os.read(0, 4096)
            if not more:
                return
            commands += more
        while b"\n" in commands:
            command, commands = commands.split(b"\n", 1)
            try:
                {b"on": board.on, b"off": board.off}[command]()
                say("done")
            except Exception as error:
                say("failed %s: %s" % (type(error).__name__, error))
        if ours in ready:
            keys = os.read(ours, 4096)
            if board.running:
                board.console.write(keys)
        if len(printed) < 1 << 20:
            try:
                printed += board.read()
            except (OSError, EOFError) as error:
                # The line is lost, and with it the terminal.
                print("the console is lost: %s" % error, file=sys.stderr)
                return
        try:
            printed = printed[os.write(ours, printed) :] if printed else printed
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise


def main():
    place, environment = sys.argv[1:3]
    lock = one_at_a_time(place)
    ours, target = from_environment(environment, place) if environment else from_resources(place)
    board = None
    try:
        board = Board(target())
        connect(board)
    finally:
        if board and board.running:
            board.off()
        if ours:
            client(place, "release")
        lock.close()


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        say("failed %s" % wrong)
        sys.exit(1)
    except ImportError as missing:
        say("failed %s: install labgrid for this python3 (Debian: python3-labgrid)" % missing)
        sys.exit(1)
    except Exception as error:
        say("failed %s: %s" % (type(error).__name__, error))
        raise
