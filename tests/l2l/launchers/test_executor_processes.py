import os
import signal

from l2l.launchers.executor.processes import Context, end_with_parent


def test_an_interruption_leaves_a_process_alone_that_is_still_starting() -> None:
    process = Context().Process(target=end_with_parent)
    process.start()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)  # it has hardly begun to import
    process.join()
    assert process.exitcode == 0
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
