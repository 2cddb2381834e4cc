#include "adapters/host/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
ph_ending_set(
    ph_ending *out, ph_outcome outcome, const char *reason, const char *format, ...)
{
	memset(out, 0, sizeof *out);
	out->outcome = outcome;
	out->stage = "send";
	snprintf(out->reason, sizeof out->reason, "%s", reason);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out->text, sizeof out->text, format, arguments);
	va_end(arguments);
}

/* Without declared rules the status decides, as HTTP means it; 0: the transport has none. */
static void
by_status(const ph_adapter_answer *answer, ph_ending *out)
{
	unsigned status = answer->status;
	bool again = status == 408 || status == 425 || status == 429 || status >= 500;
	if (!status || (status >= 200 && status < 300))
		ph_ending_set(out, PH_DELIVERED, "", "%s", "");
	else if (again)
		ph_ending_set(
		    out, PH_RETRY, "", "PH4056 the system answered %u", status);
	else
		ph_ending_set(out, PH_REJECTED, "rejected",
		    "PH4056 the system answered %u", status);
	out->delay_ms = answer->delay;
}

static void
by_rules(const ph_entry *entry, const ph_adapter_answer *answer, bool question,
    ph_ending *out)
{
	ph_verdict verdict;
	ph_error err = {.status = PH_OK};
	if (ph_reply_judge(entry->reply, answer->status, answer->body.data,
		answer->body.length, &verdict, &err)) {
		ph_ending_set(out, PH_UNKNOWN, "outcome-unknown", "%s", err.text);
		return;
	}
	if (!verdict.matched && question) {
		by_status(answer, out);
		return;
	}
	ph_ending_set(out, verdict.outcome, verdict.reason, "%s", verdict.text);
	if (!verdict.matched)
		ph_ending_set(out, PH_UNKNOWN, "outcome-unknown",
		    "PH4057 no reply rule knows the answer (status %u, %zu bytes)",
		    answer->status, (size_t) answer->body.length);
	if (verdict.outcome == PH_RETRY)
		out->delay_ms = verdict.delay_ms ? verdict.delay_ms : answer->delay;
	memcpy(out->reference, verdict.reference, sizeof out->reference);
	memcpy(out->path, verdict.path, sizeof out->path);
	memcpy(out->without, verdict.without, sizeof out->without);
}

static void
judge(const ph_entry *entry, const ph_adapter_answer *answer, bool question,
    ph_ending *out)
{
	int length = (int) (answer->text.length < 400 ? answer->text.length : 400);
	const char *text = length ? answer->text.data : "";
	size_t reference = answer->reference.length < sizeof out->reference
			       ? answer->reference.length
			       : 0;
	switch (answer->verdict) {
	case PH_ADAPTER_ANSWERED:
		if (entry->reply)
			by_rules(entry, answer, question, out);
		else
			by_status(answer, out);
		return;
	case PH_ADAPTER_NOT_SENT:
	case PH_ADAPTER_CHANGED:
		ph_ending_set(out, PH_RETRY, "", "%.*s", length, text);
		out->delay_ms = answer->delay;
		return;
	case PH_ADAPTER_REFUSED:
		ph_ending_set(out, PH_REJECTED, "rejected", "%.*s", length, text);
		return;
	case PH_ADAPTER_DONE:
	case PH_ADAPTER_REPEATED:
		ph_ending_set(out,
		    answer->verdict == PH_ADAPTER_DONE ? PH_DELIVERED : PH_DUPLICATE,
		    "", "%s", "");
		if (reference)
			memcpy(out->reference, answer->reference.data, reference);
		return;
	default: /* LOST, and what a newer plug-in may say */
		ph_ending_set(out, PH_UNKNOWN, "outcome-unknown", "%.*s", length, text);
		return;
	}
}

void
ph_outcome_of(const ph_entry *entry, const ph_adapter_answer *answer, ph_ending *out)
{
	judge(entry, answer, false, out);
}

void
ph_outcome_of_question(
    const ph_entry *entry, const ph_adapter_answer *answer, ph_ending *out)
{
	judge(entry, answer, true, out);
}
