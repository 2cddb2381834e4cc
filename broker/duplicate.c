/*
 * How it works: places of the ring are used in the order of acceptance, cyclically. `cycle` places
 * take part; it grows in steps as room is taken on the disk, to the limit, and stays where it is
 * when there is none. It can change only while the oldest entry is at place 0, since only then all
 * entries stand in a row whatever the cycle: so a change of the limit takes effect there too (a
 * smaller limit makes the window smaller at once, but not the file).
 *
 * Saved in a checkpoint: id of the ring (16 bytes), cycle, oldest place, count, newest acceptance
 * (u64 each). Since then younger entries may have taken the places of the oldest: their acceptance
 * is beyond the newest of the checkpoint. They are passed over when loading, and the journal, which
 * has them, puts them into the same places again. After a power cut entries among them may be half
 * written; so what is damaged before one that is replaced is no damage. Acceptances grow along
 * the ring: an entry that is not younger than the one before was left by a write that failed.
 *
 * An id that is added twice has two entries; the index knows the younger.
 */
#include "broker/duplicate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/duplicate_index.h"
#include "broker/duplicate_ring.h"
#include "lib/base/assert.h"

#define STEP  (PH_DUPLICATES_STEP / PH_DUPLICATE_ENTRY) /* places taken at a time */
#define TOUCH 16					/* entries */
#define QUIET 65536 /* additions between two reports or attempts of a kind */

typedef enum trouble {
	TROUBLE_ROOM,  /* the window cannot grow */
	TROUBLE_WRITE, /* entries could not be written */
	TROUBLE_READ,  /* entries could not be read back */
	TROUBLES
} trouble;

struct ph_duplicates {
	ph_duplicate_index *index;
	ph_duplicate_ring *ring;
	uint64_t limit;			/* the window */
	uint64_t cycle;			/* places that take part */
	uint64_t oldest;		/* place */
	uint64_t count;			/* entries from there */
	uint64_t newest;		/* acceptance */
	uint64_t forgotten;		/* entries, for those after them */
	uint64_t added;			/* since the start */
	uint64_t grow_at;		/* `added` before which no room is asked for */
	uint64_t quiet[TROUBLES];	/* `added` before which it is not told again */
	uint8_t missed[PH_FINGERPRINT]; /* what was looked for last, and not there */
	uint64_t missed_at;		/* 1 + `added` then; 0: nothing was */
	bool told;			/* `report` is for the next flush */
	ph_error report;
};

/* --- beginning and end ------------------------------------------------------------------ */

ph_status
ph_duplicates_new(size_t limit, ph_duplicates **out, ph_error *err)
{
	PH_ASSERT(limit > 0 && limit < UINT32_MAX);
	ph_duplicates *duplicates = calloc(1, sizeof *duplicates);
	if (duplicates == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the duplicate window");
	duplicates->limit = limit;
	ph_status status = ph_duplicate_index_new(&duplicates->index, err);
	if (status == PH_OK)
		status = ph_duplicate_ring_make(NULL, NULL, &duplicates->ring, err);
	if (status != PH_OK)
		ph_duplicates_destroy(&duplicates);
	else
		*out = duplicates;
	return status;
}

void
ph_duplicates_destroy(ph_duplicates **duplicates_p)
{
	ph_duplicates *duplicates = *duplicates_p;
	*duplicates_p = NULL;
	if (duplicates == NULL)
		return;
	ph_duplicate_index_destroy(&duplicates->index);
	ph_duplicate_ring_destroy(&duplicates->ring);
	free(duplicates);
}

static void
use_ring(ph_duplicates *duplicates, ph_duplicate_ring **ring_p)
{
	ph_duplicate_ring_destroy(&duplicates->ring);
	duplicates->ring = *ring_p;
	*ring_p = NULL;
}

ph_status
ph_duplicates_begin(
    ph_duplicates *duplicates, const ph_fs *fs, const char *directory, ph_error *err)
{
	ph_duplicate_ring *ring = NULL;
	PH_ASSERT(duplicates->count == 0 && ph_duplicates_fd(duplicates) < 0);
	ph_status status = ph_duplicate_ring_make(fs, directory, &ring, err);
	if (status == PH_OK)
		status = ph_duplicate_ring_room(
		    ring, duplicates->limit < STEP ? duplicates->limit : STEP, err);
	if (status == PH_OK)
		use_ring(duplicates, &ring);
	else
		ph_duplicate_ring_destroy(&ring);
	return status;
}

/* --- trouble ---------------------------------------------------------------------------- */

static void
note(ph_duplicates *duplicates, trouble kind, const ph_error *why)
{
	if (duplicates->told || duplicates->added < duplicates->quiet[kind])
		return;
	duplicates->told = true;
	duplicates->report = *why;
	duplicates->quiet[kind] = duplicates->added + QUIET;
}

/* --- looking ---------------------------------------------------------------------------- */

/* Walk to the entry of an id. False: there is none. */
static bool
find(ph_duplicates *duplicates, const uint8_t *id, ph_duplicate_probe *probe,
    ph_seen *out)
{
	uint32_t place = 0;
	ph_error err;
	ph_error_clear(&err);
	*probe = ph_duplicate_index_probe(duplicates->index, id);
	while (ph_duplicate_index_next(duplicates->index, probe, &place)) {
		if (ph_duplicate_ring_get(duplicates->ring, place, out, &err) != PH_OK)
			note(duplicates, TROUBLE_READ, &err);
		else if (memcmp(out->id, id, PH_FINGERPRINT) == 0)
			return true;
	}
	return false;
}

void
ph_duplicates_fetch(const ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT])
{
	ph_duplicate_index_fetch(duplicates->index, id);
}

