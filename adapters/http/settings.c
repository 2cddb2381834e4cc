/*
 * The schema has been checked by the host: here is only what a schema cannot say.
 */
#include "adapters/http/settings.h"
#include "adapters/common/listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No control characters: a header is one line. */
static bool
one_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < 0x20 && *text != '\t')
			return false;
	return true;
}

static uint32_t
read_headers(ph_http_settings *out, const json_t *transport, ph_adapter_error *error)
{
	json_t *headers = json_object_get(transport, "headers");
	if (!headers)
		return PH_ADAPTER_OK;
	out->headers = calloc(json_object_size(headers) + 1, sizeof *out->headers);
	if (!out->headers)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	const char *name = NULL;
	json_t *value = NULL;
	json_object_foreach(headers, name, value)
	{
		const char *text = json_string_value(value);
		if (!text || !one_line(text) || !one_line(name) || strchr(name, ':'))
			return ph_plug_fail(error, PH_ADAPTER_INVALID,
			    "transport/headers",
			    "PH4114 a header is one line of text and its name has no "
			    "colon");
		out->headers[out->header_count++] = (ph_http_header){name, text};
	}
	return PH_ADAPTER_OK;
}

static const char *
default_type(const char *ok)
{
	return *ok == '<'		  ? "text/xml; charset=utf-8"
	       : *ok == '{' || *ok == '[' ? "application/json"
					  : "text/plain; charset=utf-8";
}

static uint32_t
read_hook(
    ph_http_settings *out, size_t at, const json_t *entry, ph_adapter_error *error)
{
	ph_http_hook *hook = &out->hooks[at];
	snprintf(out->positions[at], sizeof out->positions[at], "%zu", at);
	hook->name = ph_plug_string(entry, "name", out->positions[at]);
	hook->listen = ph_plug_string(entry, "listen", out->listen);
	hook->path = ph_plug_string(entry, "path", NULL);
	hook->method = ph_plug_string(entry, "method", "POST");
	hook->ok = ph_plug_string(entry, "ok", "");
	hook->ok_type = ph_plug_string(entry, "ok_type", default_type(hook->ok));
	out->hook_count++;
	char path[64];
	snprintf(path, sizeof path, "receive/%zu/listen", at);
	if (!hook->path || !one_line(hook->ok_type)) {
		snprintf(path, sizeof path, "receive/%zu/path", at);
		return ph_plug_fail(error, PH_ADAPTER_INVALID, path,
		    "PH4115 a path to receive on is needed");
	}
	for (size_t i = 0; i < at; i++)
		if (hook->listen && !strcmp(out->hooks[i].listen, hook->listen) &&
		    !strcmp(out->hooks[i].path, hook->path))
			return ph_plug_fail(error, PH_ADAPTER_INVALID, path,
			    "PH4115 two entries receive on the same address and path");
	return ph_listen_check(hook->listen, path, error);
}

static uint32_t
read_hooks(ph_http_settings *out, ph_adapter_error *error)
{
	json_t *list = json_object_get(out->json, "receive");
	size_t count = json_array_size(list);
	out->hooks = calloc(count + 1, sizeof *out->hooks);
	out->positions = calloc(count + 1, sizeof *out->positions);
	if (!out->hooks || !out->positions)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	uint32_t code = PH_ADAPTER_OK;
	for (size_t i = 0; i < count && !code; i++)
		code = read_hook(out, i, json_array_get(list, i), error);
	return code;
}

static uint32_t
read_numbers(ph_http_settings *out, const json_t *transport, ph_adapter_error *error)
{
	uint32_t code =
	    ph_plug_duration(transport, "timeout", 30000, &out->timeout, error);
	if (!code)
		code = ph_plug_duration(
		    transport, "connect_timeout", 5000, &out->connect_timeout, error);
	if (!code)
		code = ph_plug_size(transport, "answer_limit", UINT64_C(8) << 20,
		    &out->answer_limit, error);
	if (!code)
		code = ph_plug_size(transport, "body_limit", UINT64_C(1) << 20,
		    &out->body_limit, error);
	const json_t *connections = json_object_get(transport, "connections");
	out->connections = connections ? (long) json_integer_value(connections) : 16;
	if (out->connections < 1)
		out->connections = 16;
	return code;
}

uint32_t
ph_http_settings_read(
    const ph_adapter_config *config, ph_http_settings *out, ph_adapter_error *error)
{
	memset(out, 0, sizeof *out);
	uint32_t code = ph_plug_config(config, &out->json, error);
	if (code)
		return code;
	const json_t *transport = json_object_get(out->json, "transport");
	out->listen = ph_plug_string(transport, "listen", NULL);
	out->url = ph_plug_string(transport, "url", NULL);
	out->method = ph_plug_string(transport, "method", "POST");
	out->soap = ph_plug_string(transport, "soap", NULL);
	out->user = ph_plug_string(transport, "user", NULL);
	out->password = ph_plug_string(transport, "password", "");
	out->bearer = ph_plug_string(transport, "bearer", NULL);
	out->ca = ph_plug_string(transport, "ca", NULL);
	out->proxy = ph_plug_string(transport, "proxy", NULL);
	if (out->bearer && !one_line(out->bearer))
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "transport/bearer",
		    "PH4114 a token is one line of text");
	code = read_numbers(out, transport, error);
	if (!code)
		code = read_headers(out, transport, error);
	return code ? code : read_hooks(out, error);
}

void
ph_http_settings_fini(ph_http_settings *settings)
{
	free(settings->headers);
	free(settings->hooks);
	free(settings->positions);
	json_decref(settings->json);
	memset(settings, 0, sizeof *settings);
}
