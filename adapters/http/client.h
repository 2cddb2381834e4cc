/*
 * client - sends requests over HTTP and says for certain, or not, what became of them.
 *
 * One thread runs all transfers. Whatever was not sent at all may be sent again; whatever may have
 * been sent and got no answer is lost, which is not the same: see ph_http_verdict.
 *
 * Thread: send and stop from the host's main thread. Errors: PH_ADAPTER_*.
 */
#ifndef PH_HTTP_CLIENT_H
#define PH_HTTP_CLIENT_H

#include "adapters/http/settings.h"

typedef struct ph_http_client ph_http_client;

/* `host` and `settings` must outlive the client. */
uint32_t ph_http_client_new(const ph_adapter_host *host,
    const ph_http_settings *settings, ph_http_client **out, ph_adapter_error *error);
uint32_t ph_http_client_start(ph_http_client *client, ph_adapter_error *error);
/* Returns at once; host->answered follows. */
uint32_t ph_http_client_send(
    ph_http_client *client, const ph_adapter_request *request, ph_adapter_error *error);
/* End the thread; what is under way is answered as not sent or lost. */
void ph_http_client_stop(ph_http_client *client);
void ph_http_client_destroy(ph_http_client **client_p);

/* What a failed transfer means: PH_ADAPTER_NOT_SENT, LOST or REFUSED; `code` is libcurl's, `sent`
 * the bytes of the request that left. *text says it to operators. */
uint32_t ph_http_verdict(int code, uint64_t sent, const char **text);

#endif
