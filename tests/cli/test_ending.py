"""Being told to stop by a signal: nbconvex.cli.ending."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from nbconvex.cli.ending import Ending, ending_by_signals

#: Signals at any moment of a wait, thousands of them: with an Event of `threading` this hangs or dies at once.
STORM = """
import faulthandler, signal, time
from nbconvex.cli.ending import Ending
faulthandler.dump_traceback_later(30, exit=True)
ending = Ending()
signal.signal(signal.SIGALRM, lambda *_: ending.set())
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
until = time.monotonic() + 0.5
while time.monotonic() < until:
    ending.wait(0.0001)
    ending = Ending()
signal.setitimer(signal.ITIMER_REAL, 0)
print("over")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_may_come_at_any_moment_of_a_wait() -> None:
    done = subprocess.run([sys.executable, "-c", STORM], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "over\n", done.stderr


def test_a_wait_ends_when_it_is_set_or_when_its_time_is_over() -> None:
    ending = Ending()
    assert ending.wait(0.001) is False
    threading.Timer(0.01, ending.set).start()
    assert ending.wait(30) is True
    assert ending.wait(30) is True
    assert ending.is_set()


def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ending_by_signals() as ending:
        os.kill(os.getpid(), signal.SIGTERM)
        assert ending.wait(30)
    assert signal.getsignal(signal.SIGTERM) is before
