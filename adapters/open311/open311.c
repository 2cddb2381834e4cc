/*
 * open311 - the transport for systems that report over GeoReport v2 (Open311): a server.
 *
 * What is posted goes to the host as it came, through the entries `request` and `update`; what is
 * asked for comes from the same entries' maps as pairs, and is written as XML or JSON. It knows
 * GeoReport's fields, and nothing of what they mean.
 */
#include <stdlib.h>

#include "adapters/open311/server.h"

typedef struct open311 {
	const ph_adapter_host *host;
	ph_open311_settings settings;
	ph_open311_server *server; /* NULL until started */
} open311;

static void
destroy(void *instance)
{
	open311 *it = instance;
	if (!it)
		return;
	ph_open311_server_stop(&it->server);
	ph_open311_settings_fini(&it->settings);
	free(it);
}

static uint32_t
create(const ph_adapter_host *host, const ph_adapter_config *config, void **instance,
    ph_adapter_error *error)
{
	open311 *it = calloc(1, sizeof *it);
	if (!it)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	it->host = host;
	uint32_t code = ph_open311_settings_read(config, &it->settings, error);
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
	open311 *it = instance;
	return ph_open311_server_start(it->host, &it->settings, &it->server, error);
}

static void
stop(void *instance, uint64_t deadline)
{
	(void) deadline;
	open311 *it = instance;
	ph_open311_server_stop(&it->server);
}

static const ph_adapter_ops ops = {
    .size = sizeof ops,
    .create = create,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};

PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adapter = {
    .size = sizeof ph_adapter,
    .abi_major = 0,
    .abi_minor_least = 1,
    .abi_minor_built = 1,
    .required = PH_ADAPTER_CAN_RECEIVE | PH_ADAPTER_CAN_QUERY,
    .optional = 0,
    .name = "open311",
    .version = "0.1.0",
    .vendor = "Packhorse",
    .licence = "Apache-2.0",
    .schema = ph_open311_schema,
    .ops = &ops,
};