ph_repeat
ph_duplicates_look(ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT],
    const uint8_t content[PH_FINGERPRINT], uint64_t *acceptance)
{
	ph_duplicate_probe probe;
	ph_seen seen;
	if (!find(duplicates, id, &probe, &seen)) {
		memcpy(duplicates->missed, id, sizeof duplicates->missed);
		duplicates->missed_at = duplicates->added + 1;
		return PH_REPEAT_NO;
	}
	*acceptance = seen.acceptance;
	return memcmp(seen.content, content, PH_FINGERPRINT) == 0 ? PH_REPEAT_SAME
								  : PH_REPEAT_CONFLICT;
}

/* --- adding ----------------------------------------------------------------------------- */

/* The next entry in a row. Those behind it will be looked for too: some of them at a time. */
static ph_status
next_entry(ph_duplicates *duplicates, uint64_t place, uint64_t left, ph_seen *out,
    ph_error *err)
{
	const uint8_t *entries;
	uint64_t row = duplicates->cycle - place;
	ph_status status = ph_duplicate_ring_get_ahead(
	    duplicates->ring, place, row < left ? row : left, out, err);
	size_t ahead = ph_duplicate_ring_ahead(duplicates->ring, &entries);
	if (ahead > 0 && ahead % TOUCH == 0)
		ph_duplicate_index_touch(
		    duplicates->index, entries, PH_DUPLICATE_ENTRY, TOUCH);
	return status;
}

static void
forget_oldest(ph_duplicates *duplicates)
{
	ph_seen seen;
	ph_error err;
	ph_error_clear(&err);
	/* One that cannot be read stays in the index, where nothing will ever equal it. */
	if (next_entry(duplicates, duplicates->oldest, duplicates->count, &seen,
		&err) == PH_OK)
		ph_duplicate_index_remove(
		    duplicates->index, seen.id, (uint32_t) duplicates->oldest);
	else
		note(duplicates, TROUBLE_READ, &err);
	duplicates->oldest = (duplicates->oldest + 1) % duplicates->cycle;
	duplicates->count--;
	duplicates->forgotten++;
}

/* The oldest is at place 0: bring the cycle nearer to the limit. */
static void
fit_cycle(ph_duplicates *duplicates)
{
	ph_error err;
	ph_error_clear(&err);
	uint64_t wanted = duplicates->cycle + STEP;
	if (wanted > duplicates->limit)
		wanted = duplicates->limit;
	if (wanted > duplicates->cycle && duplicates->added < duplicates->grow_at)
		return;
	if (ph_duplicate_ring_room(duplicates->ring, wanted, &err) == PH_OK) {
		duplicates->cycle = wanted;
		return;
	}
	duplicates->grow_at = duplicates->added + QUIET;
	note(duplicates, TROUBLE_ROOM, &err);
}

/* See to it that there is a place for one more. False: there is none at all. */
static bool
make_place(ph_duplicates *duplicates)
{
	while (duplicates->count >= duplicates->limit ||
	       duplicates->count >= duplicates->cycle) {
		if (duplicates->oldest == 0 && duplicates->count <= duplicates->limit &&
		    duplicates->cycle != duplicates->limit) {
			fit_cycle(duplicates);
			if (duplicates->count < duplicates->cycle &&
			    duplicates->count < duplicates->limit)
				break;
		}
		if (duplicates->count == 0)
			return false;
		forget_oldest(duplicates);
	}
	return true;
}

