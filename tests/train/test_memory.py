import subprocess
import sys

import pytest

# In a process of its own: what the C library does depends on all that a process has freed before.
CHILD = """
import resource

import torch
from gantools.train.memory import kept_memory

def page_faults():
    "Of ten blocks of 32 MB, each written once and given back."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(8 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    "Counted page by page: the sums in statm lag behind by what each core has not added to them yet."
    for line in open("/proc/self/smaps_rollup"):
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024

usual = page_faults()
before = resident()
with kept_memory():
    page_faults()
    kept, within = page_faults(), resident()
print(usual, kept, within - before, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of the C library glibc")
def test_memory_that_is_freed_is_used_again_until_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    usual, kept, held, left = map(int, done.stdout.split())
    assert kept < usual / 10
    assert held > 30 * 2**20, "the block is kept, at most a little of it in what the heap had already"
    assert left < 2 * 2**20, "and given back at the end"
