// Package wal is the raft log of a node, and the few values that raft must not forget, in a folder of files.
//
// What it promises:
//
//   - [Log.StoreLogs] returns when the entries survive a power loss. Every entry is covered by a checksum, which is verified
//     at [Examine] and again whenever the entry is read.
//   - Of what was written, only the last write can be lost in a crash, and only if it never returned. Examine drops such a torn
//     write; anything else that is not as it was written is a [*Damage] error, and nothing is changed.
//   - Deleted entries leave the disk with their segment. [Log.Roll] begins a new one, so that deleting everything
//     before it unlinks every file that holds any of it.
//   - A crash between any two steps leaves a folder that opens.
//
// # Files
//
// The manifest (text, replaced whole) lists the segments. What it does not list does not count and is removed by
// [Found.Open]. A segment is a header and records, allocated in full and zeroed beforehand:
//
//	header  magic 8 | id 8 | index of the first record 8 | CRC-32C of the 24 bytes before 4 | zero 4
//	record  payload size 4 | CRC-32C 4 | index 8 | index of the first record of the same write 8 | payload | zeros to a multiple of 8
//	payload term 8 | time appended, Unix ns 8 | type 1 | extensions size 4 | extensions | data
//
// Numbers are big-endian. A record's checksum begins with the segment's id and covers the record from its index to
// the payload's end. A record header of zeros ends the segment.
//
// Since a record names the write that it belongs to, a torn write can be told from damage: after a torn write there is
// nothing, or records of the same write that reached the disk before it did. A later write began only when the
// earlier one was durable.
package wal
