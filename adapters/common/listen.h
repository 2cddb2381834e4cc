/*
 * listen - an HTTP server of a plug-in: libmicrohttpd with every limit set, answering late.
 *
 * A request is read whole (its body within a limit), shown to `handle` once, and answered when
 * ph_listen_answer is called for it, from any thread, now or later. Path and query are handed over
 * raw, as they came on the wire, so that "%2F" is still that.
 *
 * Thread: `handle` runs on the server's own thread; ph_listen_answer may be called from any, once
 * for each request. Errors: PH_ADAPTER_INVALID (address), PH_ADAPTER_FAILED (port taken).
 */
#ifndef PH_LISTEN_H
#define PH_LISTEN_H

#include "adapters/common/plug.h"

typedef struct ph_listen ph_listen;
typedef struct ph_listen_request ph_listen_request;

/* One request, borrowed until it is answered. */
struct ph_listen_request {
	const char *method;
	const char *target;	  /* raw path and query, as in the request line */
	const char *content_type; /* "" if none */
	const char *body;	  /* zero-terminated besides its length */
	size_t length;
	bool too_large; /* the body went past the limit; `body` is empty */
};

typedef void ph_listen_handle(void *self, ph_listen_request *request);

typedef struct ph_listen_settings {
	const char *address;  /* "127.0.0.1:8080", "[::1]:8080"; port 0: any free one */
	uint64_t body_limit;  /* bytes */
	unsigned connections; /* most at a time; 0: 256 */
	unsigned
	    idle_seconds; /* a connection that says nothing so long is closed; 0: 30 */
	ph_listen_handle *handle;
	void *self;
} ph_listen_settings;

/* Check an address without listening. */
uint32_t ph_listen_check(
    const char *address, const char *path, ph_adapter_error *error);
/* Listen. *port is the one in use. */
uint32_t ph_listen_start(const ph_listen_settings *settings, ph_listen **out,
    unsigned *port, ph_adapter_error *error);
/* End: every request handed out must have been answered. NULL allowed. */
void ph_listen_stop(ph_listen **listen_p);

/* Answer; body is copied. `extra` is one more header as "name: value", or NULL. */
void ph_listen_answer(ph_listen_request *request, unsigned status,
    const char *content_type, const char *body, size_t length, const char *extra);

#endif
