/*
 * adapter - the C interface between packhorse-host and a transport plug-in.
 *
 * A plug-in is a shared object that moves bytes: it sends what a map wrote and hands in what a
 * system said. It knows no document, no map and no message. It links to nothing of Packhorse:
 * this header is all it needs. The host that loads it is a process of its own, so a plug-in that
 * crashes takes only itself along.
 *
 * The promise
 * - A plug-in exports one const object, `ph_adapter`, and nothing else.
 * - Every struct that both sides may see grow starts with its size in bytes. The reader looks at
 *   no more than that many bytes and takes what is missing for zero. Structs grow by appending;
 *   no member moves, changes its meaning or goes away while the major version stays.
 *   ph_adapter_text and ph_adapter_pair are frozen for ever and carry no size.
 * - Enumerated values travel as uint32_t. A host or plug-in ignores what the comments let it
 *   ignore and answers PH_ADAPTER_UNSUPPORTED to the rest.
 * - Text is UTF-8, given as pointer and length, without a zero byte at its end or inside.
 *   Bytes are bytes. Nobody frees what the other side allocated: everything handed across is
 *   borrowed until the call that hands it over returns, and copied by whoever keeps it. No FILE,
 *   errno, time_t, locale or allocator crosses the line.
 * - Several instances of one plug-in may live in one process: no mutable globals.
 *
 * Threads, written before each function:
 *   [control]  called by the host's main thread, one call at a time per instance, never
 *              overlapping another [control] call. It may block until its deadline where it has
 *              one; where it has none it returns at once.
 *   [worker]   called by the host's main thread too, between start and stop; returns at once,
 *              never waits for a network or a disk: the answer comes later, from any thread.
 *   [any]      may be called from any thread, also from inside another call.
 *   [callback] called by the host's main thread while it holds no lock; it must not block, and
 *              may call [any] functions.
 *
 * Exactly once
 * - Each token given to send, poll or probe (unless that call itself returned an error) ends with
 *   one call of host->answered. A second one is ignored and logged. When a deadline passes
 *   without it, the host takes the outcome for unknown.
 * - Each receive and query that returned PH_ADAPTER_OK ends with one call of its `done`, at the
 *   latest at its deadline, and before stop is called.
 *
 * Time is in milliseconds. Deadlines are points on the scale of host->now, which only grows.
 *
 * Versions. A plug-in states major, the least minor it needs, and the minor it was built for, as
 * literals (not as the macros below, which move with the header). A host loads it when it knows
 * the major and its own minor is not below the least. Major 0 is the time before the promise is
 * frozen: a minor of major 0 may still break, and the change log says when one did.
 *
 * Change log
 *   0.1  first form.
 *   0.2  FETCH is used: the previous record is read before a delivery. `version` of answers and
 *        requests, and the verdict CHANGED.
 *
 * Licence: this one header may be used under the MIT licence (SPDX: MIT) as well as under that of
 * the project, so that closed plug-ins may include it.
 */
#ifndef PACKHORSE_ADAPTER_H
#define PACKHORSE_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define PH_ADAPTER_ASSERT(condition) static_assert(condition, #condition)
#else
#define PH_ADAPTER_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#define PH_ADAPTER_ABI_MAJOR 0u
#define PH_ADAPTER_ABI_MINOR 2u

/* Is the member there in the struct that `it` points to, by its size? For what came after 0.1. */
#define PH_ADAPTER_HAS(type, it, member)                                               \
	((it)->size >= offsetof(type, member) + sizeof((it)->member))

/* Put before the definition of `ph_adapter`; hide everything else (-fvisibility=hidden). */
#define PH_ADAPTER_EXPORT __attribute__((visibility("default")))

/* Text or bytes, borrowed. data may be NULL when length is 0. */
typedef struct ph_adapter_text {
	const char *data;
	uint64_t length;
} ph_adapter_text;

/* One named value. Names are ASCII, lower case; a name may repeat where its user says so. */
typedef struct ph_adapter_pair {
	ph_adapter_text name;
	ph_adapter_text value;
} ph_adapter_pair;

/* What a call returns, and `code` of an error. */
enum {
	PH_ADAPTER_OK = 0,
	PH_ADAPTER_INVALID = 1, /* what was given breaks a rule; `path` says where */
	PH_ADAPTER_UNSUPPORTED = 2, /* this version does not do that */
	PH_ADAPTER_NOT_FOUND = 3,   /* nothing by that name */
	PH_ADAPTER_BUSY = 4,	    /* no room now; later it may go */
	PH_ADAPTER_TIMEOUT = 5,	    /* the deadline passed */
	PH_ADAPTER_CLOSED = 6,	    /* stopping or stopped */
	PH_ADAPTER_FAILED = 7	    /* anything else; the text says what */
};

