#include "adapters/host/previous.h"

#include <stdio.h>
#include <string.h>

enum { CHANGES_MAX = 3 /* in one attempt; then the queue's back-off */ };

void
ph_previous_init(ph_previous *it, size_t most)
{
	memset(it, 0, sizeof *it);
	it->most = most;
	ph_buffer_init(&it->bytes, most);
}

void
ph_previous_fini(ph_previous *it)
{
	ph_buffer_fini(&it->bytes);
}

bool
ph_previous_again(ph_previous *it)
{
	return ++it->changes <= CHANGES_MAX;
}

typedef enum finding { FOUND, NONE, FAILED } finding;

static finding
by_status(const ph_adapter_answer *answer)
{
	unsigned status = answer->status;
	if (status == 404 || status == 410 || status == 204)
		return NONE;
	return !status || (status >= 200 && status < 300) ? FOUND : FAILED;
}

/* A rule's word; `unknown` is that of a system that does not know the record. */
static finding
by_outcome(ph_outcome outcome)
{
	switch (outcome) {
	case PH_DELIVERED:
	case PH_DUPLICATE:
		return FOUND;
	case PH_UNKNOWN:
		return NONE;
	case PH_RETRY:
	case PH_REJECTED:
		break;
	}
	return FAILED;
}

static finding
judge(const ph_entry *entry, const ph_adapter_answer *answer, ph_ending *out)
{
	ph_verdict verdict = {.matched = false};
	ph_entry plain = {.name = "previous"}; /* without rules the status decides */
	bool answered = answer->verdict == PH_ADAPTER_ANSWERED;
	if (answered && entry->reply &&
	    ph_reply_judge(entry->reply, answer->status, answer->body.data,
		answer->body.length, &verdict, NULL)) {
		ph_ending_set(out, PH_RETRY, "", "PH4043 out of memory");
		return FAILED;
	}
	ph_outcome_of(verdict.matched ? entry : &plain, answer, out);
	if (!answered)
		return FAILED;
	return verdict.matched ? by_outcome(verdict.outcome) : by_status(answer);
}

/* How the attempt ends: as the system's own word says, but never in doubt. A text of the system's
 * stays as it is, so that it is known for one. */
static void
explain(ph_ending *out)
{
	char why[sizeof out->text];
	memcpy(why, out->text, sizeof why);
	if (out->outcome != PH_REJECTED)
		out->outcome = PH_RETRY;
	strcpy(out->reason, "no-previous");
	out->reference[0] = out->without[0] = '\0';
	if (!*why || (!strncmp(why, "PH", 2) && strncmp(why, "PH4059", 6) != 0))
		snprintf(out->text, sizeof out->text,
		    "PH4059 the record as it was could not be read%s%.400s",
		    *why ? ": " : "", why);
}

/* The record and what names its state. A name that does not fit is not left away: without it others'
 * changes could be lost. */
static bool
keep(ph_previous *it, const ph_adapter_answer *answer, ph_ending *out)
{
	size_t length = answer->version.length;
	if (length >= sizeof it->version) {
		ph_ending_set(out, PH_RETRY, "",
		    "PH4059 the version of the record as it was is %zu bytes long, at "
		    "most %zu are kept",
		    length, sizeof it->version - 1);
		return false;
	}
	if (length)
		memcpy(it->version, answer->version.data, length);
	it->version[length] = '\0';
	ph_buffer_append(&it->bytes, answer->body.data, answer->body.length);
	if (it->bytes.failed)
		ph_ending_set(
		    out, PH_RETRY, "", "PH4045 it is more than %zu bytes", it->most);
	return !it->bytes.failed;
}

bool
ph_previous_take(ph_previous *it, const ph_entry *entry,
    const ph_adapter_answer *answer, ph_ending *out)
{
	finding found = judge(entry, answer, out);
	ph_buffer_clear(&it->bytes);
	it->version[0] = '\0';
	if (found == FOUND && !keep(it, answer, out))
		found = FAILED;
	it->found = found == FOUND;
	if (found == FAILED)
		explain(out);
	return found != FAILED;
}
