from l2l.protocol.messages import Running
from l2l.protocol.status_page import StatusPage


def test_what_is_announced_is_read_through_another_map_of_the_page():
    ours = StatusPage.create()
    theirs = StatusPage(ours.descriptor)
    assert ours.running is None and ours.following == 0
    theirs.begin(5, 3, 12.5, log=0)
    assert ours.running == Running(5, 3, 12.5) and ours.following == 8
    theirs.has_written(6)
    assert ours.written == 6 and ours.following == 8
    theirs.idle(8)
    assert ours.written == 8
    assert ours.running is None and ours.following == 8
    ours.recall(20)
    assert theirs.skip == 20
    theirs.fields.release()
    theirs.times.release()
    ours.close()
