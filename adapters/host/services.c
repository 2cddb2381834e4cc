/*
 * Limits: 256 receives and queries that wait, in one the bytes of the site's limits `document` and
 * (polls) `file`, 20 s until the answer when the plug-in names no deadline.
 */
#include "adapters/host/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/calls.h"
#include "adapters/host/inbound.h"
#include "adapters/host/query.h"
#include "adapters/host/secrets.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

enum {
	WAITING_MAX = 256,
	ANSWER_MS = 20000,
	LONGEST_MS = 300000,
	PATIENCE_MS = 15000,
	RECORDS_MAX = 10000,
	REFERENCES_MAX = 1000
};

void
ph_services_read(void *to, size_t size, const void *from)
{
	uint32_t given = *(const uint32_t *) from;
	memset(to, 0, size);
	memcpy(to, from, given < size ? given : size);
}

static ph_host *
host_of(void *self)
{
	return PH_CAST(ph_host, self, PH_HOST_MAGIC);
}

static uint32_t
refuse(ph_adapter_error *error, uint32_t code, const char *text)
{
	if (error && error->size >= offsetof(ph_adapter_error, path))
		error->code = code;
	if (error && error->size >= sizeof *error)
		snprintf(error->text, sizeof error->text, "%s", text);
	return code;
}

/* Pieces of memory that live and die together with one letter. */
static char *
put(char **at, ph_adapter_text text, ph_adapter_text *out)
{
	char *start = *at;
	if (text.length)
		memcpy(start, text.data, text.length);
	start[text.length] = '\0';
	*out = (ph_adapter_text){start, text.length};
	*at = start + text.length + 1;
	return start;
}

/* ---- answered ---- */

typedef struct answered_letter {
	ph_letter letter;
	uint64_t token;
	ph_adapter_answer answer;
	char bytes[];
} answered_letter;

static void
open_answered(ph_letter *letter, void *self)
{
	answered_letter *it = (answered_letter *) letter;
	if (!ph_call_answered(self, it->token, &it->answer))
		ph_log(PH_LOG_WARN, "answer-unexpected", "token=%llu verdict=%u",
		    (unsigned long long) it->token, it->answer.verdict);
	free(it);
}

static void
answered(void *self, uint64_t token, const ph_adapter_answer *given)
{
	ph_host *host = host_of(self);
	ph_adapter_answer answer;
	ph_services_read(&answer, sizeof answer, given);
	size_t size = answer.body.length + answer.content_type.length +
		      answer.reference.length + answer.text.length +
		      answer.version.length + 5;
	answered_letter *it = malloc(sizeof *it + size);
	if (!it)
		return; /* the call's deadline will end it */
	char *at = it->bytes;
	it->letter.open = open_answered;
	it->token = token;
	it->answer = answer;
	it->answer.headers = NULL;
	it->answer.header_count = 0;
	put(&at, answer.body, &it->answer.body);
	put(&at, answer.content_type, &it->answer.content_type);
	put(&at, answer.reference, &it->answer.reference);
	put(&at, answer.text, &it->answer.text);
	put(&at, answer.version, &it->answer.version);
	ph_mailbox_post(host->mailbox, &it->letter);
}

/* ---- receive ---- */

typedef struct receive_letter {
	ph_letter letter;
	ph_host *host;
	const ph_entry *entry;
	char entry_name[80];
	ph_adapter_received received; /* texts are our copies */
	char bytes[];
} receive_letter;

static ph_adapter_text
text_of(const char *text)
{
	return (ph_adapter_text){text, strlen(text)};
}

static void
received_done(void *self, const ph_inbound_end *end)
{
	receive_letter *it = self;
	ph_adapter_receipt receipt = {.size = sizeof receipt,
	    .result = end->result,
	    .reference = text_of(end->reference),
	    .id = text_of(end->id),
	    .reason = text_of(end->reason),
	    .path = text_of(end->path),
	    .text = text_of(end->text),
	    .count = end->count};
	atomic_fetch_sub(&it->host->receiving, 1u);
	if (it->received.done)
		it->received.done(it->received.context, &receipt);
	free(it);
}

