"""Signals end the simulator whenever they come: Ctrl+C reaches it twice (from the terminal, and from the backend)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.procesos import ROOT

LOOP = """
import os, signal
from simulator.cli import _until_signal
me = os.getpid()
for turn in range({turns}):
    with _until_signal() as stop:
        if not os.fork():
            for _ in range(20):  # a salvo, some of which meets the handler of the one before, or Event.wait
                os.kill(me, signal.SIGINT)
                os.kill(me, signal.SIGTERM)
            os._exit(0)
        while not stop.wait(0.00001):
            pass
        os.wait()
print("fin")
"""


@pytest.mark.integration
def test_a_salvo_of_signals_never_blocks() -> None:
    argv = [sys.executable, "-W", "ignore", "-c", LOOP.format(turns=150)]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=40)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        pytest.fail("a signal that came while another was handled blocked the program for ever")
    assert process.returncode == 0
    assert output == b"fin\n"