/* The caller's: it sets size and zeroes the rest; the callee fills code, path and text (cut to
 * fit, zero-terminated, UTF-8, no payload and no secret in them). May be NULL. */
typedef struct ph_adapter_error {
	uint32_t size;
	uint32_t code; /* PH_ADAPTER_* */
	/* "transport/url": the place in the configuration or the document, or "" */
	char path[256];
	/* one line; starts with its own code where it has one: "HT12 no route" */
	char text[512];
} ph_adapter_error;

/*
 * What the plug-in is configured with, ready to use: `json` is one JSON object (UTF-8)
 *   {"adapter": NAME, "transport": {...}, "receive": [...], "send": [...], "poll": [...]}
 * `transport` is the adapter file's block of the plug-in's name, with every secret and table
 * already in its place; the lists hold what the file's entries say beside the host's own keys
 * (empty where the file has none). It conforms to the plug-in's own schema. Scalars whose
 * schema says integer, number or boolean and not string are such; all others are strings as
 * written. Borrowed during create.
 */
typedef struct ph_adapter_config {
	uint32_t size;
	uint32_t reserved;    /* 0 */
	ph_adapter_text name; /* the adapter's, as operators know it */
	ph_adapter_text json;
} ph_adapter_config;

/* Why the plug-in is asked to send. A plug-in treats those it does not know as DELIVER. */
enum {
	/* hand a message over */
	PH_ADAPTER_DELIVER = 1,
	/* ask for what is new; asking again does no harm */
	PH_ADAPTER_POLL = 2,
	/* ask whether an earlier DELIVER arrived; asking again does no harm */
	PH_ADAPTER_PROBE = 3,
	/* read the record that is to be changed, as it is now; asking again does no harm */
	PH_ADAPTER_FETCH = 4
};

/* flags of a request. */
enum {
	/* the same delivery was handed to a plug-in before */
	PH_ADAPTER_SENT_BEFORE = 1
};

/* One thing to send. Borrowed until send returns. */
typedef struct ph_adapter_request {
	uint32_t size;
	uint32_t operation; /* PH_ADAPTER_DELIVER and so on */
	uint64_t token;	    /* names it in host->answered; never 0, never used twice */
	uint64_t deadline;  /* answered is expected by then */
	uint32_t attempt;   /* from 1 */
	uint32_t flags;
	ph_adapter_text body; /* what the map wrote, or empty */
	ph_adapter_text content_type;
	/* What the adapter file and the map say about this send, for example for http: method,
	 * url, action, header.NAME, url.NAME (a value for {NAME} in the url). Unknown ones are
	 * ignored. */
	const ph_adapter_pair *attributes;
	uint64_t attribute_count;
	/* the same for every attempt: for systems that know repeats */
	ph_adapter_text key;
	/* the system's reference so far, and the resume bytes last given to progress; or empty */
	ph_adapter_text reference;
	ph_adapter_text resume;
	/* since 0.2. DELIVER: the version that a FETCH answered with. The request is to count only
	 * while the record is still in that state; if it is not, answer CHANGED. A transport that
	 * cannot say so to its system gives no version. Empty: none is known */
	ph_adapter_text version;
} ph_adapter_request;

/* How a send ended, as far as the transport can tell. */
enum {
	/* the system answered: its bytes are in `body`; the declared reply rules make the outcome */
	PH_ADAPTER_ANSWERED = 1,
	/* certainly did not reach the system: it may be sent again */
	PH_ADAPTER_NOT_SENT = 2,
	/* may have reached it, no answer came: the outcome is unknown */
	PH_ADAPTER_LOST = 3,
	/* cannot be sent at all, now or ever: a dead letter */
	PH_ADAPTER_REFUSED = 4,
	/* handed over, by a transport that has no answers (a file written) */
	PH_ADAPTER_DONE = 5,
	/* the system had it already, by a transport that can tell */
	PH_ADAPTER_REPEATED = 6,
	/* since 0.2: nothing was done, because the record is not any more in the state that the
	 * request's `version` names. It is read again */
	PH_ADAPTER_CHANGED = 7
};

