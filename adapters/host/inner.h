/*
 * inner - what the parts of the host share. Nobody else includes this.
 *
 * A host is one adapter: a plug-in, its entries with their maps, and a session with the broker. One
 * thread runs it all: events of the session, letters from the plug-in's threads, and alarms. Each
 * piece of work (an inbound item, a delivery, a poll, a question) is an object of its own that
 * waits for answers by number or by letter and ends by itself.
 *
 * Thread: the host's, unless a function says any.
 */
#ifndef PH_HOST_INNER_H
#define PH_HOST_INNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include "adapters/host/alarms.h"
#include "adapters/host/entries.h"
#include "adapters/host/mailbox.h"
#include "adapters/host/plugin.h"
#include "adapters/host/waits.h"
#include "lib/base/clock.h"
#include "lib/client/host.h"
#include "lib/site/site.h"

#define PH_HOST_MAGIC 0x50484853u /* "PHHS" */

typedef struct ph_outbound ph_outbound;
typedef struct ph_inbound ph_inbound;
typedef struct ph_polls ph_polls;
typedef struct ph_call ph_call;
typedef struct ph_question ph_question;

typedef struct ph_host {
	uint32_t magic;
	const ph_clock *clock;
	ph_site *site;
	const ph_site_adapter *adapter;
	ph_plugin *plugin;
	void *instance; /* the plug-in's; NULL before create */
	ph_adapter_host table;
	ph_entries entries;
	ph_client *client; /* NULL in --check */
	ph_mailbox *mailbox;
	ph_alarms alarms;
	ph_waits *waits;
	ph_outbound *outbound; /* deliveries under way */
	ph_inbound *inbound;   /* what is being received */
	ph_polls *polls;
	ph_question *questions; /* of the plug-in, being answered */
	ph_call *calls;		/* under way in the plug-in */
	atomic_bool closed;	/* no new receive and query */
	atomic_uint receiving;	/* receives and queries not yet called back */
	uint64_t tokens;	/* last one given */
	uint64_t receipts;	/* last one given */
	char instance_name[33]; /* random: makes receipts unique over restarts */
	bool stop;		/* leave the loop */
	bool connected;
	bool goodbye;	    /* the session was ended by the broker, not lost */
	int64_t lost_since; /* when the session was lost; 0 while it is up */
} ph_host;

/* Milliseconds, on the growing clock. */
static inline int64_t
ph_host_now(const ph_host *host)
{
	return ph_clock_mono(host->clock);
}

/* Milliseconds since 1970. */
static inline int64_t
ph_host_wall(const ph_host *host)
{
	return ph_clock_wall(host->clock);
}

#endif
