/*
 * site - one directory of configuration, read and checked: packhorse.yaml, adapters, routes.
 *
 * The broker, the hosts and `config check` read it with the same function, so what the check
 * accepts the broker starts with. Nothing outside the directory (and the connectors it names) is
 * opened, nothing is created. An adapter's file is laid over its connector's `connector.yaml`: the
 * site wins; the mappings `settings`, `limits` and the transport's own block are merged member by
 * member, and a mapping where the connector has a list of entries (`poll: {every: 1s}`) is laid over
 * each of them; everything else is replaced. What stands inside `send`, `poll`, `receive` and the
 * transport's block is the host's to check.
 *
 * Invariants: names are unique, and every queue a route names exists. Everything in a site is
 * constant once loaded, and borrowed until ph_site_destroy.
 *
 * Thread: owner while it loads, any after. Errors: PH_ERR_INVALID with where = file:line:col and a
 * text that starts with its code; PH_ERR_NOT_FOUND (no such file), PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_SITE_H
#define PH_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/options.h"
#include "lib/document/document.h"

#define PH_SITE_NAME_MAX 40 /* characters in the name of an adapter or a queue */

/* A NULL-terminated list of texts. */
typedef struct ph_site_list {
	const char **at;
	size_t count;
} ph_site_list;

/* When to try again. The wait grows by `factor` from `first_ms` up to `max_ms`. */
typedef struct ph_site_retry {
	int64_t first_ms;
	int64_t max_ms;
	uint32_t factor_percent; /* 200: twice as long each time */
	uint32_t tries;		 /* attempts in all; then a dead letter */
} ph_site_retry;

/* One adapter: a system, its queue and its host. */
typedef struct ph_site_adapter {
	const char *name;      /* also the system's name in cross-references */
	const char *file;      /* the site's file */
	const char *connector; /* the connector's directory; NULL for none */
	const char *transport; /* the plug-in: <plugins>/<transport>.so */
	const char *queue;
	ph_site_retry retry;
	ph_site_list originates; /* entities this system may mint ids for */
	uint32_t in_flight;	 /* deliveries handed out and not settled */
	bool enabled;		 /* started by the broker */
	bool idempotent;	 /* the same send twice does no harm */
	bool
	    unknown_retry; /* send again after an outcome nobody knows and nobody can probe */
	ph_document *document; /* the merged declarations; their root: */
	const ph_node *root;
} ph_site_adapter;

/* One condition of a route: the attribute's value is one of these. */
typedef struct ph_site_condition {
	const char *attribute;
	ph_site_list patterns; /* each a value, or a beginning with `*` after it */
} ph_site_condition;

typedef struct ph_site_route {
	const char *name;
	const char *purpose; /* "" if not said */
	const ph_site_condition *when;
	size_t when_count;
	ph_site_list to; /* queues */
	const char *file;
	uint32_t line;
} ph_site_route;

typedef struct ph_site {
	const char *directory;
	const char *state;	  /* journal, ledger, site key */
	const char *run;	  /* sockets and locks */
	const char *jurisdiction; /* part of the events' sources */
	const char *plugins;	  /* directory of the plug-ins */
	const char *host;	  /* the host's program */
	ph_site_list connectors;  /* directories */
	ph_site_list schemas;	  /* directories */
	ph_site_list listen;	  /* endpoints beside the one in the run directory */
	ph_site_list queues;	  /* extra queues, for plain clients */
	ph_options options;	  /* limits */
	const ph_site_adapter *adapters;
	size_t adapter_count;
	const ph_site_route *routes;
	size_t route_count;
	uint64_t digest; /* of all files read: another text, another digest */
} ph_site;

/* Read everything. *out is yours. */
ph_status ph_site_load(const char *directory, ph_site **out, ph_error *err);
/* The same without the adapters' and routes' files: what a command line needs to find the run
 * directory. */
ph_status ph_site_load_broker(const char *directory, ph_site **out, ph_error *err);
/* NULL allowed. */
void ph_site_destroy(ph_site **site_p);

/* By name; NULL if there is none. */
const ph_site_adapter *ph_site_adapter_get(const ph_site *site, const char *name);
/* The adapter that empties this queue; NULL for an extra or system queue. */
const ph_site_adapter *ph_site_adapter_of_queue(const ph_site *site, const char *queue);
bool ph_site_has_queue(const ph_site *site, const char *queue);
bool ph_site_may_mint(const ph_site_adapter *adapter, const char *entity);

/* Where a declaration's file is: `<site>/<folder>/<name>`, else `<connector>/<folder>/<name>`, else
 * (folder "schemas") in the directories of paths: schemas:. `out` has `size` bytes. `adapter` may
 * be NULL. PH_ERR_NOT_FOUND names the places looked at. */
ph_status ph_site_find(const ph_site *site, const ph_site_adapter *adapter,
    const char *folder, const char *name, char *out, size_t size, ph_error *err);

/* "file:line:col" of a node of a merged document, whichever file it came from. */
char *ph_site_where(
    const ph_site_adapter *adapter, const ph_node *node, char *out, size_t size);

#endif