/* Borrowed until answered returns. */
typedef struct ph_adapter_answer {
	uint32_t size;
	uint32_t verdict;  /* as above; one the host does not know means LOST */
	uint32_t status;   /* the protocol's own number (HTTP: 200), or 0 */
	uint32_t reserved; /* 0 */
	uint64_t delay;	   /* a wish to be left alone so long, or 0 */
	ph_adapter_text body;
	ph_adapter_text content_type;
	const ph_adapter_pair *headers; /* names in lower case */
	uint64_t header_count;
	/* DONE, REPEATED: the system's reference, or empty */
	ph_adapter_text reference;
	/* NOT_SENT, LOST, REFUSED: why, one line for operators */
	ph_adapter_text text;
	/* since 0.2. ANSWERED to FETCH: what names the state of the record that was read (HTTP: a
	 * strong ETag), or empty */
	ph_adapter_text version;
} ph_adapter_answer;

/* What became of received bytes. */
enum {
	/* durable; `reference` is the canonical id */
	PH_ADAPTER_ACCEPTED = 1,
	/* had it already, durable then; `reference` as then */
	PH_ADAPTER_DUPLICATE = 2,
	/* read, and the map says it means nothing here: all is well */
	PH_ADAPTER_IGNORED = 3,
	/* could not be turned into a message; kept whole, durably, for an operator to mend */
	PH_ADAPTER_KEPT = 4,
	/* refused: `path` and `text` say where and why. Nothing is kept */
	PH_ADAPTER_MALFORMED = 5,
	/* refused: a requirement of the map on who may send is not met. Nothing is kept */
	PH_ADAPTER_FORBIDDEN = 6,
	/* refused: it speaks of a reference that nobody knows */
	PH_ADAPTER_UNKNOWN = 7,
	/* refused: contradicts what the same id said before */
	PH_ADAPTER_CONFLICT = 8,
	/* refused: over a limit */
	PH_ADAPTER_TOO_LARGE = 9,
	/* not durable in time, or no room: the caller should try again */
	PH_ADAPTER_LATER = 10
};

/* Borrowed until the callback returns. */
typedef struct ph_adapter_receipt {
	uint32_t size;
	uint32_t result; /* as above; one the plug-in does not know means LATER */
	/* ACCEPTED, DUPLICATE: of the first message made of the bytes */
	ph_adapter_text reference;
	/* its event's id: the sender's key as the map reads it */
	ph_adapter_text id;
	/* refusals: a word ("unknown-code", "invalid"); the offending member, in the sender's
	 * names; one line, without the offending value */
	ph_adapter_text reason;
	ph_adapter_text path;
	ph_adapter_text text;
	uint64_t count; /* messages made of the bytes */
} ph_adapter_receipt;

/* flags of received bytes. */
enum {
	/* the sender is told of a refusal, so nothing is kept then */
	PH_ADAPTER_CALLER_WAITS = 1,
	/* read by ops->poll: `entry` is one of the adapter file's `poll` list */
	PH_ADAPTER_POLLED = 2
};

/* Bytes from the system. Borrowed until receive returns. */
typedef struct ph_adapter_received {
	uint32_t size;
	uint32_t flags;
	/* Which entry of the adapter file's `receive` list: its `name`, or its position ("0") if
	 * it has none; empty: the first. */
	ph_adapter_text entry;
	ph_adapter_text body;
	ph_adapter_text content_type;
	/* What else is known: method, path, query... */
	const ph_adapter_pair *attributes;
	uint64_t attribute_count;
	/* POLLED: where to go on after this; made durable in the same record as what it was read
	 * with. Empty: leave it as it is. */
	ph_adapter_text cursor;
	/* `done` is called by then; 0: the host's own limit. */
	uint64_t deadline;
	void *context; /* for done */
	/* [callback] Once. NULL: nobody wants to know. */
	void (*done)(void *context, const ph_adapter_receipt *receipt);
} ph_adapter_received;

/* What to look up. */
enum {
	/* `references`: canonical ids; one record each, unknown ones left out */
	PH_ADAPTER_BY_REFERENCE = 1,
	/* messages accepted from `from` up to but not including `to` (wall clock); one record for
	 * each message, oldest first */
	PH_ADAPTER_BY_WINDOW = 2
};

typedef struct ph_adapter_records ph_adapter_records;

/* Borrowed until query returns. */
typedef struct ph_adapter_query {
	uint32_t size;
	uint32_t kind;
	/* Which entry of the adapter file's `receive` list: its map, the other way, renders. */
	ph_adapter_text entry;
	const ph_adapter_text *references;
	uint64_t reference_count;
	uint64_t from;
	uint64_t to;
	uint64_t most;	   /* at most so many records; 0: the host's own limit */
	uint64_t deadline; /* 0: the host's own limit */
	void *context;
	/* [callback] Once. */
	void (*done)(void *context, const ph_adapter_records *records);
} ph_adapter_query;

/* One rendered record: the vendor side of a map as pairs, in the map's order. Names are as the
 * map writes them, and may repeat. */
