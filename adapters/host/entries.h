/*
 * entries - the lists `send`, `poll` and `receive` of an adapter file, read and compiled.
 *
 * Each entry names a map and says when it is used. What an entry says beside the host's own keys is
 * the transport's: it travels as attributes of each request ("url", "action", "header.X-Key").
 *
 * Invariants: constant once loaded. Thread: owner while it loads, any after.
 * Errors: PH_ERR_INVALID at the file's line; those of the maps.
 */
#ifndef PH_HOST_ENTRIES_H
#define PH_HOST_ENTRIES_H

#include <stdbool.h>
#include <packhorse/map.h>
#include "adapters/host/plugin.h"
#include "lib/base/table.h"
#include "lib/site/site.h"
#include "transform/reply.h"

typedef struct ph_entry ph_entry;
struct ph_entry {
	const ph_node *node;
	char name[64]; /* `name:`, or its position in the list: "0" */
	const char *
	    *types; /* `on:` of send and receive; NULL-terminated; may be empty */
	const ph_map *map;
	const ph_map
	    *request;	  /* poll: makes the question; NULL: the plug-in asks itself */
	ph_reply *reply;  /* NULL: only the transport's word counts */
	int64_t deadline; /* ms for one send, poll or probe */
	ph_adapter_pair *attributes;
	size_t attribute_count;
	ph_entry *probe; /* send: how to ask whether it arrived; NULL */
	ph_entry *
	    previous; /* send: how to read the record that is changed; NULL. Its map may
			       be NULL: the entry's own gives the address */
	bool windowed;	   /* poll: asks for a span of time */
	int64_t every;	   /* poll: ms */
	int64_t overlap;   /* ms that each window reaches back */
	int64_t first;	   /* ms that the first one reaches back */
	int64_t longest;   /* ms that a window is long at most */
	char **pair_names; /* memory of the attributes' names */
};

typedef struct ph_entry_list {
	ph_entry *at;
	size_t count;
} ph_entry_list;

typedef struct ph_entries {
	ph_entry_list send, poll, receive;
	ph_table *maps; /* name -> map, ours */
} ph_entries;

ph_status ph_entries_load(const ph_site *site, const ph_site_adapter *adapter,
    const ph_plugin *plugin, ph_entries *out, ph_error *err);
/* Half-loaded ones too. */
void ph_entries_fini(ph_entries *entries);

/* The first entry for a message of this type; NULL. `type` in `on:` may end in "*". */
const ph_entry *ph_entries_for(const ph_entry_list *list, const char *type);
/* By name; an empty name means the first. NULL. */
const ph_entry *ph_entries_named(
    const ph_entry_list *list, const char *name, size_t length);

#endif
