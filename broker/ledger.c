/*
 * How it works: one thread owns the file and a reader of the journal. It sleeps until the broker
 * says that more is durable or asks something; then it folds a batch, commits, and answers the
 * questions whose position it has reached. When nobody asks it lets records gather for a moment
 * (LINGER_MS), so that a busy journal costs few transactions; but not more of them than the
 * journal keeps in memory for a reader that follows closely (GATHER).
 *
 * What goes back (answers, the position applied, news, the wish for another reader) waits in a
 * mailbox; one post at a time tells the loop to empty it. The mailbox outlives the ledger while a
 * post is under way. Answers go out before the position they were made at, so that who looks in
 * the overlay again after an answer misses nothing.
 *
 * The loop makes the reader to fold with, so the thread asks the loop for one when it has to
 * start over: after the file was moved aside, or after a batch that failed.
 *
 *   lock guards: everything under "shared" below. The thread never holds it while it works.
 */
#include "broker/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/ledger_part.h"
#include "lib/base/assert.h"
#include "lib/base/clock.h"
#include "lib/base/thread.h"

#define MAGIC	     0x50484c44u /* "PHLD" */
#define BATCH	     4096 /* records in one transaction; after one that failed fewer */
#define LINGER_MS    50	  /* time for records to gather when nobody asks */
#define GATHER	     (1u << 20) /* bytes of the journal that end that time */
#define BACKOFF_MS   1000	/* after trouble; doubles */
#define BACKOFF_MOST 60000

typedef struct news_item {
	struct news_item *next;
	ph_ledger_news kind;
	char text[PH_ERROR_WHERE + PH_ERROR_TEXT + 64];
} news_item;

/* What the loop is to pick up; on the heap of its own, as a post may outlive the ledger. */
typedef struct mailbox {
	ph_ledger *ledger; /* NULL once closed; read and written on the loop only */
} mailbox;

struct ph_ledger {
	uint32_t magic;
	char *directory;
	ph_store *store;
	ph_loop *loop;
	void (*applied_fn)(void *self, ph_position position);
	void (*news_fn)(void *self, ph_ledger_news news, const char *text);
	void *self; /* of the two */
	mailbox *box;
	pthread_t thread;
	bool started; /* the thread is there to be joined */

	/* the thread's own */
	ph_ledger_file file;	 /* db NULL: not open */
	ph_store_reader *reader; /* NULL: to be asked for */
	ph_ledger_job *waiting;	 /* questions taken over, oldest first */
	int64_t next_ms;	 /* no batch before, unless somebody asks */
	int64_t backoff_ms;	 /* 0: all is well */
	bool checked;		 /* the file has been looked through */

	/* shared */
	pthread_mutex_t lock;
	pthread_cond_t wake; /* of the thread */
	bool stop;	     /* the thread is to end */
	bool asleep;	     /* it waits for the durable position to grow */
	bool gathering; /* it waits for that to grow by much, or for time to pass */
	ph_position durable; /* told by the broker */
	ph_position applied; /* everything before it is */
	ph_position
	    promised;	   /* the farthest the loop was told, also by a file now gone */
	bool applied_news; /* not told to the loop yet */
	bool rebuilding;   /* not caught up since the file was made */
	uint64_t rows;	   /* written since the start */
	ph_ledger_job *asked, **asked_end; /* questions not taken over yet */
	ph_ledger_job *done, **done_end;   /* answered, not delivered */
	news_item *news, **news_end;	   /* not told yet */
	bool reader_wanted;		   /* the loop is to make one */
	bool reader_made;		   /* it did: reader_new or reader_error */
	ph_store_reader *reader_new;
	ph_error reader_error;
	bool posted; /* the loop will empty the mailbox */
};

/* --- the mailbox --- */

static void
free_jobs(ph_ledger_job *job)
{
	while (job != NULL) {
		ph_ledger_job *next = job->next;
		ph_ledger_job_free(job);
		job = next;
	}
}

static void
free_news(news_item *item)
{
	while (item != NULL) {
		news_item *next = item->next;
		free(item);
		item = next;
	}
}

