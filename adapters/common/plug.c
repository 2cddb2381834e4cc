/*
 * The error struct belongs to the host and may be smaller than the one this was compiled with:
 * what lies past its size is left alone.
 */
#include "adapters/common/plug.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ph_adapter_text
ph_plug_text(const char *text)
{
	ph_adapter_text out = {text, text ? strlen(text) : 0};
	return out;
}

char *
ph_plug_dup(ph_adapter_text text)
{
	char *copy = malloc(text.length + 1);
	if (!copy)
		return NULL;
	if (text.length)
		memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	return copy;
}

bool
ph_plug_is(ph_adapter_text text, const char *word)
{
	return text.length == strlen(word) &&
	       (!text.length || !memcmp(text.data, word, text.length));
}

ph_adapter_text
ph_plug_pair(const ph_adapter_pair *pairs, uint64_t count, const char *name)
{
	for (uint64_t i = 0; i < count; i++)
		if (ph_plug_is(pairs[i].name, name))
			return pairs[i].value;
	return (ph_adapter_text){NULL, 0};
}

uint32_t
ph_plug_fail(
    ph_adapter_error *error, uint32_t code, const char *path, const char *format, ...)
{
	if (!error)
		return code;
	if (error->size >= offsetof(ph_adapter_error, path))
		error->code = code;
	if (error->size >= offsetof(ph_adapter_error, text))
		snprintf(error->path, sizeof error->path, "%s", path ? path : "");
	if (error->size >= sizeof *error) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(error->text, sizeof error->text, format, arguments);
		va_end(arguments);
	}
	return code;
}

uint32_t
ph_plug_config(const ph_adapter_config *config, json_t **out, ph_adapter_error *error)
{
	json_error_t why;
	json_t *json = json_loadb(config->json.data, config->json.length, 0, &why);
	if (!json)
		return ph_plug_fail(
		    error, PH_ADAPTER_INVALID, "", "PH4110 no JSON: %s", why.text);
	*out = json;
	return PH_ADAPTER_OK;
}

const char *
ph_plug_string(const json_t *object, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : fallback;
}

bool
ph_plug_boolean(const json_t *object, const char *name, bool fallback)
{
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value))
		return fallback;
	const char *text = json_string_value(value);
	return json_is_true(value) ||
	       (text && (!strcmp(text, "yes") || !strcmp(text, "true")));
}

typedef struct unit {
	const char *name;
	uint64_t factor;
} unit;

/* "12<unit>" as a number of the smallest unit; false if it is none. */
static bool
scale(const char *text, const unit *units, uint64_t *out)
{
	if (*text < '0' || *text > '9')
		return false;
	char *end = NULL;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno || number > UINT64_C(1) << 40)
		return false;
	for (; units->name; units++) {
		if (!strcmp(units->name, end)) {
			*out = number * units->factor;
			return true;
		}
	}
	return false;
}

static uint32_t
scaled(const json_t *object, const char *name, const unit *units, const char *example,
    uint64_t fallback, uint64_t *out, ph_adapter_error *error)
{
	const json_t *value = json_object_get(object, name);
	if (!value || json_is_null(value)) {
		*out = fallback;
		return PH_ADAPTER_OK;
	}
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = (uint64_t) json_integer_value(value);
		return PH_ADAPTER_OK;
	}
	const char *text = json_string_value(value);
	if (text && scale(text, units, out))
		return PH_ADAPTER_OK;
	char path[64];
	snprintf(path, sizeof path, "transport/%s", name);
	return ph_plug_fail(error, PH_ADAPTER_INVALID, path,
	    "PH4111 `%s` is to be like %s", name, example);
}

uint32_t
ph_plug_duration(const json_t *object, const char *name, uint64_t fallback,
    uint64_t *out, ph_adapter_error *error)
{
	static const unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000},
	    {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
	return scaled(object, name, units, "250ms, 10s, 5m", fallback, out, error);
}

uint32_t
ph_plug_size(const json_t *object, const char *name, uint64_t fallback, uint64_t *out,
    ph_adapter_error *error)
{
	static const unit units[] = {{"", 1}, {"k", UINT64_C(1) << 10},
	    {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30}, {NULL, 0}};
	return scaled(object, name, units, "65536, 64k, 8M", fallback, out, error);
}
