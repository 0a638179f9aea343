"""The truth while a run lives: checksummed records of every event, appended and synced as they come.

A folder holds one file per process lifetime of the leader, `000001.journal` and on. A file is a header and records.

- The header names the journal (a random number, the same in all files), the file's own number, and the file before:
  its number, where its last whole record ended, and the checksum of its header. So a file that is missing, doubled,
  exchanged or shortened is seen. Once a further file stands, the one before it says so in its header.
- A record is its length, the CRC-32 of its payload, the CRC-32 of both, and the payload: a JSON header followed by the
  raw bytes of the arrays that the header names. Both checksums begin with the file's header and the record's place,
  so that a record counts only where it was written.

A file comes into being with its header and its first record whole. A kill inside a later write leaves a record that is
cut short by the end of the last file: that record never was. Everything else that does not check is damage, and said.
"""

from l2l.journal.files import START, file_of, files
from l2l.journal.reading import identity, read_journal
from l2l.journal.record import MAGIC, Position, Record, Wanted, decode, encode, records_in
from l2l.journal.salvage import Lost, salvage
from l2l.journal.writing import Journal, remove_journal

__all__ = [
    "MAGIC",
    "START",
    "Journal",
    "Lost",
    "Position",
    "Record",
    "Wanted",
    "decode",
    "encode",
    "file_of",
    "files",
    "identity",
    "read_journal",
    "records_in",
    "remove_journal",
    "salvage",
]
