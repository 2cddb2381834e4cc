/* memory_store - see memory_store.h. All of it is under the disk's lock. */
#include "tests/conform/memory_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/assert.h"

#define STORE_MAGIC  0x4d53544fu
#define READER_MAGIC 0x4d524541u
#define STEP	     16 /* between two positions */
#define ROOM_AGAIN                                                                     \
	(512u << 10)	/* bytes that must be open before new records are taken again */
#define LATER_NS 300000 /* how long a batch is on its way */

typedef struct kept {
	int64_t wall_ms;
	uint64_t extent; /* sequence of the first record of its extent */
	uint8_t type;
	size_t length;
	uint8_t *body; /* NULL: trimmed */
} kept;

struct memory_disk {
	pthread_mutex_t lock;
	kept *records; /* of sequence 1, 2, ... */
	size_t count;  /* with what is not durable */
	size_t size;
	uint64_t durable;    /* sequence of the last durable one */
	uint64_t told;	     /* of the last that is said to be */
	uint64_t oldest;     /* sequence of the first that is kept */
	uint64_t used;	     /* bytes of what is kept */
	uint64_t room;	     /* bytes that may be used */
	uint64_t tail;	     /* sequence of the first record of the last extent */
	uint64_t tail_bytes; /* bytes in it */
	uint64_t epoch;
	bool dead;
	bool wanted; /* by another owner */
	bool late;   /* and will get it only from under a batch */
	unsigned polls;
	bool withheld;	/* nobody is to have it */
	unsigned asked; /* polls of who is not */
};

typedef struct memory_store {
	ph_store base;
	memory_disk *disk;
	pthread_t thread;
	pthread_cond_t work;
	pthread_cond_t landed;
	uint64_t flushed; /* sequence of the last that was flushed */
	bool stop;
	bool failed;
	bool revoked;	      /* it is another's */
	bool assigned;	      /* it has been ours */
	ph_store_owner owner; /* to be told */
	bool full;	      /* new records are refused */
	uint8_t *buffer;      /* of the last read */
} memory_store;

typedef struct memory_reader {
	ph_store_reader base;
	memory_disk *disk;
	uint64_t next;
	uint8_t *buffer;
} memory_reader;

static memory_store *
store_of(ph_store *store)
{
	return PH_CAST(memory_store, store, STORE_MAGIC);
}

static memory_disk *
disk_of(const ph_store *store)
{
	PH_ASSERT(store != NULL && store->magic == STORE_MAGIC);
	return ((const memory_store *) (const void *) store)->disk;
}

