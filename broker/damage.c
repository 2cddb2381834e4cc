/*
 * How it works: sequences say what lies behind the checkpoint, and the numbers of acceptances, which
 * have no gaps, how many of them are missing. Where none follows, as many may be missing as records
 * are; the numbers they may have had are passed over, for hosts and the ledger may know them.
 */
#include "broker/damage.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/broker.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define RECORD_LEAST 32u /* bytes of the smallest record */

/* Records in a range, at most. */
static uint64_t
most_of(const ph_journal_range *range)
{
	return range->last != 0 ? range->last - range->first + 1
				: range->length / RECORD_LEAST + 1;
}

void
ph_damage_found(ph_broker *broker, const ph_journal_report *report)
{
	ph_damage *self = &broker->damage;
	uint64_t last = 0;
	*self = (ph_damage){.count = report->damage_count};
	PH_ASSERT(self->count <= PH_JOURNAL_RANGES);
	for (size_t i = 0; i < self->count; i++) {
		const ph_journal_range *range = &report->damage[i];
		self->ranges[i] = *range;
		/* files that are missing side by side are of one range of sequences */
		if (range->last == 0 || range->last != last)
			self->records += most_of(range);
		last = range->last;
	}
}

void
ph_damage_begin(ph_broker *broker, uint64_t after)
{
	ph_damage *self = &broker->damage;
	self->left = self->since = self->messages = self->doubt = 0;
	for (size_t i = 0; i < self->count; i++) {
		const ph_journal_range *range = &self->ranges[i];
		self->passed[i] = range->last != 0 && range->last <= after;
		self->left += !self->passed[i];
	}
}

/* Its attempt may be among the records that are lost. An outcome that follows says what has become of it. */
static void
doubt(ph_broker *broker, ph_entry *entry)
{
	for (unsigned i = 0; i < entry->count; i++) {
		ph_item *item = &entry->items[i];
		const ph_destination *to =
		    ph_destinations_get(broker->destinations, item->queue);
		if ((item->state == PH_DELIVERY_READY ||
			item->state == PH_DELIVERY_WAITING) &&
		    !ph_destination_repeatable(to))
			item->flags |= PH_ITEM_SENT | PH_ITEM_POSSIBLY;
	}
}

static void
doubt_all(ph_broker *broker)
{
	ph_entry *entry = NULL;
	uint64_t number = 0;
	while ((entry = ph_backlog_next(broker->backlog, number)) != NULL) {
		number = entry->number;
		for (; entry != NULL; entry = entry->also)
			doubt(broker, entry);
	}
	broker->damage.doubt = broker->last_acceptance; /* of those on shelves, too */
}

/* The range is behind the checkpoint, and everything up to its end has been read. */
static void
pass(ph_broker *broker, size_t i)
{
	ph_damage *self = &broker->damage;
	bool same = false;
	for (size_t k = 0; k < i; k++)
		same |= self->ranges[i].last != 0 &&
			self->ranges[k].last == self->ranges[i].last;
	self->passed[i] = true;
	self->left--;
	if (!same)
		self->since += most_of(&self->ranges[i]);
	doubt_all(broker);
}

void
ph_damage_before(ph_broker *broker, uint64_t sequence)
{
	const ph_damage *self = &broker->damage;
	for (size_t i = 0; self->left > 0 && i < self->count; i++) {
		if (!self->passed[i] && self->ranges[i].first <= sequence)
			pass(broker, i);
	}
}

/* Acceptances behind the last one, `count` of them, are lost. */
static void
note_lost(ph_broker *broker, uint64_t count, const char *how)
{
	ph_damage *self = &broker->damage;
	self->messages += count;
	ph_log(PH_LOG_ERROR, "messages-lost",
	    "first=%" PRIu64 " last=%" PRIu64 " text=%s", broker->last_acceptance + 1,
	    broker->last_acceptance + count, how);
}

static ph_status
name_queues(ph_broker *broker, const ph_record_accept *accept, ph_error *err)
{
	ph_status status = PH_OK;
	for (size_t i = 0; status == PH_OK && i < accept->queue_count; i++) {
		uint16_t number = accept->queues[i];
		char name[PH_SITE_NAME_MAX + 1];
		ph_destination *to = NULL;
		if (number == 0 ||
		    ph_destinations_get(broker->destinations, number) != NULL)
			continue;
		(void) snprintf(name, sizeof name, "lost-%u", number);
		if (number <= PH_QUEUE_UNROUTED)
			(void) snprintf(name, sizeof name, "%s",
			    number == PH_QUEUE_INBOUND ? "inbound" : "unrouted");
		status =
		    ph_destinations_add(broker->destinations, number, name, &to, err);
		if (status == PH_OK && number > PH_QUEUE_UNROUTED)
			ph_log(PH_LOG_ERROR, "queue-name-lost", "queue=%s", name);
	}
	return status;
}

ph_status
ph_damage_accept(ph_broker *broker, const ph_record_accept *accept, ph_error *err)
{
	ph_damage *self = &broker->damage;
	if (self->count == 0)
		return PH_OK;
	if (self->since > 0 && accept->acceptance > broker->last_acceptance + 1) {
		uint64_t missing = accept->acceptance - broker->last_acceptance - 1;
		note_lost(broker, missing < self->since ? missing : self->since,
		    "their records are damaged");
	}
	self->since = 0;
	return name_queues(broker, accept, err);
}

void
ph_damage_end(ph_broker *broker)
{
	ph_damage *self = &broker->damage;
	for (size_t i = 0; i < self->count; i++) {
		if (!self->passed[i])
			pass(broker, i);
	}
	if (self->since == 0)
		return;
	note_lost(broker, self->since, "at most: as many records are damaged");
	broker->last_acceptance += self->since;
	self->since = 0;
}

bool
ph_damage_has_first(const ph_broker *broker)
{
	for (size_t i = 0; i < broker->damage.count; i++) {
		if (broker->damage.ranges[i].segment == 1)
			return true;
	}
	return false;
}

size_t
ph_damage_kept(const ph_broker *broker)
{
	const ph_damage *self = &broker->damage;
	ph_store_span oldest;
	size_t kept = 0;
	ph_position first = {.offset = 0};
	if (self->count == 0 ||
	    ph_store_span_of(broker->store, first, &oldest, NULL) != PH_OK)
		return self->count;
	for (size_t i = 0; i < self->count; i++)
		kept += self->ranges[i].segment >= oldest.begin.offset >> 32;
	return kept;
}
