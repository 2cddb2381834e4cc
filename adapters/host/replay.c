#include "adapters/host/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/inbound.h"
#include "adapters/host/outbound.h"

enum { PLACE_MAX = 96 };

typedef struct replay {
	ph_host *host;
	uint64_t delivery;
	char place[PLACE_MAX]; /* " (record 3 of the file, at 7:2)", or "" */
} replay;

/* Where it stood in the file it came in, which is not here any more. */
static void
write_place(const ph_message *message, char out[PLACE_MAX])
{
	const char *place = ph_message_get(message, "place", NULL);
	out[0] = '\0';
	if (place)
		snprintf(out, PLACE_MAX, " (%s)", place);
}

static ph_outcome
outcome_of(uint32_t result)
{
	switch (result) {
	case PH_ADAPTER_ACCEPTED:
	case PH_ADAPTER_IGNORED:
		return PH_DELIVERED;
	case PH_ADAPTER_DUPLICATE:
		return PH_DUPLICATE;
	case PH_ADAPTER_LATER:
		return PH_RETRY;
	default:
		return PH_REJECTED;
	}
}

static void
done(void *self, const ph_inbound_end *end)
{
	replay *it = self;
	ph_outcome outcome = outcome_of(end->result);
	bool good = outcome == PH_DELIVERED || outcome == PH_DUPLICATE;
	char text[PH_ERROR_TEXT + PLACE_MAX];
	snprintf(text, sizeof text, "%s%s", end->text, it->place);
	ph_outbound_settle(it->host, it->delivery, outcome,
	    good	  ? ""
	    : *end->stage ? end->stage
			  : "map",
	    good ? "" : end->reason, end->path, good ? "" : text, end->reference);
	free(it);
}

/* Which entry: of what is received, or of what is polled. */
static const ph_entry *
find_entry(const ph_host *host, const char *name)
{
	size_t length = strlen(name);
	if (length > 5 && !memcmp(name, "poll:", 5))
		return ph_entries_named(&host->entries.poll, name + 5, length - 5);
	return ph_entries_named(&host->entries.receive, name, length);
}

/* A text that was cut off may read well and say something else. */
static void
settle_shortened(ph_host *host, uint64_t delivery, const ph_message *message)
{
	char place[PLACE_MAX], text[PH_ERROR_TEXT];
	const char *path = ph_message_get(message, "path", NULL);
	write_place(message, place);
	snprintf(text, sizeof text,
	    "PH4048 only the beginning of it was kept: what is not there cannot be "
	    "replayed%s",
	    place);
	ph_outbound_settle(host, delivery, PH_REJECTED, "map", "shortened",
	    path ? path : "", text, "");
}

void
ph_replay_take(ph_host *host, const ph_event *event)
{
	uint64_t delivery = ph_event_delivery(event);
	ph_message *message = ph_event_message(event);
	const char *name = ph_message_get(message, "entry", NULL);
	const ph_entry *entry = name ? find_entry(host, name) : NULL;
	if (!entry) {
		ph_outbound_settle(host, delivery, PH_REJECTED, "map", "no-map", "",
		    "PH4055 the entry it came through is not in the adapter's file any "
		    "more",
		    "");
		return;
	}
	if (ph_message_get(message, "shortened", NULL)) {
		settle_shortened(host, delivery, message);
		return;
	}
	replay *it = calloc(1, sizeof *it);
	ph_error err = {.text = "PH4043 out of memory"};
	ph_status status = PH_ERR_NOMEM;
	if (it) {
		*it = (replay){.host = host, .delivery = delivery};
		write_place(message, it->place);
		ph_inbound_task task = {.map = entry->map,
		    .entry = name,
		    .content_type = ph_message_get(message, "datacontenttype", NULL),
		    .caller_waits = true,
		    .replay = delivery,
		    .alone = ph_message_get(message, "alone", NULL) != NULL,
		    .done = done,
		    .self = it};
		task.bytes = ph_message_data(message, &task.length);
		status = ph_inbound_start(host, &task, &err);
	}
	if (!status)
		return;
	free(it);
	ph_outbound_settle(host, delivery, PH_RETRY, "map", "", "", err.text, "");
}
