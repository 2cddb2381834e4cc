/* How it works: a sum of estimates, each from what is there now. */
#include "broker/keep.h"

#include <stdio.h>
#include <sys/stat.h>

#define PATH_SIZE 4096
#define MESSAGE	  64	      /* bytes in a checkpoint for each that waits, and more */
#define LEAST	  (64u << 10) /* a checkpoint of nothing, the ledger's log of little */
#define TELL_SHARE                                                                     \
	32 /* a so manyth of a journal's file is written between two that are told */
#define MESSAGES_FILES 2 /* files of the journal that new messages have at least */
#define LEDGER_SHARE   2 /* a so manyth of the journal is what the ledger takes */

/* Bytes of the journal from one place to a later one. */
static uint64_t
bytes_between(const ph_broker *broker, uint64_t from, uint64_t to)
{
	uint64_t files = (to >> 32) - (from >> 32);
	uint64_t bytes =
	    (uint64_t) ph_options_get(&broker->site->options, PH_OPTION_SEGMENT_BYTES);
	return files * bytes + (to & UINT32_MAX) - (from & UINT32_MAX);
}

static uint64_t
file_bytes(const ph_broker *broker, const char *name)
{
	char path[PATH_SIZE];
	struct stat look;
	if (snprintf(path, sizeof path, "%s/%s", broker->site->state, name) >=
		(int) sizeof path ||
	    stat(path, &look) != 0)
		return 0;
	return (uint64_t) look.st_size;
}

/* A copy is never larger than the file and its log together; nor is the file, when that is folded. */
static uint64_t
ledger_bytes(const ph_broker *broker)
{
	return file_bytes(broker, "ledger.sqlite") +
	       file_bytes(broker, "ledger.sqlite-wal");
}

static uint64_t
ledger_behind(const ph_broker *broker)
{
	ph_ledger_state state;
	if (broker->ledger == NULL)
		return 0;
	ph_ledger_look(broker->ledger, &state);
	return state.durable.offset <= state.applied.offset
		   ? 0
		   : bytes_between(broker, state.applied.offset, state.durable.offset);
}

static uint64_t
checkpoint_bytes(const ph_broker *broker)
{
	uint64_t now = (uint64_t) ph_backlog_count(broker->backlog) * MESSAGE;
	return broker->checkpoint_bytes > now ? broker->checkpoint_bytes : now;
}

static uint64_t
option(const ph_broker *broker, ph_option which)
{
	return (uint64_t) ph_options_get(&broker->site->options, which);
}

static uint64_t
need(const ph_broker *broker)
{
	return LEAST + option(broker, PH_OPTION_SEGMENT_BYTES) +
	       2 * checkpoint_bytes(broker) + ledger_bytes(broker) +
	       ledger_behind(broker) / LEDGER_SHARE;
}

void
ph_keep_tell(ph_broker *broker)
{
	broker->kept_for = broker->written;
	if (broker->checkpoints != NULL && !broker->failed)
		ph_store_keep(broker->store, need(broker));
}

void
ph_keep_turn(ph_broker *broker)
{
	uint64_t file = option(broker, PH_OPTION_SEGMENT_BYTES);
	if (broker->written - broker->kept_for >= file / TELL_SHARE)
		ph_keep_tell(broker);
}

bool
ph_keep_allows(const ph_broker *broker, uint64_t bytes)
{
	int64_t left = broker->fs->space(broker->fs->self, broker->site->state);
	uint64_t others = need(broker) + option(broker, PH_OPTION_RESERVE_BYTES) +
			  MESSAGES_FILES * option(broker, PH_OPTION_SEGMENT_BYTES);
	return left < 0 || (uint64_t) left >= bytes + others;
}
