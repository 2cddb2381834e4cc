/*
 * plug - the small things that plug-ins of this tree share: texts, pairs, errors, settings.
 *
 * A plug-in links these in; it depends on nothing else of the project but packhorse/adapter.h.
 *
 * Thread: pure. Errors: PH_ADAPTER_* with the path in the configuration.
 */
#ifndef PH_PLUG_H
#define PH_PLUG_H

#include <stdbool.h>
#include <jansson.h>
#include <packhorse/adapter.h>

/* A zero-terminated text (NULL: empty) as the ABI wants it. */
ph_adapter_text ph_plug_text(const char *text);
/* A zero-terminated copy on the heap; NULL without memory. */
char *ph_plug_dup(ph_adapter_text text);
bool ph_plug_is(ph_adapter_text text, const char *word);
/* The value of the first pair of that name; data is NULL if there is none. */
ph_adapter_text ph_plug_pair(
    const ph_adapter_pair *pairs, uint64_t count, const char *name);

/* Fill *error (NULL allowed; never past its size) and return `code`. */
uint32_t ph_plug_fail(ph_adapter_error *error, uint32_t code, const char *path,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Read the configuration's JSON. *out is yours: json_decref. */
uint32_t ph_plug_config(
    const ph_adapter_config *config, json_t **out, ph_adapter_error *error);
/* A member's text, or `fallback`. Borrowed from the object. */
const char *ph_plug_string(
    const json_t *object, const char *name, const char *fallback);
/* A member as a truth: true, "yes", "true"; anything else is false; absent: `fallback`. */
bool ph_plug_boolean(const json_t *object, const char *name, bool fallback);
/* "250ms" "10s" "5m" "2h" "7d" to milliseconds. */
uint32_t ph_plug_duration(const json_t *object, const char *name, uint64_t fallback,
    uint64_t *out, ph_adapter_error *error);
/* "64k" "8M" "1G" or plain bytes; JSON numbers too. */
uint32_t ph_plug_size(const json_t *object, const char *name, uint64_t fallback,
    uint64_t *out, ph_adapter_error *error);

#endif
