// Package audit writes one record per call to an append-only log, before the caller answers.
//
// It promises:
//
//   - When [Log.Write] returns nil, the record is with the kernel: write(2) has taken all of its bytes, so it survives
//     the death of this process at any moment. With [SyncDisk] it is on disk (fdatasync), so it survives the machine's too.
//   - When Write returns an error, the record may be missing, and the caller must not give its answer away.
//   - Every line of every file is one whole JSON object in the shape of a CloudTrail record (eventVersion 1.11), whatever
//     a client put into its names, headers and parameters. Only the very end of a file may be half a line, after a crash or
//     a failing disk; that half was never acknowledged, and the next [Open] replaces it with a record that quotes it.
//   - Records carry a sequence number that rises by one from record to record through all files of a folder.
//   - A full or failing disk makes writes fail, not records disappear; the log says so in [Log.Err], and goes on by itself
//     when there is space again, beginning with a record that says since when and how many records were refused.
//   - Floods of unauthenticated calls ([Log.Unauthenticated]) cost a bounded number of records per minute and bounded
//     memory, whatever number of addresses they come from.
//
// Writers share write(2) calls: one that finds no write under way writes everything that is queued, in one call, for all
// who wait; nobody returns before the bytes of its own record were taken.
//
// Records hold encryption contexts in clear. What must not be recorded (plaintext, secrets) is left out by the caller, who
// makes the parameters.
package audit
