import resource
import sys

import pytest
import torch

from gantools.train.memory import kept_memory


def page_faults() -> int:
    """Of ten blocks of 32 MB, each written once and given back."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(8 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="of the C library glibc")
def test_memory_that_is_freed_is_used_again_until_the_end() -> None:
    usual = page_faults()
    with kept_memory():
        page_faults()
        kept = page_faults()
    assert kept < usual / 10
    assert page_faults() > usual / 2, "afterwards all is as before"
