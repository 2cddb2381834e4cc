/*
 * judge - see judge.h
 */
#include "broker/judge.h"

#include <stdio.h>

#include <packhorse/client.h>
#include "broker/backoff.h"
#include "lib/base/assert.h"

static ph_site_retry
policy(const ph_broker *broker, const ph_destination *to)
{
	const ph_options *options = &broker->site->options;
	if (to->adapter != NULL)
		return to->adapter->retry;
	return (ph_site_retry){
	    .first_ms = ph_options_get(options, PH_OPTION_RETRY_FIRST_MS),
	    .max_ms = ph_options_get(options, PH_OPTION_RETRY_MOST_MS),
	    .factor_percent = 200,
	    .tries = (uint32_t) ph_options_get(options, PH_OPTION_TRIES)};
}

static void
fail_with(
    ph_record_outcome *record, const char *stage, const char *reason, const char *text)
{
	record->state = PH_RECORD_DEAD;
	record->has_failure = true;
	record->failure = (ph_record_failure){.stage = ph_view_of(stage),
	    .reason = ph_view_of(reason),
	    .path = ph_view_of(""),
	    .text = ph_view_of(text)};
}

static void
judge_retry(const ph_broker *broker, ph_ending *end, ph_record_outcome *record)
{
	ph_site_retry retry = policy(broker, end->to);
	const ph_settle_view *said = end->said;
	if (end->item->attempts >= retry.tries) {
		(void) snprintf(end->text, sizeof end->text,
		    "%u attempts; the last: %.*s %.*s", end->item->attempts,
		    (int) said->reason.length, said->reason.data,
		    (int) said->text.length, said->text.data);
		fail_with(record, "send", "tries-exhausted", end->text);
		return;
	}
	int64_t wait_ms = ph_backoff(&retry, end->item->attempts);
	if (said->delay_ms > (uint64_t) wait_ms && said->delay_ms < INT64_MAX / 2)
		wait_ms = (int64_t) said->delay_ms;
	record->state = PH_RECORD_WAITING;
	record->not_before_ms = record->at_ms + wait_ms;
}

static void
judge_unknown(const ph_broker *broker, ph_ending *end, ph_record_outcome *record)
{
	const ph_destination *to = end->to;
	bool again = ph_destination_repeatable(to) || to->adapter->unknown_retry ||
		     (end->session != NULL && end->session->can_probe);
	if (again)
		judge_retry(broker, end, record);
	else
		fail_with(record, "send", "outcome-unknown",
		    "the destination may have it: nobody can tell, and sending it "
		    "again could make a second one");
}

void
ph_judge(const ph_broker *broker, ph_ending *end, ph_record_outcome *record)
{
	const ph_settle_view *said = end->said;
	record->not_before_ms = 0;
	record->has_failure = said->reason.length > 0 || said->text.length > 0;
	record->failure = (ph_record_failure){.stage = ph_view_of_slice(said->stage),
	    .reason = ph_view_of_slice(said->reason),
	    .path = ph_view_of_slice(said->path),
	    .text = ph_view_of_slice(said->text)};
	switch ((ph_outcome) said->outcome) {
	case PH_DELIVERED:
	case PH_DUPLICATE:
		record->state = PH_RECORD_SETTLED;
		record->has_failure = false;
		return;
	case PH_RETRY:
		judge_retry(broker, end, record);
		return;
	case PH_REJECTED:
		record->state = PH_RECORD_DEAD;
		record->has_failure = true;
		if (record->failure.stage.length == 0)
			record->failure.stage = ph_view_of("send");
		if (record->failure.reason.length == 0)
			record->failure.reason = ph_view_of("rejected");
		return;
	case PH_UNKNOWN:
		judge_unknown(broker, end, record);
		return;
	}
	PH_UNREACHABLE("an outcome that was not checked");
}