static ph_position
position_of(uint64_t sequence)
{
	return (ph_position){.offset = sequence * STEP};
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static uint64_t
size_of(size_t length)
{
	return 32 + length;
}

/* --- the disk ------------------------------------------------------------------------- */

memory_disk *
memory_disk_new(void)
{
	memory_disk *disk = calloc(1, sizeof *disk);

	PH_ASSERT(disk != NULL && pthread_mutex_init(&disk->lock, NULL) == 0);
	disk->oldest = disk->tail = 1;
	disk->room = UINT64_MAX / 2;
	return disk;
}

void
memory_disk_destroy(memory_disk **disk_p)
{
	memory_disk *disk = *disk_p;

	for (size_t i = 0; i < disk->count; i++)
		free(disk->records[i].body);
	free(disk->records);
	pthread_mutex_destroy(&disk->lock);
	free(disk);
	*disk_p = NULL;
}

void
memory_disk_die(memory_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	disk->dead = true;
	pthread_mutex_unlock(&disk->lock);
}

void
memory_disk_fill(memory_disk *disk, bool full)
{
	pthread_mutex_lock(&disk->lock);
	disk->room = full ? disk->used + (256u << 10) + MEMORY_RESERVE : UINT64_MAX / 2;
	pthread_mutex_unlock(&disk->lock);
}

void
memory_disk_want(memory_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	disk->wanted = true;
	disk->late = false;
	pthread_mutex_unlock(&disk->lock);
}

/* What is behind `last` was never there. */
static void
cut(memory_disk *disk, uint64_t last)
{
	while (disk->count > last) {
		kept *record = &disk->records[--disk->count];

		disk->used -= size_of(record->length);
		free(record->body);
	}
	disk->tail = last < disk->oldest ? last + 1 : disk->records[last - 1].extent;
	disk->tail_bytes = 0;
	for (uint64_t i = disk->tail; i <= last; i++)
		disk->tail_bytes += size_of(disk->records[i - 1].length);
}

void
memory_disk_want_late(memory_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	disk->wanted = disk->late = true;
	pthread_mutex_unlock(&disk->lock);
}

unsigned
memory_disk_polls(memory_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	unsigned polls = disk->polls;
	pthread_mutex_unlock(&disk->lock);
	return polls;
}

void
memory_disk_withhold(memory_disk *disk, bool withheld)
{
	pthread_mutex_lock(&disk->lock);
	disk->withheld = withheld;
	pthread_mutex_unlock(&disk->lock);
}

unsigned
memory_disk_asked(memory_disk *disk)
{
	pthread_mutex_lock(&disk->lock);
	unsigned asked = disk->asked;
	pthread_mutex_unlock(&disk->lock);
	return asked;
}

void
memory_disk_lose(memory_disk *disk, size_t count)
{
	disk->durable -= count < disk->durable ? count : disk->durable;
	cut(disk, disk->durable);
}

/* The record as it is; the body is copied to *buffer. */
static ph_status
give(const memory_disk *disk, uint64_t sequence, uint8_t **buffer,
    ph_store_record *record, ph_error *err)
{
	const kept *found = &disk->records[sequence - 1];
	uint8_t *copy = malloc(found->length + 1);

	if (copy == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a record");
	memcpy(copy, found->body, found->length);
	free(*buffer);
	*buffer = copy;
	*record = (ph_store_record){
	    .position = position_of(sequence),
	    .sequence = sequence,
	    .wall_ms = found->wall_ms,
	    .type = found->type,
	    .body = copy,
	    .length = found->length,
	};
	return PH_OK;
}

/* --- the thread that makes batches durable -------------------------------------------- */

static void
a_while_later(memory_store *self)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LATER_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!self->stop && pthread_cond_timedwait(
				  &self->work, &self->disk->lock, &until) != ETIMEDOUT)
		;
}

static void *
run(void *argument)
{
	memory_store *self = argument;
	memory_disk *disk = self->disk;

	pthread_mutex_lock(&disk->lock);
	while (!self->stop) {
		if (disk->durable >= self->flushed || self->failed) {
			pthread_cond_wait(&self->work, &disk->lock);
			continue;
		}
		a_while_later(self);
		self->failed = disk->dead;
		while (!self->stop && !self->failed && disk->durable < self->flushed) {
			disk->durable++;
			pthread_mutex_unlock(&disk->lock);
			pthread_mutex_lock(&disk->lock);
			self->failed = disk->dead;
		}
		pthread_cond_broadcast(&self->landed);
	}
	pthread_mutex_unlock(&disk->lock);
	return NULL;
}

/* --- the store's calls ---------------------------------------------------------------- */

static ph_status
failed(ph_error *err)
{
	return ph_fail(err, PH_ERR_IO, "the store has failed");
}

/* Is there room for this? */
static bool
room_for(memory_store *self, ph_store_need need, uint64_t bytes)
{
	const memory_disk *disk = self->disk;
	uint64_t most = disk->room;

	if (need == PH_STORE_ESSENTIAL)
		return disk->used + bytes <= most;
	most -= MEMORY_RESERVE;
	self->full = disk->used + (self->full ? ROOM_AGAIN : bytes) > most;
	return !self->full;
}

static bool
one_more(memory_disk *disk)
{
	if (disk->count < disk->size)
		return true;
	size_t size = disk->size == 0 ? 64 : disk->size * 2;
	kept *more = realloc(disk->records, size * sizeof *more);
	if (more == NULL)
		return false;
	disk->records = more;
	disk->size = size;
	return true;
}

