/*
 * http - the transport for systems that are called, or call, over HTTP: a client and a server for
 * pushes. It moves bytes; what they mean is the maps' business.
 *
 * What a request may say in its attributes: `method`, `url` (a path below the configured url, with
 * {NAME} in it), `url.NAME` (values for it), `action` (SOAP), `header.NAME`.
 */
#include <stdlib.h>

#include "adapters/http/client.h"
#include "adapters/http/server.h"

typedef struct http {
	const ph_adapter_host *host;
	ph_http_settings settings;
	ph_http_client *client;
	ph_http_server *server; /* NULL until started */
} http;

static void
destroy(void *instance)
{
	http *it = instance;
	if (!it)
		return;
	ph_http_server_stop(&it->server);
	ph_http_client_destroy(&it->client);
	ph_http_settings_fini(&it->settings);
	free(it);
}

static uint32_t
create(const ph_adapter_host *host, const ph_adapter_config *config, void **instance,
    ph_adapter_error *error)
{
	http *it = calloc(1, sizeof *it);
	if (!it)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	it->host = host;
	uint32_t code = ph_http_settings_read(config, &it->settings, error);
	if (!code)
		code = ph_http_client_new(host, &it->settings, &it->client, error);
	if (code)
		destroy(it);
	else
		*instance = it;
	return code;
}

static uint32_t
start(void *instance, uint64_t deadline, ph_adapter_error *error)
{
	(void) deadline;
	http *it = instance;
	uint32_t code = ph_http_client_start(it->client, error);
	return code ? code
		    : ph_http_server_start(it->host, &it->settings, &it->server, error);
}

static uint32_t
send_request(void *instance, const ph_adapter_request *request, ph_adapter_error *error)
{
	http *it = instance;
	return ph_http_client_send(it->client, request, error);
}

static void
stop(void *instance, uint64_t deadline)
{
	(void) deadline;
	http *it = instance;
	ph_http_server_stop(&it->server);
	ph_http_client_stop(it->client);
}

static const ph_adapter_ops ops = {
    .size = sizeof ops,
    .create = create,
    .start = start,
    .send = send_request,
    .stop = stop,
    .destroy = destroy,
};

PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adapter = {
    .size = sizeof ph_adapter,
    .abi_major = 0,
    .abi_minor_least = 1,
    .abi_minor_built = 2,
    .required = PH_ADAPTER_CAN_SEND | PH_ADAPTER_CAN_RECEIVE,
    .optional = 0,
    .name = "http",
    .version = "0.1.0",
    .vendor = "Packhorse",
    .licence = "Apache-2.0",
    .schema = ph_http_schema,
    .ops = &ops,
};
