/*
 * inbound_part - an inbound item and its pieces, as inbound.c and inbound_message.c see them. Nobody
 * else includes this.
 *
 * Thread: the host's.
 */
#ifndef PH_HOST_INBOUND_PART_H
#define PH_HOST_INBOUND_PART_H

#include "adapters/host/inbound.h"

/* One message to publish. */
typedef struct ph_inbound_piece {
	struct ph_inbound_item *item;
	size_t record;
	bool failed;	 /* the record could not be mapped: its bytes are kept */
	bool refused;	 /* it was mapped, to what no message holds: the item's `why` */
	size_t left_out; /* bytes that are not kept, for a message holds no more */
	bool confirmed;
	bool accepted; /* anew, so what went with it is durable */
} ph_inbound_piece;

typedef struct ph_inbound_file ph_inbound_file;
typedef struct ph_inbound_item ph_inbound_item;
struct ph_inbound_item {
	ph_inbound_item *next, **link; /* in the host's list */
	ph_host *host;
	ph_inbound_task task; /* pointers to our copies */
	char *bytes;
	char *cursor;
	char *content_type;
	char entry[80];
	char receipt[64];
	int64_t accepted_ms;
	int64_t patient_until;
	int64_t pause;			/* ms before the next look for references */
	ph_alarm again;			/* try mapping or publishing again */
	ph_alarm deadline;		/* the listener's */
	ph_map_call *call;		/* NULL while mapping */
	ph_inbound_file *file;		/* mapped in pieces; NULL: whole */
	size_t before;			/* records of the pieces before this one */
	bool accepted, kept, published; /* parts of those pieces */
	ph_inbound_piece *parts;
	size_t part_count, sent, confirmed;
	uint32_t worst; /* result of the worst part; 0: all accepted */
	char reference[128];
	char id[256];
	char text[PH_ERROR_TEXT]; /* of the worst part */
	char why[PH_ERROR_TEXT];  /* of the latest part that was refused */
	size_t durable;
	bool cursor_durable;
};

/* The message of one piece: what the map made, or the sender's bytes of what failed, of which it
 * notes how many were left out. PH_ERR_TOO_LARGE or PH_ERR_INVALID: what the map made is no message. */
ph_status ph_inbound_message(const ph_inbound_item *it, ph_inbound_piece *which,
    ph_message **out, ph_error *err);
/* The options it is published with, appended, after its message. The cursor goes with the last
 * piece. */
ph_status ph_inbound_options(const ph_inbound_item *it, const ph_inbound_piece *which,
    ph_buffer *out, ph_error *err);

#endif
