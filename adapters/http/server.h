/*
 * server - the addresses that systems push to: one server per address, one entry per path.
 *
 * The body goes to the host as it came. The answer is given when the host knows what became of it,
 * and is good only when that is durable.
 *
 * Thread: start and stop from the host's main thread. Errors: PH_ADAPTER_*.
 */
#ifndef PH_HTTP_SERVER_H
#define PH_HTTP_SERVER_H

#include "adapters/http/settings.h"

typedef struct ph_http_server ph_http_server;

/* Listen on every address of the settings. `host` and `settings` must outlive the server. */
uint32_t ph_http_server_start(const ph_adapter_host *host,
    const ph_http_settings *settings, ph_http_server **out, ph_adapter_error *error);
/* NULL allowed. */
void ph_http_server_stop(ph_http_server **server_p);

/* The HTTP status for what became of received bytes. */
unsigned ph_http_status(uint32_t result);

#endif