typedef struct ph_adapter_record {
	uint32_t size;
	uint32_t reserved;	   /* 0 */
	ph_adapter_text reference; /* canonical id */
	ph_adapter_text id;	   /* id of the (last) event it was made of */
	uint64_t accepted;	   /* wall clock: when that event was accepted here */
	const ph_adapter_pair *pairs;
	uint64_t pair_count;
} ph_adapter_record;

/* Borrowed until the callback returns. `code` is PH_ADAPTER_OK, or says why there are no
 * records: TIMEOUT, BUSY, NOT_FOUND, CLOSED, FAILED. */
struct ph_adapter_records {
	uint32_t size;
	uint32_t code;
	const ph_adapter_record *const *records;
	uint64_t count;
	ph_adapter_text text; /* when code is not OK: one line */
};

/* Levels of log. */
enum {
	PH_ADAPTER_LOG_ERROR = 0,
	PH_ADAPTER_LOG_WARN = 1,
	PH_ADAPTER_LOG_INFO = 2,
	PH_ADAPTER_LOG_DEBUG = 3
};

/* What the host does for a plug-in. The table and `self` live until destroy has returned. */
typedef struct ph_adapter_host {
	uint32_t size;
	uint32_t abi_major; /* of the host */
	uint32_t abi_minor;
	uint32_t reserved; /* 0 */
	void *self;	   /* first argument of every function below */

	/* [any] The end of a send, poll or probe. Everything is copied. */
	void (*answered)(void *self, uint64_t token, const ph_adapter_answer *answer);

	/* [any] Bytes came in. OK: `done` will be called. BUSY (too many wait),
	 * INVALID (too large), NOT_FOUND (no such entry), CLOSED: it will not. */
	uint32_t (*receive)(
	    void *self, const ph_adapter_received *received, ph_adapter_error *error);

	/* [any] Look messages up. OK: `done` will be called; else it is not. */
	uint32_t (*query)(
	    void *self, const ph_adapter_query *query, ph_adapter_error *error);

	/* [any] A step of a delivery is done: `reference` so far and `resume` bytes (65,535 at most) are
	 * made durable and come back with the next attempt. `done` [callback] is called once they are:
	 * take the next step only then. Not after answered. */
	uint32_t (*progress)(void *self, uint64_t token, ph_adapter_text reference,
	    ph_adapter_text resume, void *context,
	    void (*done)(void *context, uint32_t code));

	/* [any] One line for operators. Ids, sizes, addresses and codes only: never a payload, never
	 * a secret, never anything about a person. */
	void (*log)(void *self, uint32_t level, ph_adapter_text text);

	/* [any] Read a secret anew, after it was changed: at most `capacity` bytes into `buffer`, its
	 * full length into *length. NOT_FOUND, INVALID (does not fit). */
	uint32_t (*secret)(void *self, ph_adapter_text name, char *buffer,
	    uint64_t capacity, uint64_t *length);

	/* [any] Milliseconds that only grow: the scale of deadlines. */
	uint64_t (*now)(void *self);

	/* [any] Milliseconds since 1970-01-01T00:00:00Z. */
	uint64_t (*wall)(void *self);
} ph_adapter_host;

/* What a source of its own (a directory, a table) is polled with. Borrowed until poll returns. */
typedef struct ph_adapter_poll {
	uint32_t size;
	uint32_t reserved; /* 0 */
	/* ends with answered: DONE once every receive of this poll has called back, NOT_SENT or
	 * LOST when it failed */
	uint64_t token;
	uint64_t deadline;
	ph_adapter_text entry;	/* which entry of the adapter file's `poll` list */
	ph_adapter_text cursor; /* as last made durable, or empty */
	/* the window, wall clock; 0 and 0 when the entry declares none */
	uint64_t from;
	uint64_t to;
} ph_adapter_poll;

/* States of health. */
enum { PH_ADAPTER_UP = 1, PH_ADAPTER_DEGRADED = 2, PH_ADAPTER_DOWN = 3 };
/* The caller's; the plug-in fills it as an error. */
typedef struct ph_adapter_health {
	uint32_t size;
	uint32_t state;
	char text[256]; /* one line, zero-terminated */
} ph_adapter_health;

/* What a plug-in does. Stop comes once; the host has called back every receive and query before.
 * Members marked optional may be NULL. */
