/*
 * How it works: a job is everything that writing one checkpoint needs: the image, the names of what is
 * to stay, and what came of it. A thread runs it, raises a flag and wakes the loop; the next turn joins
 * the thread and takes the results over. At a clean stop the job is run in place.
 *
 * The ledger is copied by the same thread, beside the ledger's own, when the last copy has become old;
 * a checkpoint names the newest one there is.
 */
#include "broker/checkpoint.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/checkpoint_names.h"
#include "broker/checkpoint_state.h"
#include "broker/crashpoint.h"
#include "broker/refill.h"
#include "broker/state.h"
#include "broker/trouble.h"
#include "broker/window_move.h"
#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/base/log.h"
#include "lib/base/thread.h"

#define PATH_SIZE     PH_CHECKPOINT_PATH
#define FILE_MOST     ((size_t) 4 << 30) /* bytes of a checkpoint */
#define PAUSE_MS      1000 /* between two that are taken for their bytes */
#define PAUSES	      5	   /* that is doubled so often at most, for a full disk */
#define COPIES_BYTES  4 /* the ledger is copied after so many times checkpoint-bytes */
#define COPIES_AFTER  2 /* or so many times checkpoint-after */
#define SUFFIX	      ".checkpoint"
#define COPY_SUFFIX   ".sqlite"
#define DAMAGE_SUFFIX ".damaged"

/* A snapshot of the ledger; number 0: none. */
typedef struct copy {
	uint64_t number;
	ph_ledger_copied at;
} copy;

/* A checkpoint that is on the disk; number 0: none. */
typedef struct kept {
	uint64_t number;
	int64_t taken_ms;
	ph_checkpoint_place place;
	uint64_t bytes;
	copy ledger;
} kept;

typedef struct job {
	pthread_t thread;
	ph_loop *loop; /* to be woken */
	const ph_fs *fs;
	const char *state; /* directories; the keeper's */
	const char *directory;
	char shelves[PATH_SIZE];
	ph_buffer image;
	ph_buffer paths;   /* files of shelves to be synced first */
	int duplicates;	   /* their ring's descriptor, to be synced too */
	bool unsynced;	   /* that has failed */
	kept made;	   /* what is being made */
	uint64_t previous; /* checkpoint that stays beside it */
	uint64_t previous_copy;
	bool copying;	  /* the ledger is to be copied too */
	int64_t begun_ms; /* mono */
	int64_t encode_ms;
	ph_status status; /* what came of it */
	ph_error err;
	ph_error copy_err; /* status PH_OK: none */
	atomic_bool finished;
} job;

struct ph_checkpoints {
	char state[PATH_SIZE];
	char directory[PATH_SIZE];
	ph_timer *timer;
	kept last[2]; /* the newest first */
	copy ledger;  /* the newest snapshot */
	uint64_t next;
	job *job;	      /* being written; NULL: none */
	int64_t due_ms;	      /* mono; INT64_MAX: nothing has changed */
	int64_t taken_ms;     /* mono, of the last try */
	int64_t copied_ms;    /* mono, of the last copy of the ledger */
	uint64_t taken_bytes; /* broker->written then */
	uint64_t copied_bytes;
	uint64_t failures;
	unsigned in_vain;   /* tries since the last that was taken */
	ph_trouble told[2]; /* of checkpoints that failed, of copies that did */
	bool ready;	    /* may be taken */
	bool held_up; /* the next one waits, or has waited, for the window's move */
};

/* ---- opening ---- */

static void
remove_all(const ph_fs *fs, const char *directory, const char *suffix)
{
	char **names = NULL;
	size_t count = 0;
	if (ph_fs_list(directory, suffix, &names, &count, NULL) != PH_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		char path[PATH_SIZE + 300];
		(void) snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		(void) fs->unlink(fs->self, path);
	}
	free(names);
}

static void
pass_number(void *self, uint64_t number)
{
	uint64_t *next = self;
	if (number >= *next)
		*next = number + 1;
}

static void
something_done(void *self)
{
	(void) self; /* the turn looks */
}

