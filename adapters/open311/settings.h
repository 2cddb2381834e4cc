/*
 * settings - what the open311 transport is configured with, read once from its JSON.
 *
 * Invariants: the list of services is complete and does not change while the adapter runs: a client
 * drops what is missing from it.
 * Thread: owner while it is read, any after. Errors: PH_ADAPTER_INVALID with the path.
 */
#ifndef PH_OPEN311_SETTINGS_H
#define PH_OPEN311_SETTINGS_H

#include "adapters/common/plug.h"

typedef struct ph_open311_settings {
	json_t *json;	       /* ours; all texts point into it */
	const char *listen;    /* "127.0.0.1:8101" */
	const char *base;      /* path before "/services.xml"; "" or "/open311/v2" */
	json_t *jurisdictions; /* list of texts; empty: any or none */
	json_t *keys;	       /* list of texts; empty: none asked for */
	bool keys_to_read;     /* a key is needed to read, too */
	json_t *services;      /* rows that are published, in the table's order; ours */
	json_t *attributes;    /* definitions */
	json_t *discovery;
	uint64_t body_limit; /* bytes */
} ph_open311_settings;

/* The JSON Schema of the configuration. */
extern const char ph_open311_schema[];

uint32_t ph_open311_settings_read(
    const ph_adapter_config *config, ph_open311_settings *out, ph_adapter_error *error);
/* Half-read ones too. */
void ph_open311_settings_fini(ph_open311_settings *settings);

/* The row of a published service; NULL. */
const json_t *ph_open311_service(
    const ph_open311_settings *settings, const char *code, size_t length);
/* Does this definition belong to this service? */
bool ph_open311_applies(const json_t *definition, const json_t *service);

#endif