/* What could not be written is not seen any more. */
static void
give_up_gathered(ph_duplicates *duplicates)
{
	uint64_t first = 0;
	size_t count = ph_duplicate_ring_gathered(duplicates->ring, &first);
	for (size_t i = 0; i < count; i++) {
		ph_seen seen;
		ph_status status =
		    ph_duplicate_ring_get(duplicates->ring, first + i, &seen, NULL);
		PH_ASSERT(status == PH_OK);
		ph_duplicate_index_remove(
		    duplicates->index, seen.id, (uint32_t) (first + i));
	}
	ph_duplicate_ring_drop(duplicates->ring);
}

static void
put_entry(ph_duplicates *duplicates, uint64_t place, const ph_seen *seen)
{
	ph_error err;
	ph_error_clear(&err);
	if (ph_duplicate_ring_put(duplicates->ring, place, seen, &err) == PH_OK)
		return;
	note(duplicates, TROUBLE_WRITE, &err);
	give_up_gathered(duplicates);
	ph_status status = ph_duplicate_ring_put(duplicates->ring, place, seen, NULL);
	PH_ASSERT(status == PH_OK);
}

/* Is it known not to be there? */
static bool
just_missed(const ph_duplicates *duplicates, const uint8_t *id)
{
	return duplicates->missed_at > 0 &&
	       duplicates->missed_at == duplicates->added &&
	       memcmp(duplicates->missed, id, sizeof duplicates->missed) == 0;
}

static void
index_entry(ph_duplicates *duplicates, uint64_t place, const uint8_t *id)
{
	ph_duplicate_probe probe;
	ph_seen before;
	ph_error err;
	ph_error_clear(&err);
	if (!just_missed(duplicates, id) && find(duplicates, id, &probe, &before)) {
		ph_duplicate_index_move(duplicates->index, &probe, (uint32_t) place);
		return;
	}
	if (ph_duplicate_index_put(duplicates->index, id, (uint32_t) place))
		return;
	(void) ph_fail(&err, PH_ERR_NOMEM, "no memory for the duplicate window");
	note(duplicates, TROUBLE_ROOM, &err);
}

void
ph_duplicates_add(ph_duplicates *duplicates, const uint8_t id[PH_FINGERPRINT],
    const uint8_t content[PH_FINGERPRINT], uint64_t acceptance)
{
	ph_seen seen = {.acceptance = acceptance};
	duplicates->added++;
	if (!make_place(duplicates))
		return;
	uint64_t place = (duplicates->oldest + duplicates->count) % duplicates->cycle;
	memcpy(seen.id, id, PH_FINGERPRINT);
	memcpy(seen.content, content, PH_FINGERPRINT);
	index_entry(duplicates, place, id);
	put_entry(duplicates, place, &seen);
	duplicates->count++;
	duplicates->newest = acceptance;
}

ph_status
ph_duplicates_flush(ph_duplicates *duplicates, ph_error *err)
{
	ph_error why = {.status = PH_OK};
	if (ph_duplicate_ring_write(duplicates->ring, &why) != PH_OK)
		note(duplicates, TROUBLE_WRITE, &why);
	if (!duplicates->told)
		return PH_OK;
	duplicates->told = false;
	if (err != NULL)
		*err = duplicates->report;
	return duplicates->report.status;
}

size_t
ph_duplicates_count(const ph_duplicates *duplicates)
{
	return ph_duplicate_index_count(duplicates->index);
}

ph_status
ph_duplicates_entry(ph_duplicates *duplicates, uint64_t nth, uint8_t id[PH_FINGERPRINT],
    uint8_t content[PH_FINGERPRINT], uint64_t *acceptance, ph_error *err)
{
	ph_seen seen;
	if (nth >= duplicates->count)
		return ph_fail(err, PH_ERR_NOT_FOUND, "no more entries");
	ph_status status = ph_duplicate_ring_get(duplicates->ring,
	    (duplicates->oldest + nth) % duplicates->cycle, &seen, err);
	if (status != PH_OK)
		return status;
	memcpy(id, seen.id, PH_FINGERPRINT);
	memcpy(content, seen.content, PH_FINGERPRINT);
	*acceptance = seen.acceptance;
	return PH_OK;
}

bool
ph_duplicates_copy(ph_duplicates *from, ph_duplicates *to, uint64_t *at, size_t most)
{
	ph_seen seen;
	uint64_t end = from->forgotten + from->count;
	if (*at < from->forgotten)
		*at = from->forgotten;
	for (; most > 0 && *at < end; most--, ++*at) {
		uint64_t nth = *at - from->forgotten;
		if (ph_duplicate_ring_get(from->ring,
			(from->oldest + nth) % from->cycle, &seen, NULL) == PH_OK)
			ph_duplicates_add(to, seen.id, seen.content, seen.acceptance);
	}
	return *at < end;
}

void
ph_duplicates_remove(const ph_fs *fs, const char *directory)
{
	ph_duplicate_ring_remove(fs, directory);
}