/* On the loop, without the lock: make the reader the thread has asked for. */
static void
make_reader(ph_ledger *ledger)
{
	ph_store_reader *reader = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_store_reader_new(
	    ledger->store, ledger->file.position, ledger->file.sequence, &reader, &err);
	pthread_mutex_lock(&ledger->lock);
	ledger->reader_new = reader;
	ledger->reader_error = err;
	ledger->reader_error.status = status;
	ledger->reader_made = true;
	pthread_cond_signal(&ledger->wake);
	pthread_mutex_unlock(&ledger->lock);
}

/* On the loop: hand everything out. */
static void
empty_mailbox(void *self)
{
	mailbox *box = self;
	ph_ledger *ledger = box->ledger;
	if (ledger == NULL) {
		free(box);
		return;
	}
	pthread_mutex_lock(&ledger->lock);
	ledger->posted = false;
	ph_ledger_job *done = ledger->done;
	ledger->done = NULL;
	ledger->done_end = &ledger->done;
	news_item *news = ledger->news;
	ledger->news = NULL;
	ledger->news_end = &ledger->news;
	bool applied_news = ledger->applied_news;
	ledger->applied_news = false;
	ph_position applied = ledger->applied;
	bool reader_wanted = ledger->reader_wanted;
	ledger->reader_wanted = false;
	pthread_mutex_unlock(&ledger->lock);

	if (reader_wanted)
		make_reader(ledger);
	for (news_item *item = news; item != NULL; item = item->next)
		if (ledger->news_fn != NULL)
			ledger->news_fn(ledger->self, item->kind, item->text);
	free_news(news);
	for (ph_ledger_job *job = done; job != NULL; job = job->next)
		job->fn(job->self, &job->answer);
	free_jobs(done);
	if (applied_news && ledger->applied_fn != NULL)
		ledger->applied_fn(ledger->self, applied);
}

/* With the lock: have the mailbox emptied. Without memory for a post, the next one does it. */
static void
post(ph_ledger *ledger)
{
	if (!ledger->posted)
		ledger->posted = ph_loop_post(ledger->loop, empty_mailbox, ledger->box,
				     NULL) == PH_OK;
}

static void tell(ph_ledger *ledger, ph_ledger_news kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
tell(ph_ledger *ledger, ph_ledger_news kind, const char *format, ...)
{
	news_item *item = calloc(1, sizeof *item);
	if (item == NULL)
		return;
	item->kind = kind;
	va_list list;
	va_start(list, format);
	vsnprintf(item->text, sizeof item->text, format, list);
	va_end(list);
	pthread_mutex_lock(&ledger->lock);
	*ledger->news_end = item;
	ledger->news_end = &item->next;
	post(ledger);
	pthread_mutex_unlock(&ledger->lock);
}

/* --- the thread: questions --- */

static void
hand_back(ph_ledger *ledger, ph_ledger_job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&ledger->lock);
	*ledger->done_end = job;
	ledger->done_end = &job->next;
	post(ledger);
	pthread_mutex_unlock(&ledger->lock);
}

/* Answer the waiting questions with the trouble there is, but for the patient ones. */
static void
answer_trouble(ph_ledger *ledger, const ph_error *err)
{
	for (ph_ledger_job **at = &ledger->waiting; *at != NULL;) {
		ph_ledger_job *job = *at;
		if (job->ask.patient) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		job->answer = (ph_ledger_answer){
		    .kind = job->ask.kind, .status = err->status, .error = *err};
		hand_back(ledger, job);
	}
}

/* Answer what has its position applied, in the order asked. While a new file is behind what the
 * overlay has forgotten, nothing is: it would miss what the old one had. PH_ERR_DAMAGED: the file. */
static ph_status
answer_ready(ph_ledger *ledger, ph_position applied, ph_error *err)
{
	pthread_mutex_lock(&ledger->lock);
	bool behind = applied.offset < ledger->promised.offset;
	pthread_mutex_unlock(&ledger->lock);
	if (behind)
		return PH_OK;
	for (ph_ledger_job **at = &ledger->waiting; *at != NULL;) {
		ph_ledger_job *job = *at;
		if (job->ask.upto.offset > applied.offset) {
			at = &job->next;
			continue;
		}
		ph_status status = ph_ledger_answer_job(&ledger->file, job, err);
		if (status != PH_OK)
			return status;
		*at = job->next;
		hand_back(ledger, job);
	}
	return PH_OK;
}

