/* Plug-ins that break the rules, one for each EVIL_*: for the tests of the loader and the host. */
#include <packhorse/adapter.h>

#include <stdlib.h>

typedef struct twice {
	const ph_adapter_host *host;
} twice;

static uint32_t
create(const ph_adapter_host *host, const ph_adapter_config *config, void **instance,
    ph_adapter_error *error)
{
	twice *it = calloc(1, sizeof *it);
	(void) config;
	(void) error;
	if (!it)
		return PH_ADAPTER_FAILED;
	it->host = host;
	*instance = it;
	return PH_ADAPTER_OK;
}

static uint32_t
start(void *instance, uint64_t deadline, ph_adapter_error *error)
{
	(void) instance;
	(void) deadline;
	(void) error;
	return PH_ADAPTER_OK;
}

/* Answers before it returns, again with something else, and a token it was never given. */
static uint32_t
send_twice(void *instance, const ph_adapter_request *request, ph_adapter_error *error)
{
	twice *it = instance;
	(void) error;
	ph_adapter_answer answer = {.size = sizeof answer,
	    .verdict = PH_ADAPTER_DONE,
	    .reference = {"first", 5}};
	it->host->answered(it->host->self, request->token, &answer);
	answer.verdict = PH_ADAPTER_REFUSED;
	it->host->answered(it->host->self, request->token, &answer);
	it->host->answered(it->host->self, request->token + 1000, &answer);
	return PH_ADAPTER_OK;
}

static void
stop(void *instance, uint64_t deadline)
{
	(void) instance;
	(void) deadline;
}

static const ph_adapter_ops ops = {.size = sizeof ops,
    .create = create,
    .start = start,
    .send = send_twice,
    .stop = stop,
    .destroy = free};

#ifdef EVIL_SYMBOL
#define ph_adapter ph_adaptor
extern PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adaptor;
#endif

PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adapter = {
#ifdef EVIL_SIZE
    .size = 12,
#else
    .size = sizeof ph_adapter,
#endif
#ifdef EVIL_ABI
    .abi_major = 42,
#else
    .abi_major = 0,
#endif
    .abi_minor_least = 1,
    .abi_minor_built = 1,
    .required = PH_ADAPTER_CAN_SEND,
    .name = "evil-twice",
    .version = "1",
    .vendor = "Packhorse",
    .licence = "Apache-2.0",
    .schema = "{\"type\":\"object\"}",
    .ops = &ops,
};
