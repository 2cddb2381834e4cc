#include "tests/unit/fake_host.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void
keep(char *out, size_t size, ph_adapter_text text)
{
	size_t length = text.length < size - 1 ? text.length : size - 1;
	if (length)
		memcpy(out, text.data, length);
	out[length] = '\0';
}

static void
answered(void *self, uint64_t token, const ph_adapter_answer *answer)
{
	fake_host *host = self;
	pthread_mutex_lock(&host->lock);
	fake_answer *out = &host->answers[host->answered++ % 16];
	*out = (fake_answer){.token = token,
	    .verdict = answer->verdict,
	    .status = answer->status,
	    .delay = answer->delay,
	    .length = answer->body.length};
	keep(out->body, sizeof out->body, answer->body);
	keep(out->content_type, sizeof out->content_type, answer->content_type);
	keep(out->text, sizeof out->text, answer->text);
	keep(out->version, sizeof out->version, answer->version);
	pthread_cond_broadcast(&host->changed);
	pthread_mutex_unlock(&host->lock);
}

static uint32_t
receive(void *self, const ph_adapter_received *received, ph_adapter_error *error)
{
	fake_host *host = self;
	(void) error;
	pthread_mutex_lock(&host->lock);
	host->received++;
	keep(host->entry, sizeof host->entry, received->entry);
	keep(host->body, sizeof host->body, received->body);
	keep(host->content_type, sizeof host->content_type, received->content_type);
	host->length = received->body.length;
	uint32_t refused = host->refuse_receive;
	ph_adapter_receipt receipt = host->receipt;
	pthread_mutex_unlock(&host->lock);
	if (!refused && received->done)
		received->done(received->context, &receipt);
	return refused;
}

static uint32_t
query(void *self, const ph_adapter_query *query, ph_adapter_error *error)
{
	fake_host *host = self;
	(void) error;
	pthread_mutex_lock(&host->lock);
	host->queried++;
	keep(host->entry, sizeof host->entry, query->entry);
	host->kind = query->kind;
	host->from = query->from;
	host->to = query->to;
	host->reference_count = query->reference_count;
	for (uint64_t i = 0; i < query->reference_count && i < 16; i++)
		keep(host->references[i], sizeof host->references[i],
		    query->references[i]);
	const ph_adapter_records *records = host->records;
	pthread_mutex_unlock(&host->lock);
	query->done(query->context, records);
	return PH_ADAPTER_OK;
}

static void
log_line(void *self, uint32_t level, ph_adapter_text text)
{
	(void) self;
	(void) level;
	(void) text;
}

static uint64_t
now(void *self)
{
	(void) self;
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t) at.tv_sec * 1000 + (uint64_t) at.tv_nsec / 1000000;
}

static uint64_t
wall(void *self)
{
	(void) self;
	return UINT64_C(1795407540000); /* 2026-11-23T04:19:00Z */
}

void
fake_host_init(fake_host *host)
{
	memset(host, 0, sizeof *host);
	pthread_mutex_init(&host->lock, NULL);
	pthread_cond_init(&host->changed, NULL);
	host->table = (ph_adapter_host){.size = sizeof host->table,
	    .abi_minor = 2,
	    .self = host,
	    .answered = answered,
	    .receive = receive,
	    .query = query,
	    .log = log_line,
	    .now = now,
	    .wall = wall};
}

void
fake_host_fini(fake_host *host)
{
	pthread_mutex_destroy(&host->lock);
	pthread_cond_destroy(&host->changed);
}

bool
fake_host_wait_answered(fake_host *host, unsigned count)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	int code = 0;
	pthread_mutex_lock(&host->lock);
	while (host->answered < count && !code)
		code = pthread_cond_timedwait(&host->changed, &host->lock, &until);
	pthread_mutex_unlock(&host->lock);
	return !code;
}