/* --- the thread: trouble --- */

/* The rows cannot grow (a full disk, mostly): what is there still answers the questions that need
 * no more than it has. Deliveries resolve their references so, since the overlay keeps the rest. */
static void
answer_behind(ph_ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	ph_position applied = ledger->applied;
	pthread_mutex_unlock(&ledger->lock);
	if (ledger->file.db != NULL)
		(void) answer_ready(ledger, applied, NULL);
}

static int64_t
now_ms(void)
{
	return ph_clock_mono(ph_clock_system());
}

/* Something failed that may pass: say so, refuse what is asked, wait longer each time. */
static void
back_off(ph_ledger *ledger, ph_ledger_news kind, const ph_error *err)
{
	if (ledger->backoff_ms == 0)
		tell(ledger, kind, "%s%s%s", err->where,
		    err->where[0] != '\0' ? ": " : "", err->text);
	ledger->backoff_ms =
	    ledger->backoff_ms == 0 ? BACKOFF_MS : ledger->backoff_ms * 2;
	if (ledger->backoff_ms > BACKOFF_MOST)
		ledger->backoff_ms = BACKOFF_MOST;
	ledger->next_ms = now_ms() + ledger->backoff_ms;
	answer_trouble(ledger, err);
}

/* Bring back the newest snapshot that is of use, else begin an empty file. No file is open. */
static ph_status
restore(ph_ledger *ledger, ph_error *err)
{
	char name[300] = "";
	ph_status status = ph_ledger_file_restore(
	    &ledger->file, ledger->directory, ledger->store, name, sizeof name, err);
	if (status == PH_OK)
		tell(ledger, PH_LEDGER_RESTORED, "from %s, record %llu", name,
		    (unsigned long long) ledger->file.sequence);
	if (status != PH_ERR_NOT_FOUND)
		return status;
	ph_ledger_file_remove(ledger->directory);
	if (ph_ledger_begins_late(ledger->store, name, sizeof name))
		tell(ledger, PH_LEDGER_SHORT, "%s", name);
	return ph_ledger_file_open(ledger->directory, &ledger->file, err);
}

/* Move the file aside and begin another: a snapshot, or an empty one. */
static ph_status
start_over(ph_ledger *ledger, const ph_error *why, ph_error *err)
{
	char moved[1100] = "";
	ph_ledger_file_close(&ledger->file);
	ph_store_reader_destroy(&ledger->reader);
	ph_status status =
	    ph_ledger_file_move(ledger->directory, moved, sizeof moved, err);
	if (status == PH_OK)
		status = restore(ledger, err);
	if (status != PH_OK)
		return status;
	pthread_mutex_lock(&ledger->lock);
	ledger->applied = ledger->file.position;
	ledger->rebuilding = true;
	pthread_mutex_unlock(&ledger->lock);
	tell(ledger, PH_LEDGER_REBUILT, "moved to %s: %s%s%s", moved, why->where,
	    why->where[0] != '\0' ? ": " : "", why->text);
	return PH_OK;
}

/* The file is open, whole and ours, or the error says why not. */
static ph_status
need_file(ph_ledger *ledger, ph_error *err)
{
	ph_status status = PH_OK;
	if (ledger->file.db == NULL) {
		status = ph_ledger_file_open(ledger->directory, &ledger->file, err);
		ledger->checked = false;
	}
	if (status == PH_OK && !ledger->checked)
		status = ph_ledger_file_check(&ledger->file, err);
	ledger->checked = true;
	if (!ph_ledger_unusable(status))
		return status;
	ph_error why = *err;
	return start_over(ledger, &why, err);
}