/* --- the checkpoint ----------------------------------------------------------------------- */

void
ph_duplicates_save(ph_duplicates *duplicates, ph_buffer *out)
{
	ph_error why = {.status = PH_OK};
	const uint8_t *id = ph_duplicate_ring_id(duplicates->ring);
	if (id == NULL)
		return;
	if (ph_duplicate_ring_write(duplicates->ring, &why) != PH_OK)
		note(duplicates, TROUBLE_WRITE, &why);
	ph_buffer_append(out, id, PH_DUPLICATE_ID);
	ph_buffer_u64(out, duplicates->cycle);
	ph_buffer_u64(out, duplicates->oldest);
	ph_buffer_u64(out, duplicates->count);
	ph_buffer_u64(out, duplicates->newest);
}

int
ph_duplicates_fd(const ph_duplicates *duplicates)
{
	return ph_duplicate_ring_fd(duplicates->ring);
}

ph_status
ph_duplicates_sync(const ph_fs *fs, int fd, ph_error *err)
{
	if (fd < 0 || fs->fdatasync(fs->self, fd) == 0)
		return PH_OK;
	return ph_fail_errno(err, errno, "PH5372 cannot sync the duplicate window");
}

static ph_status
read_saved(ph_duplicates *duplicates, ph_reader *from, ph_error *err)
{
	duplicates->cycle = ph_reader_u64(from);
	duplicates->oldest = ph_reader_u64(from);
	duplicates->count = ph_reader_u64(from);
	duplicates->newest = ph_reader_u64(from);
	if (from->failed || ph_reader_left(from) > 0 ||
	    duplicates->cycle >= UINT32_MAX || duplicates->count > duplicates->cycle ||
	    duplicates->oldest >= duplicates->cycle + (duplicates->cycle == 0))
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5370 what was saved of the duplicate window cannot be");
	return PH_OK;
}

/* A limit that is smaller than it was: the oldest are not even read. */
static void
cut_to_limit(ph_duplicates *duplicates)
{
	if (duplicates->count <= duplicates->limit)
		return;
	uint64_t surplus = duplicates->count - duplicates->limit;
	duplicates->oldest = (duplicates->oldest + surplus) % duplicates->cycle;
	duplicates->count = duplicates->limit;
}

static void
load_entries(ph_duplicates *duplicates, ph_duplicates_loaded *out)
{
	uint64_t place = duplicates->oldest;
	uint64_t last = 0;	 /* acceptance */
	uint64_t torn_until = 1; /* what is damaged below may be half replaced */
	for (uint64_t i = 0; i < duplicates->count; i++) {
		ph_seen seen;
		ph_status status =
		    next_entry(duplicates, place, duplicates->count - i, &seen, NULL);
		if (status != PH_OK) {
			out->damaged += i >= torn_until;
		} else if (seen.acceptance > duplicates->newest) {
			out->replaced++;
			out->damaged = 0;
			torn_until = i + 2;
		} else if (seen.acceptance > last) {
			last = seen.acceptance;
			index_entry(duplicates, place, seen.id);
		}
		place = place + 1 == duplicates->cycle ? 0 : place + 1;
	}
	out->entries = ph_duplicates_count(duplicates);
}

/* As new. */
static void
empty(ph_duplicates *duplicates)
{
	duplicates->cycle = duplicates->oldest = 0;
	duplicates->count = duplicates->newest = 0;
}

ph_status
ph_duplicates_load(ph_duplicates *duplicates, const ph_fs *fs, const char *directory,
    const void *bytes, size_t length, ph_duplicates_loaded *out, ph_error *err)
{
	ph_reader from;
	ph_duplicate_ring *ring = NULL;
	PH_ASSERT(duplicates->count == 0 && ph_duplicates_fd(duplicates) < 0);
	*out = (ph_duplicates_loaded){.entries = 0};
	ph_reader_init(&from, bytes, length);
	const uint8_t *id = ph_reader_bytes(&from, PH_DUPLICATE_ID);
	if (id == NULL)
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "PH5370 no duplicate window was saved");
	ph_status status = read_saved(duplicates, &from, err);
	if (status == PH_OK)
		status = ph_duplicate_ring_open(fs, directory, id, &ring, err);
	if (status == PH_OK)
		status = ph_duplicate_ring_room(ring, duplicates->cycle, err);
	if (status == PH_OK) {
		cut_to_limit(duplicates);
		status = ph_duplicate_index_reserve(
		    duplicates->index, (size_t) duplicates->count, err);
	}
	if (status != PH_OK) {
		ph_duplicate_ring_destroy(&ring);
		empty(duplicates);
		return status;
	}
	use_ring(duplicates, &ring);
	load_entries(duplicates, out);
	return PH_OK;
}