typedef struct ph_adapter_ops {
	uint32_t size;
	uint32_t reserved; /* 0 */

	/* [control] Make an instance: check what the schema cannot, allocate, touch no network.
	 * *instance is handed to every other call. On error nothing is left behind. */
	uint32_t (*create)(const ph_adapter_host *host, const ph_adapter_config *config,
	    void **instance, ph_adapter_error *error);

	/* [control] Start threads, listen, connect. Returns when ready to receive, at the latest at the
	 * deadline. After an error stop is not called, destroy is. */
	uint32_t (*start)(void *instance, uint64_t deadline, ph_adapter_error *error);

	/* [worker] Optional without PH_ADAPTER_CAN_SEND. Send and return at once; answered follows
	 * unless this returns an error (which means: not sent). */
	uint32_t (*send)(
	    void *instance, const ph_adapter_request *request, ph_adapter_error *error);

	/* [worker] Optional. Read what is new from a source of its own, hand it in with receive. */
	uint32_t (*poll)(
	    void *instance, const ph_adapter_poll *poll, ph_adapter_error *error);

	/* [worker] Optional. Did the request, sent earlier and lost, arrive? Answered with ANSWERED
	 * (reply rules decide), DONE or REPEATED (it did), NOT_SENT (it did not), LOST (cannot tell). */
	uint32_t (*probe)(
	    void *instance, const ph_adapter_request *request, ph_adapter_error *error);

	/* [any] Optional. Returns at once. */
	void (*health)(void *instance, ph_adapter_health *health);

	/* [control] Stop listening and sending, end all threads; sends not ended are answered LOST
	 * or NOT_SENT, or left to the host, which takes them for lost. From now on receive and query
	 * return CLOSED. Past the deadline the process is killed. */
	void (*stop)(void *instance, uint64_t deadline);

	/* [control] Free the instance. No thread of the plug-in runs and no call to the host follows. */
	void (*destroy)(void *instance);
} ph_adapter_ops;

/* Capabilities. A host refuses a plug-in that requires a bit it does not know. */
#define PH_ADAPTER_CAN_SEND	(UINT64_C(1) << 0) /* takes deliveries */
#define PH_ADAPTER_CAN_RECEIVE	(UINT64_C(1) << 1) /* calls receive by itself */
#define PH_ADAPTER_CAN_POLL	(UINT64_C(1) << 2) /* has a poll of its own */
#define PH_ADAPTER_CAN_PROBE	(UINT64_C(1) << 3) /* has a probe of its own */
#define PH_ADAPTER_CAN_QUERY	(UINT64_C(1) << 4) /* calls query */
/* calls progress and takes up resume bytes */
#define PH_ADAPTER_CAN_PROGRESS (UINT64_C(1) << 5)

/* What a plug-in exports, as `ph_adapter`. Text here is zero-terminated and lives as long as the
 * plug-in is loaded. */
typedef struct ph_adapter_manifest {
	uint32_t size;
	uint32_t abi_major;
	uint32_t abi_minor_least; /* the oldest host it works with */
	uint32_t abi_minor_built; /* the newest one it makes use of */
	uint64_t required;	  /* PH_ADAPTER_CAN_*: the host must know these */
	uint64_t optional;	  /* it may */
	const char *name;	  /* the file is <name>.so, the block `<name>:` */
	const char *version;	  /* the plug-in's own */
	const char *vendor;	  /* who made it */
	const char *licence;	  /* SPDX, or "proprietary" */
	const char *schema; /* JSON Schema (2020-12) of the configuration, as text */
	const ph_adapter_ops *ops;
} ph_adapter_manifest;

extern PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adapter;

/* The layout on 64-bit machines, frozen: structs grow at their end only, and a member that came
 * later begins where the struct ended before. */
#if UINTPTR_MAX == UINT64_MAX
PH_ADAPTER_ASSERT(sizeof(ph_adapter_text) == 16);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_pair) == 32);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_error) == 776);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_error, text) == 264);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_config) == 40);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_config, json) == 24);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_request) == 144);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_request, body) == 32);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_request, attributes) == 64);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_request, resume) == 112);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_request, version) == 128);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_answer) == 120);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_answer, body) == 24);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_answer, text) == 88);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_answer, version) == 104);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_receipt) == 96);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_receipt, count) == 88);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_received) == 112);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_received, cursor) == 72);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_received, done) == 104);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_query) == 88);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_query, done) == 80);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_record) == 64);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_records) == 40);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_host) == 88);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_host, answered) == 24);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_host, wall) == 80);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_poll) == 72);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_health) == 264);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_ops) == 72);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_ops, destroy) == 64);
PH_ADAPTER_ASSERT(sizeof(ph_adapter_manifest) == 80);
PH_ADAPTER_ASSERT(offsetof(ph_adapter_manifest, ops) == 72);
#endif

#ifdef __cplusplus
}
#endif
#endif