/* A reader behind what the file has; waits for the loop to make it. */
static ph_status
need_reader(ph_ledger *ledger, ph_error *err)
{
	if (ledger->reader != NULL)
		return PH_OK;
	pthread_mutex_lock(&ledger->lock);
	ledger->reader_wanted = true;
	ledger->reader_made = false;
	post(ledger);
	while (!ledger->stop && !ledger->reader_made)
		pthread_cond_wait(&ledger->wake, &ledger->lock);
	bool stopped = !ledger->reader_made;
	ledger->reader_wanted = false;
	ledger->reader = ledger->reader_new;
	ledger->reader_new = NULL;
	ph_status status = stopped ? PH_ERR_CLOSED : ledger->reader_error.status;
	if (err != NULL && !stopped)
		*err = ledger->reader_error;
	pthread_mutex_unlock(&ledger->lock);
	if (stopped)
		return ph_fail(err, PH_ERR_CLOSED, "the ledger is closing");
	if (status != PH_ERR_CONFLICT)
		return status;
	/* The file has seen what the journal does not have. */
	ph_error why = *err;
	status = start_over(ledger, &why, err);
	return status == PH_OK ? need_reader(ledger, err) : status;
}

/* --- the thread: work --- */

static void
publish_progress(ph_ledger *ledger, ph_position applied, bool end)
{
	pthread_mutex_lock(&ledger->lock);
	if (applied.offset > ledger->applied.offset) {
		ledger->applied = applied;
		ledger->applied_news = applied.offset > ledger->promised.offset;
	}
	if (ledger->applied_news)
		ledger->promised = applied;
	if (end)
		ledger->rebuilding = false;
	ledger->rows = ledger->file.rows;
	if (ledger->applied_news)
		post(ledger);
	pthread_mutex_unlock(&ledger->lock);
}

static void
tell_batch(ph_ledger *ledger, const ph_ledger_batch *batch)
{
	if (batch->passed > 0)
		tell(ledger, PH_LEDGER_DAMAGED,
		    "%llu records before sequence %llu make no sense and were passed "
		    "over",
		    (unsigned long long) batch->passed,
		    (unsigned long long) ledger->file.sequence + 1);
	if (batch->conflicts > 0)
		tell(ledger, PH_LEDGER_CONFLICT,
		    "%llu bindings before sequence %llu contradict earlier ones, which "
		    "stay",
		    (unsigned long long) batch->conflicts,
		    (unsigned long long) ledger->file.sequence + 1);
}

/* Fold one batch; *applied is how far the file is then. */
static ph_status
fold_one(ph_ledger *ledger, ph_position *applied, ph_error *err)
{
	ph_ledger_batch batch;
	ph_position durable = ph_store_durable(ledger->store);
	ph_status status = ph_ledger_apply(&ledger->file, ledger->reader,
	    ledger->backoff_ms > 0 ? BATCH / 16 : BATCH, &batch, err);
	if (status != PH_OK) {
		ph_store_reader_destroy(&ledger->reader);
		return status;
	}
	*applied = batch.end ? durable : ledger->file.position;
	publish_progress(ledger, *applied, batch.end);
	tell_batch(ledger, &batch);
	ledger->next_ms = batch.end ? now_ms() + LINGER_MS : 0;
	return batch.reading == PH_OK ? PH_OK : PH_ERR_TIMEOUT;
}

/* One round: get what is needed, fold, answer. */
static void
work(ph_ledger *ledger)
{
	ph_error err = {.status = PH_OK};
	ph_position applied = {0};
	ph_status status = need_file(ledger, &err);
	if (status == PH_OK)
		status = need_reader(ledger, &err);
	if (status == PH_ERR_CLOSED)
		return;
	if (status == PH_OK)
		status = fold_one(ledger, &applied, &err);
	if (status ==
	    PH_ERR_TIMEOUT) { /* the journal: stopped, but what came before holds */
		(void) answer_ready(ledger, applied, NULL);
		back_off(ledger, PH_LEDGER_DAMAGED, &err);
		return;
	}
	if (status == PH_OK)
		status = answer_ready(ledger, applied, &err);
	if (status == PH_OK) {
		ledger->backoff_ms = 0;
		return;
	}
	ph_error why = err;
	if (status != PH_ERR_DAMAGED)
		answer_behind(ledger);
	if (status != PH_ERR_DAMAGED || start_over(ledger, &why, &err) != PH_OK)
		back_off(ledger, PH_LEDGER_FAILED, &err);
	else
		ledger->next_ms = now_ms() + LINGER_MS;
}