static ph_status
append(memory_store *self, uint8_t type, const ph_store_part *parts, size_t count,
    size_t length, ph_error *err)
{
	memory_disk *disk = self->disk;
	uint8_t *body = malloc(length + 1);

	if (body == NULL || !one_more(disk)) {
		free(body);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a record");
	}
	for (size_t i = 0, at = 0; i < count; at += parts[i++].length) {
		if (parts[i].length > 0)
			memcpy(body + at, parts[i].bytes, parts[i].length);
	}
	if (disk->tail_bytes >= MEMORY_EXTENT) {
		disk->tail = disk->count + 1;
		disk->tail_bytes = 0;
	}
	disk->records[disk->count++] = (kept){
	    .wall_ms = now_ms(),
	    .extent = disk->tail,
	    .type = type,
	    .length = length,
	    .body = body,
	};
	disk->tail_bytes += size_of(length);
	disk->used += size_of(length);
	return PH_OK;
}

static ph_status
memory_submit(ph_store *store, uint8_t type, ph_store_need need,
    const ph_store_part *parts, size_t count, ph_position *position, ph_error *err)
{
	memory_store *self = store_of(store);
	ph_status status = PH_OK;
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += parts[i].length;
	pthread_mutex_lock(&self->disk->lock);
	if (self->failed)
		status = failed(err);
	else if (self->revoked || !self->assigned)
		status = ph_fail(err, PH_ERR_CLOSED, "another has the partition");
	else if (length > PH_STORE_BODY_MAX)
		status = ph_fail(err, PH_ERR_TOO_LARGE, "too large");
	else if (!room_for(self, need, size_of(length)))
		status = ph_fail(err, PH_ERR_FULL, "no room");
	else
		status = append(self, type, parts, count, length, err);
	if (status == PH_OK)
		*position = position_of(self->disk->count);
	pthread_mutex_unlock(&self->disk->lock);
	return status;
}

static ph_position
memory_durable(const ph_store *store)
{
	memory_disk *disk = disk_of(store);

	pthread_mutex_lock(&disk->lock);
	ph_position end = position_of(disk->told + 1);
	pthread_mutex_unlock(&disk->lock);
	return end;
}

static uint64_t
memory_last(const ph_store *store)
{
	return memory_durable(store).offset / STEP - 1;
}

/* Hand the batch to the thread. */
static ph_status
memory_start(ph_store *store, ph_error *err)
{
	memory_store *self = store_of(store);

	pthread_mutex_lock(&self->disk->lock);
	ph_status status = self->failed ? failed(err) : PH_OK;
	self->flushed = self->disk->count;
	pthread_cond_signal(&self->work);
	pthread_mutex_unlock(&self->disk->lock);
	return status;
}

/* Another wants it: what is not durable yet, though it may be on its way, is lost. True: that was
 * now. */
static bool
give_up(memory_store *self)
{
	memory_disk *disk = self->disk;

	if (!disk->wanted || self->revoked || self->failed ||
	    (disk->late && disk->durable >= self->flushed))
		return false;
	self->revoked = true;
	self->flushed = disk->durable;
	cut(disk, disk->durable);
	return true;
}

/* Tell what is durable by now, or once all that was started is. */
static ph_status
memory_poll(ph_store *store, bool wait, ph_position *durable, ph_error *err)
{
	memory_store *self = store_of(store);
	memory_disk *disk = self->disk;

	pthread_mutex_lock(&disk->lock);
	disk->polls++;
	bool gone = give_up(self);
	while (wait && !self->failed && disk->durable < self->flushed)
		pthread_cond_wait(&self->landed, &disk->lock);
	bool given = !self->assigned && !disk->withheld && self->owner.assigned != NULL;
	self->assigned = self->assigned || given;
	disk->asked += !self->assigned;
	ph_status status = self->failed ? failed(err) : PH_OK;
	if (status == PH_OK)
		disk->told = disk->durable;
	ph_position end = position_of(disk->told + 1);
	if (status == PH_OK && durable != NULL)
		*durable = end;
	pthread_mutex_unlock(&disk->lock);
	if (given)
		self->owner.assigned(self->owner.self, 0);
	if (gone)
		self->owner.revoked(self->owner.self, 0, end);
	return status;
}