static void
open_receive(ph_letter *letter, void *self)
{
	receive_letter *it = (receive_letter *) letter;
	ph_host *host = self;
	const ph_adapter_received *received = &it->received;
	bool polled = (received->flags & PH_ADAPTER_POLLED) != 0;
	ph_inbound_task task = {.map = it->entry->map,
	    .entry = it->entry_name,
	    .bytes = received->body.data,
	    .length = received->body.length,
	    .content_type = received->content_type.data,
	    .caller_waits = (received->flags & PH_ADAPTER_CALLER_WAITS) != 0,
	    .deadline = (int64_t) received->deadline,
	    .patience = PATIENCE_MS,
	    .cursor_name = polled && received->cursor.length ? it->entry_name : NULL,
	    .cursor = received->cursor.data,
	    .cursor_length = received->cursor.length,
	    .done = received_done,
	    .self = it};
	ph_error err = {.status = PH_OK};
	if (atomic_load(&host->closed) || ph_inbound_start(host, &task, &err)) {
		ph_inbound_end end = {.result = PH_ADAPTER_LATER,
		    .reference = "",
		    .id = "",
		    .reason = "",
		    .path = "",
		    .text = "PH4119 stopping"};
		received_done(it, &end);
	}
}

/* Counted first and only then looked whether the host is closing: so the host, which closes first and
 * only then waits for the count to fall to zero, misses nobody. */
static uint32_t
take_place(ph_host *host, ph_adapter_error *error)
{
	unsigned before = atomic_fetch_add(&host->receiving, 1u);
	bool closed = atomic_load(&host->closed);
	if (before < WAITING_MAX && !closed)
		return PH_ADAPTER_OK;
	atomic_fetch_sub(&host->receiving, 1u);
	return closed ? refuse(error, PH_ADAPTER_CLOSED, "PH4119 stopping")
		      : refuse(error, PH_ADAPTER_BUSY, "PH4046 too many are waiting");
}

static uint64_t
bounded_deadline(const ph_host *host, uint64_t asked)
{
	uint64_t now = (uint64_t) ph_host_now(host);
	if (!asked)
		return now + ANSWER_MS;
	return asked < now + LONGEST_MS ? asked : now + LONGEST_MS;
}

static receive_letter *
copy_received(const ph_adapter_received *given)
{
	size_t size =
	    given->body.length + given->content_type.length + given->cursor.length + 3;
	receive_letter *it = malloc(sizeof *it + size);
	if (!it)
		return NULL;
	char *at = it->bytes;
	it->letter.open = open_receive;
	it->received = *given;
	it->received.attributes = NULL;
	it->received.attribute_count = 0;
	put(&at, given->body, &it->received.body);
	put(&at, given->content_type, &it->received.content_type);
	put(&at, given->cursor, &it->received.cursor);
	return it;
}

/* What may come in one piece: a document, or a file of records that was polled. */
static size_t
most_bytes(const ph_host *host, const ph_entry *entry, bool polled)
{
	bool file = polled && ph_map_streams(entry->map, NULL) == PH_OK;
	return (size_t) ph_options_get(&host->site->options,
	    file ? PH_OPTION_FILE_BYTES : PH_OPTION_DOCUMENT_BYTES);
}

static uint32_t
receive(void *self, const ph_adapter_received *given, ph_adapter_error *error)
{
	ph_host *host = host_of(self);
	ph_adapter_received received;
	ph_services_read(&received, sizeof received, given);
	bool polled = (received.flags & PH_ADAPTER_POLLED) != 0;
	const ph_entry *entry =
	    ph_entries_named(polled ? &host->entries.poll : &host->entries.receive,
		received.entry.data, received.entry.length);
	if (!entry || !ph_map_goes(entry->map, PH_MAP_IN))
		return refuse(error, PH_ADAPTER_NOT_FOUND,
		    "PH4044 no entry of that name in the adapter's file");
	if (received.body.length > most_bytes(host, entry, polled))
		return refuse(error, PH_ADAPTER_INVALID,
		    "PH4045 more bytes in one piece than the limits allow");
	uint32_t code = take_place(host, error);
	if (code)
		return code;
	receive_letter *it = copy_received(&received);
	if (!it) {
		atomic_fetch_sub(&host->receiving, 1u);
		return refuse(error, PH_ADAPTER_BUSY, "PH4043 out of memory");
	}
	it->host = host;
	it->entry = entry;
	it->received.deadline = bounded_deadline(host, received.deadline);
	snprintf(it->entry_name, sizeof it->entry_name, "%s%s", polled ? "poll:" : "",
	    entry->name);
	ph_mailbox_post(host->mailbox, &it->letter);
	return PH_ADAPTER_OK;
}