static void
wait_until(ph_ledger *ledger, int64_t mono_ms)
{
	struct timespec until = {
	    .tv_sec = (time_t) (mono_ms / 1000),
	    .tv_nsec = (long) (mono_ms % 1000) * 1000000,
	};
	(void) pthread_cond_timedwait(&ledger->wake, &ledger->lock, &until);
}

/* With the lock: is there so much to fold that it should not wait for more? Two files are as far
 * apart as their numbers say. */
static bool
gathered(const ph_ledger *ledger)
{
	return ledger->durable.offset >= ledger->applied.offset + GATHER;
}

/* Sleep until there is something to do. False: stop. */
static bool
wait_for_work(ph_ledger *ledger)
{
	pthread_mutex_lock(&ledger->lock);
	while (!ledger->stop && ledger->asked == NULL) {
		bool more = ledger->durable.offset > ledger->applied.offset ||
			    ledger->rebuilding || ledger->waiting != NULL;
		if (!more) {
			ledger->asleep = true;
			pthread_cond_wait(&ledger->wake, &ledger->lock);
			ledger->asleep = false;
		} else if (now_ms() < ledger->next_ms &&
			   (ledger->backoff_ms > 0 || !gathered(ledger))) {
			ledger->gathering = ledger->backoff_ms == 0;
			wait_until(ledger, ledger->next_ms);
			ledger->gathering = false;
		} else {
			break;
		}
	}
	ph_ledger_job **end = &ledger->waiting;
	while (*end != NULL)
		end = &(*end)->next;
	*end = ledger->asked;
	ledger->asked = NULL;
	ledger->asked_end = &ledger->asked;
	bool go_on = !ledger->stop;
	pthread_mutex_unlock(&ledger->lock);
	return go_on;
}

static void *
run(void *self)
{
	ph_ledger *ledger = PH_CAST(ph_ledger, self, MAGIC);
	while (wait_for_work(ledger))
		work(ledger);
	return NULL;
}

/* --- the outside --- */

/* First look at the file, on the store's thread and before anything is submitted: is it of this
 * journal, and are its places right? Trouble is no reason to fail; the thread goes on with it. */
static void
first_look(ph_ledger *ledger)
{
	ph_error err = {.status = PH_OK};
	ph_status status = ph_ledger_file_open(ledger->directory, &ledger->file, &err);
	if (status == PH_OK)
		status = ph_ledger_settle_places(&ledger->file, ledger->store, &err);
	ph_error why = err;
	if (ph_ledger_unusable(status))
		status = start_over(ledger, &why, &err);
	else if (status == PH_OK && ledger->file.sequence == 0)
		status =
		    restore(ledger, &err); /* a new file: is it one that was lost? */
	if (status != PH_OK) {
		ph_ledger_file_close(&ledger->file);
		tell(ledger, PH_LEDGER_FAILED, "%s%s%s", err.where,
		    err.where[0] != '\0' ? ": " : "", err.text);
		return;
	}
	ledger->rebuilding = ledger->rebuilding || ledger->file.sequence == 0;
	(void) ph_store_reader_new(ledger->store, ledger->file.position,
	    ledger->file.sequence, &ledger->reader, NULL);
	pthread_mutex_lock(&ledger->lock);
	ledger->applied = ledger->promised = ledger->file.position;
	ledger->applied_news = true;
	post(ledger);
	pthread_mutex_unlock(&ledger->lock);
}

static ph_status
start_thread(ph_ledger *ledger, ph_error *err)
{
	int failed = ph_thread_start(&ledger->thread, "ledger", run, ledger);
	if (failed != 0)
		return ph_fail_errno(err, failed, "cannot start the ledger's thread");
	ledger->started = true;
	return PH_OK;
}

static ph_status
init_locks(ph_ledger *ledger, ph_error *err)
{
	pthread_condattr_t attributes;
	int failed = pthread_condattr_init(&attributes);
	if (failed == 0)
		failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (failed == 0)
		failed = pthread_cond_init(&ledger->wake, &attributes);
	if (failed == 0)
		failed = pthread_mutex_init(&ledger->lock, NULL);
	(void) pthread_condattr_destroy(&attributes);
	return failed == 0 ? PH_OK : ph_fail_errno(err, failed, "cannot make a lock");
}

