/*
 * writer - answers of GeoReport v2 as XML or JSON, from one tree.
 *
 * The tree is what the JSON form says: a list is bare there, and in XML the element of the list's
 * name around an element for each item ("services" around "service"). A list that has no such name is
 * repeated elements. All values are texts, but the numbers that the tree says are numbers.
 *
 * Thread: pure. Errors: NULL without memory.
 */
#ifndef PH_OPEN311_WRITER_H
#define PH_OPEN311_WRITER_H

#include "adapters/open311/settings.h"

typedef enum ph_writer_format { PH_WRITER_XML, PH_WRITER_JSON } ph_writer_format;

/* "text/xml; charset=utf-8". */
const char *ph_writer_type(ph_writer_format format);
/* Fresh text (free with free) of `tree`; `root` is its name in XML. */
char *ph_writer_write(ph_writer_format format, const char *root, const json_t *tree);

/* Trees; each is yours. */
json_t *ph_writer_error(unsigned status, const char *text);
json_t *ph_writer_services(const ph_open311_settings *settings);
json_t *ph_writer_definition(
    const ph_open311_settings *settings, const json_t *service);
json_t *ph_writer_discovery(const ph_open311_settings *settings);
json_t *ph_writer_requests(
    const ph_open311_settings *settings, const ph_adapter_records *records);
json_t *ph_writer_updates(const ph_adapter_records *records);
/* The answer to a posted request or update. */
json_t *ph_writer_posted_request(ph_adapter_text reference);
json_t *ph_writer_posted_update(ph_adapter_text id);

#endif
