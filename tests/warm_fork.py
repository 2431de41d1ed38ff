"""What `warm.py` starts. Of each command three processes are left:

client   what the test starts; it hands its streams to the server, passes signals on, and ends as the program does
keeper   waits for the program, and kills it where the client was killed
program  a fork of the server, which started with the first command and ends with the tests
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


# Client


def ask(path, arguments):
    """Has the server run a command; the status, negative where a signal ended it."""
    streams = [number for number in (0, 1, 2) if _is_open(number)]  # before the socket takes the number of a closed one
    connection = socket.socket(socket.AF_UNIX)
    for _ in range(6000):
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):  # it is about to start
            connection.connect(path)
            break
        time.sleep(0.05)
    asked = {"arguments": arguments, "streams": streams, "cwd": os.getcwd(), "environment": dict(os.environ)}
    socket.send_fds(connection, [b" "], streams)
    connection.sendall(json.dumps(asked).encode())
    connection.shutdown(socket.SHUT_WR)
    answers = connection.makefile()
    pid = int(answers.readline())
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    return int(answers.readline())


def _is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def end_as(status):
    """Ends this process as another one ended."""
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


# Server


def serve(path):
    """Answers clients until standard input ends; returns in each program, with what it is to run."""
    import gc

    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    base = [entry for entry in sys.path[1:] if entry not in own]
    sys.path.insert(1, os.path.dirname(sys.path[0]))  # the repository
    import warm_imports  # noqa: F401

    gc.freeze()  # pages that nobody writes are shared
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    keepers = set()
    while True:
        ready, _, _ = select.select([0, listener], [], [], None)
        keepers -= {pid for pid in keepers if os.waitpid(pid, os.WNOHANG)[0]}
        if 0 in ready:
            os._exit(0)
        connection, _ = listener.accept()
        keeper = os.fork()
        if not keeper:
            listener.close()
            asked = keep(connection)
            sys.path[:] = [*filter(None, asked["environment"].get("PYTHONPATH", "").split(os.pathsep)), *base]
            return asked["arguments"]
        keepers.add(keeper)
        connection.close()


def keep(connection):
    """Forks the program that a client asks for; returns in the program, once it has all that it was given."""
    _, received, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile() as file:
        asked = json.load(file)
    program = os.fork()
    if program:
        for number in received:
            os.close(number)
        connection.sendall(b"%d\n" % program)
        ended = os.pidfd_open(program)
        poll = select.poll()
        poll.register(ended, select.POLLIN)
        poll.register(connection, 0)  # hang-up alone
        if ended not in dict(poll.poll()):
            os.kill(program, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(b"%d\n" % status)
        os._exit(0)
    connection.close()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if number in asked["streams"]:
            os.dup2(received[asked["streams"].index(number)], number)
            before = getattr(sys, name)  # which may have asked whether it can seek
            options = {"encoding": before.encoding, "errors": before.errors, "closefd": False}
            mode, buffering = ("r" if number == 0 else "w"), (1 if number == 2 else -1)
            setattr(sys, name, open(number, mode, buffering, **options))  # noqa: SIM115
        else:
            os.close(number)
            setattr(sys, name, None)  # as Python does
    for number in received:
        os.close(number)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    return asked


def run(kind, *arguments):
    """What Python does with these arguments."""
    import runpy
    import types

    if kind == "-c":
        code, *rest = arguments
        sys.argv[:] = ["-c", *rest]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(code, vars(main))
    elif kind == "-m":
        sys.argv[:] = arguments
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = [kind, *arguments]
        sys.path.insert(0, os.path.dirname(os.path.realpath(kind)))
        runpy.run_path(kind, run_name="__main__")


if __name__ == "__main__":
    if sys.argv[2:] == ["serve"]:
        run(*serve(sys.argv[1]))
    else:
        end_as(ask(sys.argv[1], sys.argv[2:]))