static ph_status
memory_flush(ph_store *store, ph_position *durable, ph_error *err)
{
	ph_status status = memory_start(store, err);

	return status == PH_OK ? memory_poll(store, true, durable, err) : status;
}

static ph_status
memory_read(
    ph_store *store, ph_position position, ph_store_record *record, ph_error *err)
{
	memory_store *self = store_of(store);
	memory_disk *disk = self->disk;
	uint64_t sequence = position.offset / STEP;
	ph_status status;

	pthread_mutex_lock(&disk->lock);
	if (sequence > disk->told)
		status = ph_fail(err, PH_ERR_AGAIN, "not durable yet");
	else if (sequence < disk->oldest)
		status = ph_fail(err, PH_ERR_NOT_FOUND, "trimmed");
	else
		status = give(disk, sequence, &self->buffer, record, err);
	pthread_mutex_unlock(&disk->lock);
	return status;
}

static ph_status
memory_next(ph_store_reader *base, ph_store_record *record, ph_error *err)
{
	memory_reader *self = PH_CAST(memory_reader, base, READER_MAGIC);
	memory_disk *disk = self->disk;
	ph_status status;

	pthread_mutex_lock(&disk->lock);
	if (self->next < disk->oldest)
		status = ph_fail(err, PH_ERR_NOT_FOUND, "trimmed");
	else if (self->next > disk->told)
		status = PH_ERR_AGAIN;
	else
		status = give(disk, self->next, &self->buffer, record, err);
	self->next += status == PH_OK;
	pthread_mutex_unlock(&disk->lock);
	return status;
}

static void
memory_reader_destroy(ph_store_reader *base)
{
	memory_reader *self = PH_CAST(memory_reader, base, READER_MAGIC);

	free(self->buffer);
	free(self);
}

