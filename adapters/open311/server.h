/*
 * server - GeoReport v2 over HTTP: which resource is meant, who may ask, what is answered.
 *
 * Everything is answered in GeoReport's shape, errors too: 400 invalid, 403 key, 404 jurisdiction,
 * service, id or extension, 405 method, 409 contradiction, 413 size, 503 not durable in time. A
 * post is answered well only when the host says that it is durable.
 *
 * Thread: start and stop from the host's main thread. Errors: PH_ADAPTER_*.
 */
#ifndef PH_OPEN311_SERVER_H
#define PH_OPEN311_SERVER_H

#include "adapters/open311/settings.h"

typedef struct ph_open311_server ph_open311_server;

/* `host` and `settings` must outlive the server. */
uint32_t ph_open311_server_start(const ph_adapter_host *host,
    const ph_open311_settings *settings, ph_open311_server **out,
    ph_adapter_error *error);
/* NULL allowed. */
void ph_open311_server_stop(ph_open311_server **server_p);

#endif