ph_status
ph_checkpoint_open(ph_broker *broker, ph_error *err)
{
	ph_checkpoints *at = calloc(1, sizeof *at);
	if (at == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for checkpoints");
	broker->checkpoints = at;
	at->due_ms = INT64_MAX;
	at->next = 1;
	if (snprintf(at->state, sizeof at->state, "%s", broker->site->state) >=
		(int) sizeof at->state ||
	    snprintf(at->directory, sizeof at->directory, "%s/checkpoint",
		broker->site->state) >= (int) sizeof at->directory)
		return ph_fail(err, PH_ERR_TOO_LARGE, "the state's path is too long");
	ph_status status = ph_fs_make_dirs(at->directory, 0700, err);
	if (status == PH_OK)
		status =
		    ph_timer_new(broker->loop, something_done, broker, &at->timer, err);
	if (status != PH_OK)
		return status;
	remove_all(broker->fs, at->directory, ".new");
	remove_all(broker->fs, at->directory, ".partial");
	ph_checkpoint_each(at->directory, "", SUFFIX, pass_number, &at->next);
	ph_checkpoint_each(
	    at->directory, "", SUFFIX DAMAGE_SUFFIX, pass_number, &at->next);
	ph_checkpoint_each(
	    at->directory, "ledger-", COPY_SUFFIX, pass_number, &at->next);
	return PH_OK;
}

/* ---- at a start ---- */

static void
put_aside(const ph_broker *broker, uint64_t number, const ph_error *why)
{
	const ph_fs *fs = broker->fs;
	const char *directory = broker->checkpoints->directory;
	char from[PATH_SIZE + 64], to[PATH_SIZE + 64];
	ph_checkpoint_name(from, directory, "", number, SUFFIX);
	ph_checkpoint_name(to, directory, "", number, SUFFIX DAMAGE_SUFFIX);
	/* A later version's is whole: it stays where that version looks for it. */
	if (why->status != PH_ERR_VERSION)
		(void) fs->rename(fs->self, from, to);
	ph_log(PH_LOG_ERROR, "checkpoint-damaged", "checkpoint=%" PRIu64 " text=%s",
	    number, why->text);
}

static void
read_ledger(const ph_checkpoint_file *file, copy *out)
{
	ph_reader reader;
	const ph_checkpoint_section *section =
	    ph_checkpoint_file_find(file, PH_CHECKPOINT_LEDGER);
	*out = (copy){.number = 0};
	if (section == NULL)
		return;
	ph_reader_init(&reader, section->body, section->length);
	out->number = ph_reader_u64(&reader);
	out->at.position.partition = ph_reader_u32(&reader);
	out->at.position.offset = ph_reader_u64(&reader);
	out->at.sequence = ph_reader_u64(&reader);
}

/* Read, check and load one. *loaded: the broker's state has been touched. */
static ph_status
try_one(ph_broker *broker, uint64_t number, kept *out, bool *loaded, ph_error *err)
{
	char path[PATH_SIZE + 64];
	char *bytes = NULL;
	size_t length = 0;
	ph_checkpoint_file file;
	ph_checkpoint_name(path, broker->checkpoints->directory, "", number, SUFFIX);
	ph_status status = ph_fs_slurp(path, FILE_MOST, &bytes, &length, err);
	if (status == PH_OK)
		status = ph_checkpoint_file_parse(bytes, length, &file, err);
	if (status == PH_OK && file.number != number)
		status = ph_fail(err, PH_ERR_DAMAGED,
		    "PH5340 the checkpoint is damaged: it has another number");
	if (status == PH_OK)
		status = ph_checkpoint_state_place(broker, &file, &out->place, err);
	if (status == PH_OK) {
		*loaded = true;
		out->number = number;
		out->taken_ms = file.taken_ms;
		read_ledger(&file, &out->ledger);
		status = ph_checkpoint_state_load(broker, &file, err);
	}
	free(bytes);
	return status;
}

typedef struct numbers {
	uint64_t *at;
	size_t count;
} numbers;

static void
note_number(void *self, uint64_t number)
{
	numbers *list = self;
	uint64_t *grown = realloc(list->at, (list->count + 1) * sizeof *grown);
	if (grown == NULL)
		return;
	list->at = grown;
	list->at[list->count++] = number;
}

/* Not the checkpoint's fault: it is good, and wanted at the next start. */
static bool
ends_the_start(ph_status status, bool loaded)
{
	return status == PH_ERR_NOMEM || status == PH_ERR_FULL ||
	       (loaded && status == PH_ERR_IO);
}

ph_status
ph_checkpoint_recall(
    ph_broker *broker, uint64_t *number, uint64_t *sequence, ph_error *err)
{
	ph_checkpoints *at = broker->checkpoints;
	numbers list = {.count = 0};
	ph_status status = PH_OK;
	*number = *sequence = 0;
	ph_checkpoint_each(at->directory, "", SUFFIX, note_number, &list);
	for (size_t i = list.count; i-- > 0 && status == PH_OK && *number == 0;) {
		kept found = {.number = 0};
		bool loaded = false;
		ph_error why = {.status = PH_OK};
		status = try_one(broker, list.at[i], &found, &loaded, &why);
		if (status == PH_OK) {
			at->last[0] = found;
			at->ledger = found.ledger;
			*number = found.number;
			*sequence = found.place.sequence;
		} else if (ends_the_start(status, loaded)) {
			(void) ph_fail(err, status, "%s", why.text);
		} else {
			put_aside(broker, list.at[i], &why);
			status = loaded ? ph_state_forget(broker, err) : PH_OK;
		}
	}
	free(list.at);
	return status;
}

void
ph_checkpoint_begin(ph_broker *broker)
{
	ph_checkpoints *at = broker->checkpoints;
	at->ready = true;
	at->taken_ms = at->copied_ms = ph_clock_mono(broker->clock);
	at->taken_bytes = at->copied_bytes = broker->written;
}

/* ---- the job ---- */

static void
append_ledger(ph_buffer *image, const copy *ledger)
{
	if (ledger->number == 0)
		return;
	size_t at = ph_checkpoint_section_begin(image, PH_CHECKPOINT_LEDGER, true);
	ph_buffer_u64(image, ledger->number);
	ph_buffer_u32(image, ledger->at.position.partition);
	ph_buffer_u64(image, ledger->at.position.offset);
	ph_buffer_u64(image, ledger->at.sequence);
	ph_checkpoint_section_end(image, at);
}

/* What was written is what can be read. */
static ph_status
verify(const job *work, const char *path, ph_error *err)
{
	char *bytes = NULL;
	size_t length = 0;
	ph_checkpoint_file file;
	ph_status status = ph_fs_slurp(path, FILE_MOST, &bytes, &length, err);
	if (status == PH_OK)
		status = ph_checkpoint_file_parse(bytes, length, &file, err);
	if (status == PH_OK && (length != work->image.length ||
				   memcmp(bytes, work->image.data, length) != 0))
		status = ph_fail(err, PH_ERR_DAMAGED,
		    "PH5340 the checkpoint does not read as it was written");
	free(bytes);
	return status;
}

typedef struct tidying {
	const job *work;
	const char *before, *after;
	uint64_t keep[2];
} tidying;

static void
remove_other(void *self, uint64_t number)
{
	const tidying *at = self;
	char path[PATH_SIZE + 64];
	if (number == at->keep[0] || number == at->keep[1])
		return;
	ph_checkpoint_name(path, at->work->directory, at->before, number, at->after);
	(void) at->work->fs->unlink(at->work->fs->self, path);
}

/* Only this checkpoint, the one before, and the copies that they name stay. */
static void
tidy(const job *work)
{
	tidying files = {work, "", SUFFIX, {work->made.number, work->previous}};
	tidying copies = {work, "ledger-", COPY_SUFFIX,
	    {work->made.ledger.number, work->previous_copy}};
	ph_checkpoint_each(
	    work->directory, files.before, files.after, remove_other, &files);
	ph_checkpoint_each(
	    work->directory, copies.before, copies.after, remove_other, &copies);
}

static void
copy_ledger(job *work)
{
	char path[PATH_SIZE + 64];
	copy fresh = {.number = work->made.number};
	ph_checkpoint_name(path, work->directory, "ledger-", fresh.number, COPY_SUFFIX);
	if (ph_ledger_copy(work->state, path, &fresh.at, &work->copy_err) == PH_OK)
		work->made.ledger = fresh;
	PH_CRASH_POINT("checkpoint-copied");
}

static void
do_job(job *work)
{
	char path[PATH_SIZE + 64];
	if (!PH_MUTANT("shelf-unsynced"))
		work->status =
		    ph_shelf_sync(work->fs, work->shelves, &work->paths, &work->err);
	ph_buffer_fini(&work->paths);
	if (work->status == PH_OK && !PH_MUTANT("ring-unsynced"))
		work->status =
		    ph_duplicates_sync(work->fs, work->duplicates, &work->err);
	if (work->status != PH_OK) {
		work->unsynced = true;
		ph_buffer_fini(&work->image);
		return;
	}
	if (work->copying)
		copy_ledger(work);
	append_ledger(&work->image, &work->made.ledger);
	ph_checkpoint_image_seal(&work->image);
	work->made.bytes = work->image.length;
	ph_checkpoint_name(path, work->directory, "", work->made.number, SUFFIX);
	work->status =
	    work->image.failed
		? ph_fail(&work->err, PH_ERR_NOMEM, "no memory for a checkpoint")
		: ph_fs_replace(work->fs, path, work->image.data, work->image.length,
		      0600, &work->err);
	PH_CRASH_POINT("checkpoint-written");
	if (work->status == PH_OK)
		work->status = verify(work, path, &work->err);
	if (work->status == PH_OK)
		tidy(work);
	else
		(void) work->fs->unlink(work->fs->self, path);
	PH_CRASH_POINT("checkpoint-tidied");
	ph_buffer_fini(&work->image);
}

static void *
run_job(void *self)
{
	job *work = self;
	ph_loop *loop = work->loop;
	do_job(work);
	atomic_store(&work->finished, true);
	/* Without a post the next turn that happens sees it. */
	(void) ph_loop_post(loop, something_done, NULL, NULL);
	return NULL;
}

/* ---- taking ---- */

static bool
changed(const ph_broker *broker)
{
	return broker->retain_waits || broker->reshelved ||
	       broker->last_position.offset !=
		   broker->checkpoints->last[0].place.position.offset;
}

static void
tell_failure(ph_broker *broker, uint64_t number, bool of_copy, const ph_error *err)
{
	ph_checkpoints *at = broker->checkpoints;
	at->failures++;
	at->in_vain++;
	if (ph_trouble_due(&at->told[of_copy], err, ph_clock_mono(broker->clock)))
		ph_log(PH_LOG_WARN, "checkpoint-failed",
		    "checkpoint=%" PRIu64 " failures=%" PRIu64 " where=%s text=%s",
		    number, at->failures, err->where, err->text);
}

/* A job with the state in it; NULL: it could not be (told). */
static job *
new_job(ph_broker *broker, bool copying)
{
	ph_checkpoints *at = broker->checkpoints;
	ph_error err = {.status = PH_OK};
	int64_t begun_ms = ph_clock_mono(broker->clock);
	job *work = calloc(1, sizeof *work);
	if (work == NULL)
		return NULL;
	*work = (job){.loop = broker->loop,
	    .fs = broker->fs,
	    .state = at->state,
	    .directory = at->directory,
	    .duplicates = ph_duplicates_fd(broker->duplicates),
	    .previous = at->last[0].number,
	    .previous_copy = at->last[0].ledger.number,
	    .copying = copying && broker->ledger != NULL,
	    .begun_ms = begun_ms};
	work->made = (kept){.number = at->next++,
	    .taken_ms = ph_broker_now(broker),
	    .ledger = at->ledger};
	ph_buffer_init(&work->image, FILE_MOST);
	ph_buffer_init(&work->paths, 0);
	ph_checkpoint_image_begin(&work->image, work->made.number, work->made.taken_ms);
	ph_status status =
	    ph_refill_directory(broker, work->shelves, sizeof work->shelves, &err);
	if (status == PH_OK)
		status = ph_checkpoint_state_save(
		    broker, &work->image, &work->paths, &work->made.place, &err);
	if (status != PH_OK) {
		/* Files that were to be synced with this one are not asked for again. */
		at->ready = work->paths.length == 0;
		tell_failure(broker, work->made.number, false, &err);
		ph_buffer_fini(&work->image);
		ph_buffer_fini(&work->paths);
		free(work);
		return NULL;
	}
	work->encode_ms = ph_clock_mono(broker->clock) - begun_ms;
	return work;
}

/* Take over what came of a job, and free it. */
static void
finish(ph_broker *broker, job **work_p)
{
	ph_checkpoints *at = broker->checkpoints;
	job *work = *work_p;
	*work_p = NULL;
	if (work->status == PH_OK && work->copy_err.status == PH_OK)
		at->in_vain = 0;
	if (work->copy_err.status != PH_OK)
		tell_failure(broker, work->made.number, true, &work->copy_err);
	else if (work->copying)
		ph_trouble_over(&at->told[true]);
	if (work->status != PH_OK) {
		/* A sync that failed is never tried again. */
		at->ready = at->ready && !work->unsynced;
		tell_failure(broker, work->made.number, false, &work->err);
	} else {
		ph_trouble_over(&at->told[false]);
		ph_checkpoint_state_saved(broker);
		at->last[1] = at->last[0];
		at->last[0] = work->made;
		broker->checkpoint_bytes = work->made.bytes;
		at->ledger = work->made.ledger;
		ph_log(PH_LOG_INFO, "checkpoint-taken",
		    "checkpoint=%" PRIu64 " sequence=%" PRIu64 " bytes=%" PRIu64
		    " encode_ms=%" PRId64 " took_ms=%" PRId64,
		    work->made.number, work->made.place.sequence, work->made.bytes,
		    work->encode_ms, ph_clock_mono(broker->clock) - work->begun_ms);
	}
	free(work);
}

/* Everything so far is durable, and proven to be: it will not be moved. */
static bool
settle_store(ph_broker *broker)
{
	ph_error err = {.status = PH_OK};
	PH_ASSERT(!broker->dirty && !broker->away);
	if (broker->failed)
		return false;
	if (ph_store_idle(broker->store, &err) == PH_OK)
		return true;
	ph_log(PH_LOG_ERROR, "store-failed", "where=%s text=%s", err.where, err.text);
	broker->failed = true;
	ph_loop_stop(broker->loop);
	return false;
}

static bool
copy_is_old(const ph_broker *broker, int64_t now_ms)
{
	const ph_checkpoints *at = broker->checkpoints;
	const ph_options *options = &broker->site->options;
	return at->ledger.number == 0 ||
	       now_ms - at->copied_ms >=
		   COPIES_AFTER *
		       ph_options_get(options, PH_OPTION_CHECKPOINT_AFTER_MS) ||
	       broker->written - at->copied_bytes >=
		   COPIES_BYTES *
		       (uint64_t) ph_options_get(options, PH_OPTION_CHECKPOINT_BYTES);
}

/* A full disk waits for a younger one: the last ends before the oldest extent does. */
static bool
copy_stands_in_the_way(const ph_broker *broker)
{
	ph_position copied = broker->checkpoints->ledger.at.position;
	ph_store_span oldest;
	ph_position first = {.offset = 0};
	return broker->retain_urgent &&
	       ph_store_span_of(broker->store, first, &oldest, NULL) == PH_OK &&
	       copied.offset < oldest.next.offset;
}

/* From now on the next one is counted. */
static void
start_counting(ph_broker *broker, int64_t now_ms, bool copying)
{
	ph_checkpoints *at = broker->checkpoints;
	broker->retain_waits = broker->retain_urgent = broker->reshelved = false;
	at->due_ms = INT64_MAX;
	at->taken_ms = now_ms;
	at->taken_bytes = broker->written;
	if (copying) {
		at->copied_ms = now_ms;
		at->copied_bytes = broker->written;
	}
}

static void
take(ph_broker *broker, int64_t now_ms)
{
	ph_checkpoints *at = broker->checkpoints;
	bool copying = copy_is_old(broker, now_ms) || copy_stands_in_the_way(broker);
	start_counting(broker, now_ms, copying);
	job *work = settle_store(broker) ? new_job(broker, copying) : NULL;
	if (work == NULL)
		return;
	int failed = ph_thread_start(&work->thread, "checkpoint", run_job, work);
	if (failed != 0) {
		(void) ph_fail_errno(&work->err, failed, "cannot start a thread");
		work->status = work->err.status;
		work->unsynced = work->paths.length > 0;
		ph_buffer_fini(&work->image);
		ph_buffer_fini(&work->paths);
		finish(broker, &work);
		return;
	}
	at->job = work;
}

/* Is it time? The first change sets the time. */
static bool
is_due(ph_broker *broker, int64_t now_ms)
{
	ph_checkpoints *at = broker->checkpoints;
	const ph_options *options = &broker->site->options;
	uint64_t bytes = broker->written - at->taken_bytes;
	if (at->due_ms == INT64_MAX) {
		int64_t after_ms =
		    ph_options_get(options, PH_OPTION_CHECKPOINT_AFTER_MS);
		at->due_ms = now_ms + after_ms;
		ph_timer_set(at->timer, after_ms);
	}
	/* one that failed is not soon better */
	int64_t pause_ms = (int64_t) PAUSE_MS
			   << (at->in_vain < PAUSES ? at->in_vain : PAUSES);
	if (broker->retain_urgent && now_ms - at->taken_ms >= pause_ms)
		return true;
	return now_ms >= at->due_ms || (bytes >= (uint64_t) ph_options_get(options,
						     PH_OPTION_CHECKPOINT_BYTES) &&
					   now_ms - at->taken_ms >= PAUSE_MS);
}

static void
join(ph_broker *broker)
{
	ph_checkpoints *at = broker->checkpoints;
	(void) pthread_join(at->job->thread, NULL);
	finish(broker, &at->job);
}

bool
ph_checkpoint_wanted(ph_broker *broker)
{
	ph_checkpoints *at = broker->checkpoints;
	if (at == NULL || broker->failed)
		return false;
	if (at->job != NULL && atomic_load(&at->job->finished))
		join(broker);
	return at->ready && changed(broker) && broker->move == NULL &&
	       is_due(broker, ph_clock_mono(broker->clock)) && at->job == NULL;
}

void
ph_checkpoint_turn(ph_broker *broker)
{
	ph_checkpoints *at = broker->checkpoints;
	if (broker->dirty || !ph_checkpoint_wanted(broker))
		return;
	at->held_up = !at->held_up && ph_window_move_begin(broker);
	if (!at->held_up)
		take(broker, ph_clock_mono(broker->clock));
}

void
ph_checkpoint_last(ph_broker *broker)
{
	ph_checkpoints *at = broker->checkpoints;
	if (at->job != NULL)
		join(broker);
	if (!at->ready || !changed(broker) || !settle_store(broker))
		return;
	ph_window_move_now(broker);
	start_counting(broker, ph_clock_mono(broker->clock), false);
	job *work = new_job(broker, false);
	if (work == NULL)
		return;
	do_job(work);
	finish(broker, &work);
}

void
ph_checkpoint_close(ph_checkpoints **checkpoints_p)
{
	ph_checkpoints *at = *checkpoints_p;
	*checkpoints_p = NULL;
	if (at == NULL)
		return;
	if (at->job != NULL) {
		(void) pthread_join(at->job->thread, NULL);
		free(at->job);
	}
	ph_timer_destroy(&at->timer);
	free(at);
}

/* ---- looking ---- */

void
ph_checkpoint_look(const ph_broker *broker, ph_checkpoint_state *out)
{
	const ph_checkpoints *at = broker->checkpoints;
	*out = (ph_checkpoint_state){.number = at->last[0].number,
	    .taken_ms = at->last[0].taken_ms,
	    .position = at->last[0].place.position,
	    .sequence = at->last[0].place.sequence,
	    .copied = at->ledger.at.sequence,
	    .failures = at->failures};
}

bool
ph_checkpoint_floor(const ph_broker *broker, ph_position *out)
{
	const ph_checkpoints *at = broker->checkpoints;
	const kept *older = &at->last[1];
	if (older->number == 0 || older->ledger.number == 0)
		return false;
	*out = older->place.position;
	if (older->ledger.at.position.offset < out->offset)
		*out = older->ledger.at.position;
	return true;
}