static ph_status
memory_reader_new(ph_store *store, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err)
{
	static const ph_store_reader_ops ops = {memory_next, memory_reader_destroy};
	memory_disk *disk = disk_of(store);

	pthread_mutex_lock(&disk->lock);
	uint64_t end = position_of(disk->told + 1).offset;
	uint64_t oldest = disk->oldest;
	pthread_mutex_unlock(&disk->lock);
	if (from.offset > end || after >= end / STEP)
		return ph_fail(err, PH_ERR_CONFLICT, "beyond the end");
	if (from.offset != 0 && from.offset < oldest * STEP)
		return ph_fail(err, PH_ERR_NOT_FOUND, "trimmed");
	memory_reader *self = calloc(1, sizeof *self);
	if (self == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a reader");
	self->base = (ph_store_reader){.magic = READER_MAGIC, .ops = &ops};
	self->disk = disk;
	self->next = (from.offset + STEP - 1) / STEP;
	if (from.offset == 0 && after == 0)
		self->next = oldest;
	if (self->next <= after)
		self->next = after + 1;
	*out = &self->base;
	return PH_OK;
}

static ph_position
memory_extent(const ph_store *store, ph_position position)
{
	memory_disk *disk = disk_of(store);
	uint64_t sequence = position.offset / STEP;

	pthread_mutex_lock(&disk->lock);
	if (sequence > disk->count)
		sequence = disk->tail;
	else if (sequence > 0)
		sequence = disk->records[sequence - 1].extent;
	pthread_mutex_unlock(&disk->lock);
	return position_of(sequence);
}

static ph_status
memory_trim(ph_store *store, ph_position before, ph_error *err)
{
	memory_store *self = store_of(store);
	memory_disk *disk = self->disk;
	uint64_t first = memory_extent(store, before).offset / STEP;

	if (before.offset > memory_durable(store).offset)
		return ph_fail(err, PH_ERR_CONFLICT, "beyond the end");
	ph_status status = memory_flush(store, NULL, err);
	if (status != PH_OK)
		return status;
	pthread_mutex_lock(&disk->lock);
	for (; disk->oldest < first; disk->oldest++) {
		kept *record = &disk->records[disk->oldest - 1];

		disk->used -= size_of(record->length);
		free(record->body);
		record->body = NULL;
	}
	pthread_mutex_unlock(&disk->lock);
	return PH_OK;
}

static ph_status
memory_span(ph_store *store, ph_position position, ph_store_span *out, ph_error *err)
{
	memory_disk *disk = disk_of(store);
	uint64_t first = memory_extent(store, position).offset / STEP;
	uint64_t at;

	(void) err;
	pthread_mutex_lock(&disk->lock);
	if (first < disk->oldest)
		first = disk->oldest;
	*out = (ph_store_span){.begin = position_of(first)};
	for (at = first; at <= disk->count && disk->records[at - 1].extent == first;
	     at++)
		out->bytes += size_of(disk->records[at - 1].length);
	if (at <= disk->count) {
		out->next = position_of(at);
		out->until_ms = disk->records[at - 1].wall_ms;
	}
	pthread_mutex_unlock(&disk->lock);
	return PH_OK;
}

static ph_status
memory_idle(ph_store *store, ph_error *err)
{
	return memory_flush(store, NULL, err);
}

static ph_status
memory_space(ph_store *store, ph_store_space *out, ph_error *err)
{
	memory_store *self = store_of(store);
	memory_disk *disk = self->disk;

	(void) err;
	pthread_mutex_lock(&disk->lock);
	bool open = self->full ? room_for(self, PH_STORE_NEW, 0) : true;
	uint64_t most = disk->room - MEMORY_RESERVE;
	*out = (ph_store_space){
	    .open = open && most > disk->used ? most - disk->used : 0,
	    .reserve = MEMORY_RESERVE,
	    .used = disk->used,
	    .accepting = open && !self->failed,
	};
	pthread_mutex_unlock(&disk->lock);
	return PH_OK;
}

static void
memory_own(ph_store *store, const ph_store_owner *owner)
{
	memory_store *self = store_of(store);

	self->owner = *owner;
	self->assigned = !self->disk->withheld;
	if (self->assigned)
		owner->assigned(owner->self, 0);
}

static uint64_t
memory_epoch(const ph_store *store)
{
	return disk_of(store)->epoch;
}

/* --- opening and closing -------------------------------------------------------------- */

static void
let_go(memory_store *self)
{
	pthread_mutex_lock(&self->disk->lock);
	self->stop = true;
	pthread_cond_signal(&self->work);
	pthread_mutex_unlock(&self->disk->lock);
	pthread_join(self->thread, NULL);
	pthread_cond_destroy(&self->work);
	pthread_cond_destroy(&self->landed);
	cut(self->disk, self->disk->durable);
	free(self->buffer);
	free(self);
}

static ph_status
memory_close(ph_store *store, ph_error *err)
{
	memory_store *self = store_of(store);
	ph_status status = memory_flush(store, NULL, err);

	let_go(self);
	return status;
}

void
memory_store_kill(memory_disk *disk, ph_store **store)
{
	if (*store != NULL)
		let_go(store_of(*store));
	*store = NULL;
	disk->dead = false;
}

ph_status
memory_store_open(memory_disk *disk, ph_store **out, ph_error *err)
{
	static const ph_store_ops ops = {
	    .name = "memory",
	    .poll_ms = 20,
	    .submit = memory_submit,
	    .flush = memory_flush,
	    .start = memory_start,
	    .poll = memory_poll,
	    .durable = memory_durable,
	    .last = memory_last,
	    .read = memory_read,
	    .reader = memory_reader_new,
	    .trim = memory_trim,
	    .extent = memory_extent,
	    .span = memory_span,
	    .idle = memory_idle,
	    .space = memory_space,
	    .own = memory_own,
	    .epoch = memory_epoch,
	    .close = memory_close,
	};
	memory_store *self = calloc(1, sizeof *self);

	if (self == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a store");
	self->base = (ph_store){.magic = STORE_MAGIC, .ops = &ops};
	self->disk = disk;
	self->flushed = disk->told = disk->durable;
	disk->wanted = false;
	disk->epoch++;
	PH_ASSERT(pthread_cond_init(&self->work, NULL) == 0);
	PH_ASSERT(pthread_cond_init(&self->landed, NULL) == 0);
	PH_ASSERT(pthread_create(&self->thread, NULL, run, self) == 0);
	*out = &self->base;
	return PH_OK;
}
