/*
 * settings - what the http transport is configured with, read once from its JSON.
 *
 * Thread: owner while it is read, any after. Errors: PH_ADAPTER_INVALID with the path.
 */
#ifndef PH_HTTP_SETTINGS_H
#define PH_HTTP_SETTINGS_H

#include "adapters/common/plug.h"

/* One header of every request. */
typedef struct ph_http_header {
	const char *name;
	const char *value;
} ph_http_header;

/* One address that a system pushes to. */
typedef struct ph_http_hook {
	const char *name;   /* what receive is told: its name or position */
	const char *listen; /* "127.0.0.1:8203" */
	const char *path;   /* as it stands in the request line, before any "?" */
	const char *method;
	const char *ok;	     /* body of the good answer */
	const char *ok_type; /* its content type */
} ph_http_hook;

typedef struct ph_http_settings {
	json_t *json;	    /* ours; all texts point into it */
	const char *listen; /* where entries listen that do not say; NULL */
	const char *url;    /* NULL: nothing can be sent */
	const char *method;
	const char *soap; /* "1.1", "1.2" or NULL */
	const char *user; /* HTTP Basic; NULL: none */
	const char *password;
	const char *bearer; /* token; NULL: none */
	const char *ca;	    /* file of certificates to trust; NULL: the system's */
	const char *proxy;  /* NULL: none, whatever the environment says */
	uint64_t timeout;   /* ms, name look-up to last byte */
	uint64_t connect_timeout;
	uint64_t answer_limit; /* bytes */
	uint64_t body_limit;   /* of what is pushed */
	long connections;      /* at a time */
	ph_http_header *headers;
	size_t header_count;
	ph_http_hook *hooks;
	size_t hook_count;
	char (*positions)[24]; /* names of the hooks that have none: "0", "1" */
} ph_http_settings;

/* The JSON Schema of the configuration. */
extern const char ph_http_schema[];

uint32_t ph_http_settings_read(
    const ph_adapter_config *config, ph_http_settings *out, ph_adapter_error *error);
/* Half-read ones too. */
void ph_http_settings_fini(ph_http_settings *settings);

#endif
