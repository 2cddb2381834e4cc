/*
 * fake_disk - a disk for tests that forgets what was not synced, and fails when told to.
 *
 * The files are real, in a directory of the test's; the disk remembers how to undo what was not
 * synced yet. A power cut undoes some of it: of data, any of the 512-byte sectors written since
 * the last sync; of names, the newest ones. A kill undoes nothing, and what is unsynced stays
 * unsynced for a later power cut. After a failed sync the data counts as clean to the system and
 * is never written, until its page is written to again.
 */
#ifndef PH_TESTS_UNIT_FAKE_DISK_H
#define PH_TESTS_UNIT_FAKE_DISK_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fs.h"

typedef enum fake_call {
	FAKE_OPEN,
	FAKE_PREAD,
	FAKE_PWRITE,
	FAKE_FDATASYNC,
	FAKE_FSYNC,
	FAKE_FTRUNCATE,
	FAKE_FALLOCATE,
	FAKE_RENAME,
	FAKE_UNLINK,
	FAKE_MKDIR,
	FAKE_DIRECT,
	FAKE_CALLS
} fake_call;

typedef struct fake_undo fake_undo;

typedef struct fake_disk {
	ph_fs fs;		    /* give its address to what is tested */
	uint64_t random;	    /* state of the generator */
	unsigned calls[FAKE_CALLS]; /* how often each was called */

	/* Failing: the nth call of a kind (from 1, 0: never) fails, and all after it if `always`. */
	unsigned fail_at[FAKE_CALLS];
	int fail_errno;
	bool always;
	bool short_writes; /* every pwrite of more than a sector writes half of it */

	/* Crashing: before the nth changing call from now on (0: never), jump. */
	bool dead; /* every changing call fails and changes nothing */
	unsigned crash_in;
	bool power; /* a power cut, not a kill */
	jmp_buf out;

	fake_undo *undo; /* what is not synced, newest first */
	int fds[256];	 /* descriptors the tested code has open */
	size_t fd_count;
	int direct; /* the descriptor whose writes go past the cache, 0: none */
	struct {
		uint64_t inode;
		int fd;
	} files
	    [512]; /* every file that was written, held so that no inode comes twice */
	size_t file_count;
	unsigned saved;	 /* files put aside to be able to undo */
	char aside[256]; /* directory for them */
} fake_disk;

/* `aside` is a directory outside of what is tested, on the same file system. */
void fake_disk_init(fake_disk *disk, const char *aside, uint64_t seed);
void fake_disk_fini(fake_disk *disk);
/* Undo some of what is not synced, as a power cut might, and take the rest as synced. */
void fake_disk_cut_power(fake_disk *disk);
/* Close what the tested code left open. */
void fake_disk_close_all(fake_disk *disk);
/* xorshift64*: a number below `bound`. */
uint64_t fake_random(uint64_t *state, uint64_t bound);

#endif
