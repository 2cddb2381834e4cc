/*
 * mapping - one document through a map, with the cross-references it needs looked up in the broker.
 *
 * The values that the map names are given ($setting, $secret, $event...), then all references are
 * asked for in one round trip, then the map runs. The end comes as a call of `done`, perhaps before
 * ph_mapping_start has returned.
 *
 * Thread: the host's. Errors: PH_ERR_NOMEM; PH_ERR_NOT_FOUND for a missing secret; PH_ERR_INVALID for
 * a previous record that cannot be read. What is wrong with
 * the document shows in the call's records.
 */
#ifndef PH_HOST_MAPPING_H
#define PH_HOST_MAPPING_H

#include "adapters/host/inner.h"
#include "lib/base/buffer.h"

/* `call` is yours; NULL: it could not be run, and `why` says why. */
typedef void ph_mapping_done(void *self, ph_map_call *call, const ph_error *why);

typedef struct ph_mapping_task {
	const ph_map *map;
	ph_map_direction direction;
	unsigned flags;
	const void *bytes; /* kept by the caller until the call is destroyed */
	size_t length;
	ph_map_call *call;	   /* made already, taken; NULL: of the bytes */
	int64_t accepted_ms;	   /* $accepted_at */
	const char *receipt;	   /* $receipt; NULL */
	const ph_message *message; /* $event.*; NULL. Kept by the caller until `done` */
	int64_t from_ms, to_ms;	   /* $window.*; both 0: none */
	const ph_buffer *previous; /* the record as it was; NULL */
	ph_mapping_done *done;
	void *self;
} ph_mapping_task;

ph_status ph_mapping_start(ph_host *host, const ph_mapping_task *task, ph_error *err);

#endif
