"""What a session takes of a machine's memory: the tour has to fit where little is free."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.notebook.kernel_driver import Kernel
from tests.notebook.test_browser import NOTEBOOKS, code_cells

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

#: A quarter of what a public Binder guarantees at least; the Jupyter server beside the kernel needs as much again.
PEAK_MB_MAX = 350


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_tour_needs_little_memory_at_its_peak(tmp_path) -> None:
    shutil.copytree(NOTEBOOKS / "data", tmp_path / "data")
    tour = NOTEBOOKS / "01-tour.ipynb"
    with Kernel(tmp_path) as kernel:
        runs = [kernel.wait(kernel.send(source)) for source in code_cells(tour).values()]
        assert [run.error for run in runs if run.error] == ["DocumentInvalidError", "NotAvailableError"]
        status = kernel.run("print(open('/proc/self/status').read())").stdout
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"the tour's kernel: {peak_kb / 1024:,.0f} MB at its peak")
    assert 50 < peak_kb / 1024 < PEAK_MB_MAX