/* ---- query ---- */

typedef struct query_letter {
	ph_letter letter;
	ph_host *host;
	ph_query_task task;
	void *context;
	void (*done)(void *context, const ph_adapter_records *records);
} query_letter;

static void
queried(void *self, const ph_adapter_records *records)
{
	query_letter *it = self;
	atomic_fetch_sub(&it->host->receiving, 1u);
	it->done(it->context, records);
	free(it);
}

static void
open_query(ph_letter *letter, void *self)
{
	query_letter *it = (query_letter *) letter;
	it->task.context = it;
	it->task.done = queried;
	ph_query_start(self, &it->task);
}

static void
free_references(char **references, size_t count)
{
	for (size_t i = 0; references && i < count; i++)
		free(references[i]);
	free(references);
}

static char **
copy_references(const ph_adapter_text *given, size_t count)
{
	char **copy = calloc(count + 1, sizeof *copy);
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strndup(given[i].data ? given[i].data : "", given[i].length);
		if (!copy[i]) {
			free_references(copy, count);
			return NULL;
		}
	}
	return copy;
}

static uint32_t
check_query(
    const ph_adapter_query *query, const ph_entry *entry, ph_adapter_error *error)
{
	if (query->kind != PH_ADAPTER_BY_REFERENCE &&
	    query->kind != PH_ADAPTER_BY_WINDOW)
		return refuse(
		    error, PH_ADAPTER_UNSUPPORTED, "PH4072 no such kind of query");
	if (!entry || !ph_map_goes(entry->map, PH_MAP_OUT) ||
	    ph_map_format_of(entry->map) != PH_MAP_FORM)
		return refuse(error, PH_ADAPTER_NOT_FOUND,
		    "PH4073 no entry of that name whose map renders pairs");
	if (query->reference_count > REFERENCES_MAX)
		return refuse(
		    error, PH_ADAPTER_INVALID, "PH4074 more than 1,000 references");
	return PH_ADAPTER_OK;
}

static uint32_t
query(void *self, const ph_adapter_query *given, ph_adapter_error *error)
{
	ph_host *host = host_of(self);
	ph_adapter_query asked;
	ph_services_read(&asked, sizeof asked, given);
	const ph_entry *entry = ph_entries_named(
	    &host->entries.receive, asked.entry.data, asked.entry.length);
	uint32_t code = check_query(&asked, entry, error);
	if (!code)
		code = take_place(host, error);
	if (code)
		return code;
	query_letter *it = calloc(1, sizeof *it);
	bool by_reference = asked.kind == PH_ADAPTER_BY_REFERENCE;
	char **references = it && by_reference ? copy_references(asked.references,
						     asked.reference_count)
					       : NULL;
	if (!it || (by_reference && !references)) {
		free(it);
		atomic_fetch_sub(&host->receiving, 1u);
		return refuse(error, PH_ADAPTER_BUSY, "PH4043 out of memory");
	}
	uint32_t most = asked.most && asked.most < RECORDS_MAX ? (uint32_t) asked.most
							       : RECORDS_MAX;
	*it = (query_letter){.letter = {.open = open_query},
	    .host = host,
	    .task = {.entry = entry,
		.references = references,
		.count = by_reference ? asked.reference_count : 0,
		.from = asked.from,
		.to = asked.to,
		.most = most,
		.deadline = (int64_t) bounded_deadline(host, asked.deadline)},
	    .context = asked.context,
	    .done = asked.done};
	ph_mailbox_post(host->mailbox, &it->letter);
	return PH_ADAPTER_OK;
}