ph_status
ph_ledger_open(const ph_ledger_options *options, ph_ledger **out, ph_error *err)
{
	PH_ASSERT(options->store != NULL && options->loop != NULL);
	ph_ledger *ledger = calloc(1, sizeof *ledger);
	mailbox *box = calloc(1, sizeof *box);
	char *directory = strdup(options->directory);
	if (ledger == NULL || box == NULL || directory == NULL) {
		free(ledger);
		free(box);
		free(directory);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the ledger");
	}
	*ledger = (ph_ledger){
	    .magic = MAGIC,
	    .directory = directory,
	    .store = options->store,
	    .loop = options->loop,
	    .applied_fn = options->applied,
	    .news_fn = options->news,
	    .self = options->self,
	    .box = box,
	    .durable = ph_store_durable(options->store),
	};
	ledger->asked_end = &ledger->asked;
	ledger->done_end = &ledger->done;
	ledger->news_end = &ledger->news;
	box->ledger = ledger;
	ph_status status = init_locks(ledger, err);
	if (status == PH_OK) {
		first_look(ledger);
		status = start_thread(ledger, err);
	}
	if (status != PH_OK) {
		ph_ledger_close(&ledger);
		return status;
	}
	*out = ledger;
	return PH_OK;
}

void
ph_ledger_close(ph_ledger **ledger_p)
{
	ph_ledger *ledger = *ledger_p;
	*ledger_p = NULL;
	if (ledger == NULL)
		return;
	PH_ASSERT(ledger->magic == MAGIC);
	if (ledger->started) {
		pthread_mutex_lock(&ledger->lock);
		ledger->stop = true;
		pthread_cond_signal(&ledger->wake);
		pthread_mutex_unlock(&ledger->lock);
		pthread_join(ledger->thread, NULL);
	}
	ph_store_reader_destroy(&ledger->reader);
	ph_store_reader_destroy(&ledger->reader_new);
	ph_ledger_file_close(&ledger->file);
	free_jobs(ledger->waiting);
	free_jobs(ledger->asked);
	free_jobs(ledger->done);
	free_news(ledger->news);
	ledger->box->ledger = NULL;
	if (!ledger->posted)
		free(ledger->box);
	pthread_mutex_destroy(&ledger->lock);
	pthread_cond_destroy(&ledger->wake);
	free(ledger->directory);
	ledger->magic = 0;
	free(ledger);
}

void
ph_ledger_durable(ph_ledger *ledger, ph_position position)
{
	pthread_mutex_lock(&ledger->lock);
	if (position.offset > ledger->durable.offset)
		ledger->durable = position;
	if (ledger->asleep || (ledger->gathering && gathered(ledger)))
		pthread_cond_signal(&ledger->wake);
	pthread_mutex_unlock(&ledger->lock);
}

void
ph_ledger_look(ph_ledger *ledger, ph_ledger_state *out)
{
	pthread_mutex_lock(&ledger->lock);
	*out = (ph_ledger_state){
	    .applied = ledger->applied,
	    .durable = ledger->durable,
	    .rows = ledger->rows,
	    .rebuilding = ledger->rebuilding,
	};
	pthread_mutex_unlock(&ledger->lock);
}

ph_status
ph_ledger_query(ph_ledger *ledger, const ph_ledger_ask *ask, ph_ledger_fn *fn,
    void *self, ph_error *err)
{
	PH_ASSERT(fn != NULL);
	PH_ASSERT(ask->kind >= PH_LEDGER_RESOLVE && ask->kind <= PH_LEDGER_DEAD_ONE);
	ph_ledger_job *job = NULL;
	ph_status status = ph_ledger_job_new(ask, fn, self, &job, err);
	if (status != PH_OK)
		return status;
	pthread_mutex_lock(&ledger->lock);
	if (job->ask.current)
		job->ask.upto = ledger->durable;
	*ledger->asked_end = job;
	ledger->asked_end = &job->next;
	pthread_cond_signal(&ledger->wake);
	pthread_mutex_unlock(&ledger->lock);
	return PH_OK;
}
