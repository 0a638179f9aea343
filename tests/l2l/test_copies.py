import os

import pytest

from l2l.copies import no_copies


def test_a_copy_ends_where_it_would_come_back_and_the_original_goes_on():
    reading, writing = os.pipe()
    with no_copies():
        child = os.fork()
    # a copy that came here would write, and end the tests a second time
    os.write(writing, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert os.read(reading, 10) == b"x"


def test_a_copy_that_raises_ends_as_well():
    children = []

    def model():
        with no_copies():
            children.append(os.fork())
            raise RuntimeError("the original" if children[0] else "the copy")

    with pytest.raises(RuntimeError, match="the original"):
        model()
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