/* ---- progress ---- */

typedef struct progress_letter {
	ph_letter letter;
	uint64_t token;
	ph_adapter_text reference, resume;
	void *context;
	void (*done)(void *context, uint32_t code);
	char bytes[];
} progress_letter;

static void
end_progress(progress_letter *it, uint32_t code)
{
	if (it->done)
		it->done(it->context, code);
	free(it);
}

static void
progressed(void *self, const void *answer)
{
	if (answer)
		end_progress(self, PH_ADAPTER_OK);
	else
		free(self);
}

static void
open_progress(ph_letter *letter, void *self)
{
	progress_letter *it = (progress_letter *) letter;
	ph_host *host = self;
	uint64_t delivery = ph_call_delivery(host, it->token);
	if (!delivery) {
		end_progress(it, PH_ADAPTER_NOT_FOUND);
		return;
	}
	ph_status status = ph_client_progress(host->client, delivery,
	    it->reference.data, it->resume.data, it->resume.length, NULL);
	if (!status)
		status = ph_waits_add(
		    host->waits, PH_WAIT_PROGRESSED, delivery, progressed, it, NULL);
	if (status)
		end_progress(it, PH_ADAPTER_FAILED);
}

static uint32_t
progress(void *self, uint64_t token, ph_adapter_text reference, ph_adapter_text resume,
    void *context, void (*done)(void *context, uint32_t code))
{
	ph_host *host = host_of(self);
	if (resume.length > UINT16_MAX || reference.length > 4096)
		return PH_ADAPTER_INVALID;
	progress_letter *it = malloc(sizeof *it + reference.length + resume.length + 2);
	if (!it)
		return PH_ADAPTER_BUSY;
	char *at = it->bytes;
	it->letter.open = open_progress;
	it->token = token;
	it->context = context;
	it->done = done;
	put(&at, reference, &it->reference);
	put(&at, resume, &it->resume);
	ph_mailbox_post(host->mailbox, &it->letter);
	return PH_ADAPTER_OK;
}

/* ---- the small ones ---- */

static void
log_line(void *self, uint32_t level, ph_adapter_text text)
{
	static const ph_log_level levels[] = {
	    PH_LOG_ERROR, PH_LOG_WARN, PH_LOG_INFO, PH_LOG_DEBUG};
	ph_host *host = host_of(self);
	ph_log(level < 4 ? levels[level] : PH_LOG_DEBUG, "transport-says",
	    "transport=%s text=%.*s", host->adapter->transport, (int) text.length,
	    text.length ? text.data : "");
}

static uint32_t
secret(
    void *self, ph_adapter_text name, char *buffer, uint64_t capacity, uint64_t *length)
{
	ph_host *host = host_of(self);
	char word[128], *text = NULL;
	size_t size = 0;
	if (name.length >= sizeof word)
		return PH_ADAPTER_NOT_FOUND;
	snprintf(
	    word, sizeof word, "%.*s", (int) name.length, name.length ? name.data : "");
	if (ph_secret_read(host->site->directory, word, &text, &size, NULL))
		return PH_ADAPTER_NOT_FOUND;
	*length = size;
	bool fits = size <= capacity;
	if (fits && size)
		memcpy(buffer, text, size);
	ph_secret_free(&text);
	return fits ? PH_ADAPTER_OK : PH_ADAPTER_INVALID;
}

static uint64_t
now(void *self)
{
	return (uint64_t) ph_host_now(host_of(self));
}

static uint64_t
wall(void *self)
{
	return (uint64_t) ph_host_wall(host_of(self));
}

void
ph_services_fill(ph_host *host)
{
	host->table = (ph_adapter_host){.size = sizeof host->table,
	    .abi_major = PH_ADAPTER_ABI_MAJOR,
	    .abi_minor = PH_ADAPTER_ABI_MINOR,
	    .self = host,
	    .answered = answered,
	    .receive = receive,
	    .query = query,
	    .progress = progress,
	    .log = log_line,
	    .secret = secret,
	    .now = now,
	    .wall = wall};
}
