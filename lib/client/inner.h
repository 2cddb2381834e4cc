/*
 * inner - what the parts of the client share. Nobody else includes this.
 *
 * A client is a state machine (down, greeting, up) over one DEALER socket, and three kinds of
 * promises that outlive a connection: published messages without a result (pending.c),
 * outcomes without a confirmation (outbox.c), and requests without an answer (request.c).
 *
 * Thread: the client's owner.
 */
#ifndef PH_CLIENT_INNER_H
#define PH_CLIENT_INNER_H

#include <stdbool.h>
#include <packhorse/client.h>
#include "lib/base/buffer.h"
#include "lib/base/clock.h"
#include "lib/client/host.h"
#include "lib/wire/message.h"
#include "lib/wire/socket.h"

#define PH_CLIENT_MAGIC	    0x5048434cu /* "PHCL" */
#define PH_CLIENT_TOKEN_MAX 256
#define PH_CLIENT_NAME_MAX  64
#define PH_CLIENT_INSTANCE  33

typedef enum link_state {
	LINK_DOWN,     /* no connection; the next attempt is at `next_try` */
	LINK_GREETING, /* HELLO sent, WELCOME awaited until `deadline` */
	LINK_UP,
	LINK_REFUSED /* the broker does not want us: for good */
} link_state;

/* ---- published, not yet acknowledged: their frames, and a ring by ticket ---- */

/* Some tickets in a row in one frame, written while they are published. */
typedef struct ph_batch {
	ph_holder
	    *holder; /* in whose room this is: the socket uses it too while it sends */
	ph_buffer frame;
	struct ph_batch *next; /* of the spare ones */
	uint64_t first;	       /* ticket */
	uint32_t count;	       /* tickets */
	uint32_t waiting;      /* those without a result */
} ph_batch;

typedef struct ph_pending_item {
	ph_batch *batch;
	uint32_t
	    size; /* bytes in the frame; 0: the result has come, it waits for older ones */
} ph_pending_item;

typedef struct ph_pending {
	ph_pending_item *ring;
	size_t places;	 /* of the ring: a power of two */
	size_t window;	 /* most tickets without a result */
	ph_batch *open;	 /* is written to; NULL: none */
	ph_batch *spare; /* frames that have been of use, for the next ones */
	size_t spared;	 /* bytes that those hold */
	size_t usual;	 /* bytes of a frame, of late */
	size_t last;	 /* bytes of the latest frame */
	uint64_t first;	 /* oldest ticket without a result */
	uint64_t sent;	 /* next ticket to be sent */
	uint64_t fresh;	 /* oldest ticket that was never sent */
	uint64_t next;	 /* next ticket to be given */
	size_t waiting;	 /* tickets without a result */
	size_t flying;	 /* bytes that were sent and have no result */
} ph_pending;

/* What is to be published. */
typedef struct ph_published {
	const ph_message *message; /* NULL: `options` is the body of a CURSOR frame */
	const void *options;	   /* encoded, or NULL */
	size_t options_length;
} ph_published;

ph_status ph_pending_init(ph_pending *pending, size_t window, ph_error *err);
void ph_pending_fini(ph_pending *pending);
/* Copies it into a frame of at most `most` tickets. */
ph_status ph_pending_add(ph_pending *pending, const ph_published *item, size_t most,
    uint64_t *ticket, ph_error *err);
/* False: no such ticket waits. */
bool ph_pending_answered(ph_pending *pending, uint64_t ticket);
/* Everything unanswered is to be sent again. */
void ph_pending_rewind(ph_pending *pending);
/* The next frame to be sent, complete; NULL if there is nothing to send, too much has been sent
 * without a result, or memory is short. */
ph_batch *ph_pending_frame(ph_pending *pending);
/* That frame is sent. */
void ph_pending_sent(ph_pending *pending, const ph_batch *batch);

/* ---- outcomes not yet confirmed: a ring in order of settling ---- */
typedef struct ph_outbox_item {
	uint64_t delivery; /* 0: confirmed */
	uint32_t length;
	uint8_t plain; /* the outcome, when there is nothing more to say */
	void *item;    /* the encoded SETTLE item otherwise */
} ph_outbox_item;

typedef struct ph_outbox {
	ph_outbox_item *ring;
	size_t capacity;
	uint64_t first, sent, next;
	size_t waiting;
} ph_outbox;

void ph_outbox_fini(ph_outbox *outbox);
ph_status ph_outbox_add(ph_outbox *outbox, const ph_settle_view *item,
    const void *bindings, size_t bindings_length, ph_error *err);
