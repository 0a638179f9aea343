from l2l.worker.board import Board, Running


def test_what_is_announced_is_read_through_another_map_of_the_page():
    ours = Board.create()
    theirs = Board(ours.descriptor)
    assert ours.running is None and ours.following == 0
    theirs.announce(5, 3, 12.5, log=0)
    assert ours.running == Running(5, 3, 12.5) and ours.following == 8
    theirs.idle(8)
    assert ours.running is None and ours.following == 8
    ours.recall(20)
    assert theirs.skip == 20
    theirs.words.release()
    theirs.times.release()
    ours.close()
