#include "adapters/open311/settings.h"
#include "adapters/common/listen.h"

#include <string.h>

/* Is a row of the table to be shown? Rows that are only for the way out are not. */
static bool
is_published(const json_t *row)
{
	const char *published = ph_plug_string(row, "published", "yes");
	const char *inwards = ph_plug_string(row, "in", "*");
	return strcmp(published, "no") != 0 && !strcmp(inwards, "*");
}

static uint32_t
read_services(
    ph_open311_settings *out, const json_t *transport, ph_adapter_error *error)
{
	out->services = json_array();
	size_t index = 0;
	json_t *row = NULL;
	json_array_foreach(json_object_get(transport, "services"), index, row)
	{
		if (is_published(row))
			json_array_append(out->services, row);
	}
	if (json_array_size(out->services))
		return PH_ADAPTER_OK;
	return ph_plug_fail(error, PH_ADAPTER_INVALID, "transport/services",
	    "PH4121 no service is published: a client would drop its whole list");
}

/* Every service that a definition names must be there. */
static uint32_t
check_attributes(const ph_open311_settings *settings, ph_adapter_error *error)
{
	size_t index = 0, inner = 0;
	json_t *definition = NULL, *code = NULL;
	json_array_foreach(settings->attributes, index, definition)
	{
		json_array_foreach(json_object_get(definition, "services"), inner, code)
		{
			const char *text = json_string_value(code);
			if (!ph_open311_service(settings, text, strlen(text)))
				return ph_plug_fail(error, PH_ADAPTER_INVALID,
				    "transport/attributes",
				    "PH4122 an attribute is for a service that is not "
				    "published: %.80s",
				    text);
		}
	}
	return PH_ADAPTER_OK;
}

uint32_t
ph_open311_settings_read(
    const ph_adapter_config *config, ph_open311_settings *out, ph_adapter_error *error)
{
	memset(out, 0, sizeof *out);
	uint32_t code = ph_plug_config(config, &out->json, error);
	if (code)
		return code;
	const json_t *transport = json_object_get(out->json, "transport");
	out->listen = ph_plug_string(transport, "listen", NULL);
	out->base = ph_plug_string(transport, "base", "");
	out->jurisdictions = json_object_get(transport, "jurisdictions");
	out->keys = json_object_get(transport, "keys");
	out->keys_to_read = ph_plug_boolean(transport, "keys_to_read", false);
	out->attributes = json_object_get(transport, "attributes");
	out->discovery = json_object_get(transport, "discovery");
	size_t length = strlen(out->base);
	if (length && (out->base[0] != '/' || out->base[length - 1] == '/'))
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "transport/base",
		    "PH4123 the base begins with `/` and does not end with it");
	code = ph_plug_size(
	    transport, "body_limit", UINT64_C(1) << 20, &out->body_limit, error);
	if (!code)
		code = ph_listen_check(out->listen, "transport/listen", error);
	if (!code)
		code = read_services(out, transport, error);
	return code ? code : check_attributes(out, error);
}

void
ph_open311_settings_fini(ph_open311_settings *settings)
{
	json_decref(settings->services);
	json_decref(settings->json);
	memset(settings, 0, sizeof *settings);
}

const json_t *
ph_open311_service(const ph_open311_settings *settings, const char *code, size_t length)
{
	size_t index = 0;
	json_t *row = NULL;
	json_array_foreach(settings->services, index, row)
	{
		const char *text = ph_plug_string(row, "service_code", "");
		if (strlen(text) == length && !memcmp(text, code, length))
			return row;
	}
	return NULL;
}

static bool
lists(const json_t *list, const char *word)
{
	size_t index = 0;
	json_t *item = NULL;
	json_array_foreach(list, index, item)
	{
		if (!strcmp(json_string_value(item), word))
			return true;
	}
	return false;
}

bool
ph_open311_applies(const json_t *definition, const json_t *service)
{
	const json_t *services = json_object_get(definition, "services");
	const json_t *groups = json_object_get(definition, "groups");
	if (!services && !groups)
		return true;
	return lists(services, ph_plug_string(service, "service_code", "")) ||
	       lists(groups, ph_plug_string(service, "group", ""));
}