bool ph_outbox_confirmed(ph_outbox *outbox, uint64_t delivery);
void ph_outbox_rewind(ph_outbox *outbox);
bool ph_outbox_frame(ph_outbox *outbox, ph_buffer *frame, uint64_t *after);

/* ---- deliveries held: a set of numbers ---- */
typedef struct ph_held {
	uint64_t *slots; /* open addressing; 0: free */
	size_t capacity, count;
} ph_held;

void ph_held_fini(ph_held *held);
ph_status ph_held_add(ph_held *held, uint64_t delivery, ph_error *err);
bool ph_held_remove(ph_held *held, uint64_t delivery);

typedef struct ph_subscription {
	uint64_t id;
	char *queue;
	uint32_t credit;
	bool told;     /* the broker of this connection knows of it */
	bool reattach; /* and has to hear what we hold, when it is told */
	ph_held held;
	struct ph_subscription *next;
} ph_subscription;

/* ---- requests not yet answered ---- */
typedef struct ph_request {
	struct ph_request *next;
	ph_frame_type answer; /* the frame that ends it */
	uint64_t number;
	bool sent;
	ph_buffer frame;
} ph_request;

struct ph_event {
	ph_event_kind kind;
	ph_result result;
	uint64_t ticket, acceptance, delivery, accepted_ms;
	uint16_t attempt;
	uint8_t flags;
	const char *queue;
	ph_message *message; /* owned by the event until the next one */
	ph_slice reference, resume;
	char text[PH_ERROR_TEXT];
	char subject[PH_ERROR_WHERE];
};

struct ph_client {
	uint32_t magic;
	link_state state;
	uint8_t role;
	char address
	    [PH_ERROR_WHERE]; /* control socket path, tcp:// address; "" for a host */
	char endpoint[PH_ERROR_WHERE]; /* where the sessions are */
	char name[PH_CLIENT_NAME_MAX];
	char token[PH_CLIENT_TOKEN_MAX];  /* one-time; "" when used */
	char resume[PH_CLIENT_TOKEN_MAX]; /* of the last WELCOME; "" before */
	char instance[PH_CLIENT_INSTANCE];
	uint8_t hello_flags; /* beyond resuming: what a host announces */
	char curve_server[41], curve_public[41], curve_secret[41];
	size_t window, batch;
	int64_t connect_timeout, heartbeat;
	int64_t next_try, deadline, last_sent, last_heard;
	int64_t seen;	 /* the clock when it was last looked at */
	int64_t backoff; /* milliseconds until the next attempt */
	ph_socket *socket;
	ph_pending pending;
	ph_outbox outbox;
	ph_subscription *subscriptions;
	ph_request *requests;
	uint64_t last_id;  /* of subscriptions and requests */
	bool greeted_once; /* CONNECTED was told at least once */
	bool told_up;	   /* the last link event told was CONNECTED */
	ph_error refused;  /* why, in LINK_REFUSED */
	ph_frame frame;	   /* the one being walked */
	ph_holder *holder; /* of its bytes; the socket's */
	uint32_t walked;   /* items taken of it */
	bool walking;
	ph_event event;
};

static inline int64_t
ph_client_now(void)
{
	return ph_clock_mono(ph_clock_system());
}
/* The same, and remember it. */
int64_t ph_client_look(ph_client *client);
/* life.c: a client that has no address yet. */
ph_status ph_client_allocate(const char *name, ph_client **out, ph_error *err);
/* Ask the control socket for an endpoint and a one-time token. */
ph_status ph_client_grant(ph_client *client, ph_error *err);
/* Move the link on: connect, greet, heartbeat, notice a loss. Milliseconds until it wants to be
 * called again in *wait. */
void ph_link_step(ph_client *client, int64_t *wait);
/* A WELCOME or REFUSED has come. */
void ph_link_welcome(ph_client *client, ph_frame *frame);
void ph_link_refused(ph_client *client, ph_frame *frame);
void ph_link_lose(ph_client *client, const char *why);
/* Send everything that is due; silently stops where the socket is full. */
void ph_link_flush(ph_client *client);
/* Send one small frame. False: the socket is full, or there is none. */
bool ph_link_send(ph_client *client, ph_buffer *frame);

ph_status ph_request_add(ph_client *client, ph_frame_type answer, uint64_t number,
    ph_buffer *frame, ph_error *err);
bool ph_request_answered(ph_client *client, ph_frame_type answer, uint64_t number);

#endif
